//! The processor against what transformers made: pixels, prompt ids, and the way back from ids to the question.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use vlmscope::dataset::image_file::open_rgb;
use vlmscope::processor::{Grid, Patch, Prepared, Processor};

const LAYOUTS: [&str; 2] = ["transformers-5.23-llava15", "transformers-4.51-llava15"];
const QUESTION: &str = "What is in the image?";
/// CLIP's, with which the fixtures were normalised.
const STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A copy of a fixture that a test may spoil: its small files, without weights and reference.
fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json" || extension == "jinja") {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

fn prepare(folder: &Path, options: &[&str]) -> vlmscope::error::Result<Prepared> {
    let image = open_rgb(&fixture(LAYOUTS[0]).join("input.png")).unwrap();
    let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    Processor::open(folder)?.prepare(&image, QUESTION, &options)
}

/// The complaint about a spoiled folder.
fn complaint(folder: &Path) -> String {
    prepare(folder, &[]).expect_err("the folder is wrong").to_string()
}

/// Replaces a piece of a file, which must be there.
fn spoil(folder: &Path, name: &str, from: &str, to: &str) {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn numbers<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks().0.iter().copied()
}

#[test]
fn pixels_and_ids_are_those_of_transformers() {
    for layout in LAYOUTS {
        let folder = fixture(layout);
        let bytes = std::fs::read(folder.join("ref.safetensors")).unwrap();
        let reference = SafeTensors::deserialize(&bytes).unwrap();
        let prepared = prepare(&folder, &[]).unwrap();

        let ids = reference.tensor("in.input_ids").unwrap();
        let ids: Vec<u32> = numbers(ids.data()).map(|id| i64::from_le_bytes(id) as u32).collect();
        assert_eq!(prepared.ids, ids, "{layout}");

        let pixels = reference.tensor("in.pixel_values").unwrap();
        assert_eq!(pixels.shape()[1..], prepared.pixel_shape[1..], "{layout}");
        let pixels: Vec<f32> = numbers(pixels.data()).map(f32::from_le_bytes).collect();
        let per_channel = pixels.len() / 3;
        let levels = |at: usize| (prepared.pixels[at] - pixels[at]).abs() * STD[at / per_channel] * 255.0;
        let worst = (0..pixels.len()).map(levels).fold(0.0, f32::max);
        // 4.51 resizes with Pillow, as we do; 5.23 with torchvision, which rounds differently here and there.
        let most = if layout.contains("4.51") { 1e-3 } else { 1.001 };
        assert!(worst <= most, "{layout}: {worst} levels of 255");
    }
}

#[test]
fn the_map_says_what_every_position_is() {
    let prepared = prepare(&fixture(LAYOUTS[0]), &["red", "a square", "blue"]).unwrap();
    let map = &prepared.map;
    assert_eq!((map.len, map.last), (prepared.ids.len(), prepared.ids.len() - 1));
    // This tokenizer adds no BOS.
    assert_eq!(map.bos, None);
    assert_eq!(map.geometry.grid, Grid { rows: 4, cols: 4 });
    assert_eq!(map.image.len(), 16);
    assert!(map.image.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let words: Vec<_> = map.words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words, ["What", "is", "in", "the", "image"]);
    assert!(map.words.iter().all(|word| word.positions.start > map.image[15] && word.positions.end <= map.last));
    assert!(map.words.windows(2).all(|pair| pair[0].positions.end <= pair[1].positions.start));
    let processor = Processor::open(&fixture(LAYOUTS[0])).unwrap();
    for word in &map.words {
        let text = processor.decode(&prepared.ids[word.positions.clone()]).unwrap();
        assert_eq!(text.trim(), word.text);
    }
    // 61 x 43 becomes 39 x 28, of which columns 5 to 33 are kept.
    let (left, width) = (5.0 * 61.0 / 39.0, 28.0 * 61.0 / 39.0);
    let rect = map.geometry.patch_rect(Patch { row: 3, col: 0 });
    let expected = [left, 43.0 * 0.75, left + width / 4.0, 43.0];
    let found = [rect.x1, rect.y1, rect.x2, rect.y2];
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} {expected:?}");
}

#[test]
fn options_start_with_the_token_that_follows_the_prompt() {
    let folder = fixture(LAYOUTS[0]);
    let options = ["red", "a square", "blue"];
    let prepared = prepare(&folder, &options).unwrap();
    let processor = Processor::open(&folder).unwrap();
    for (option, tokens) in options.iter().zip(&prepared.map.options) {
        let start = processor.decode(&[tokens.first_id]).unwrap();
        assert!(start.starts_with(' ') && option.starts_with(start.trim()), "{option}: `{start}`");
    }
    let error = prepare(&folder, &["red", "a sofa", "a square"]).unwrap_err().to_string();
    assert!(error.contains("`a sofa`") && error.contains("`a square`") && error.contains("same token"), "{error}");
}

#[test]
fn named_options_are_found_in_the_question() {
    let folder = fixture(LAYOUTS[0]);
    let processor = Processor::open(&folder).unwrap();
    let image = open_rgb(&folder.join("input.png")).unwrap();
    let options = ["Red", "in the", "blue"].map(str::to_owned);
    let map = processor.prepare(&image, "Is it red, or in the sofa?", &options).unwrap().map;
    let word = |text: &str| map.words.iter().find(|word| word.text == text).unwrap().positions.clone();
    assert_eq!(map.options[0].positions, [word("red")]);
    let both = word("in").start..word("the").end;
    assert_eq!(map.options[1].positions, [both]);
    assert!(map.options[2].positions.is_empty());
}

#[test]
fn ids_lead_back_to_the_question() {
    for layout in LAYOUTS {
        let processor = Processor::open(&fixture(layout)).unwrap();
        let prepared = prepare(&fixture(layout), &[]).unwrap();
        assert_eq!(processor.question_of(&prepared.ids).unwrap().as_deref(), Some(QUESTION));
        let mut changed = prepared.ids.clone();
        changed.pop();
        assert_eq!(processor.question_of(&changed).unwrap(), None);
        assert_eq!(processor.question_of(&[1, 2, 3]).unwrap(), None);
    }
}

#[test]
fn the_image_token_must_be_what_the_files_say() {
    let folder = copy(LAYOUTS[0]);
    spoil(folder.path(), "tokenizer.json", "<image>", "<picture>");
    assert!(complaint(folder.path()).contains("tokenizer.json` has no image token `<image>`"));

    let folder = copy(LAYOUTS[0]);
    spoil(folder.path(), "config.json", "\"image_token_index\": 388", "\"image_token_index\": 7");
    let error = complaint(folder.path());
    assert!(error.contains("key `image_token_index`: is 7, expected 388"), "{error}");
}

#[test]
fn questions_may_not_bring_their_own_image() {
    let folder = fixture(LAYOUTS[0]);
    let image = image::RgbImage::new(8, 8);
    let error = Processor::open(&folder).unwrap().prepare(&image, "what is <image>?", &[]).unwrap_err().to_string();
    assert!(error.contains("contains the image token `<image>`"), "{error}");
}

#[test]
fn files_that_contradict_each_other_are_named() {
    for (layout, file, from, to, expected) in [
        (
            LAYOUTS[0],
            "config.json",
            "\"llava\"",
            "\"blip\"",
            "key `model_type`: is \"blip\", expected a supported family",
        ),
        (
            LAYOUTS[0],
            "processor_config.json",
            "\"patch_size\": 7",
            "\"patch_size\": 14",
            "key `patch_size`: is 14, expected 7",
        ),
        (LAYOUTS[0], "processor_config.json", "image_tokens\": 1", "image_tokens\": 0", "give an image 15 tokens"),
        (
            LAYOUTS[0],
            "processor_config.json",
            "strategy\": \"default",
            "strategy\": \"full",
            "vision_feature_select_strategy",
        ),
        (LAYOUTS[0], "processor_config.json", "\"width\": 28", "\"width\": 30", "30 x 28 pixels"),
        (
            LAYOUTS[0],
            "processor_config.json",
            "\"resample\": 3",
            "\"resample\": 30",
            "image_processor.resample`: is 30",
        ),
        (LAYOUTS[1], "preprocessor_config.json", "\"shortest_edge\"", "\"longest_edge\"", "key `size`"),
        (LAYOUTS[1], "config.json", "\"patch_size\": 7", "\"patch_size\": 0", "vision_config.patch_size`"),
        (LAYOUTS[1], "tokenizer.json", "\"version\"", "\"ver", "is not a tokenizer"),
        (LAYOUTS[1], "chat_template.json", "{% endfor %}", "", "does not compile"),
        (LAYOUTS[1], "chat_template.json", "<image>", "", "puts 0 image tokens"),
    ] {
        let folder = copy(layout);
        spoil(folder.path(), file, from, to);
        let error = complaint(folder.path());
        assert!(error.contains(expected), "{file}, {from}: {error}");
    }
}

#[test]
fn missing_files_are_named() {
    for (layout, file) in [
        (LAYOUTS[0], "config.json"),
        (LAYOUTS[0], "tokenizer.json"),
        (LAYOUTS[0], "processor_config.json"),
        (LAYOUTS[1], "preprocessor_config.json"),
    ] {
        let folder = copy(layout);
        std::fs::remove_file(folder.path().join(file)).unwrap();
        let error = complaint(folder.path());
        assert!(error.contains(file) && error.contains(&folder.path().display().to_string()), "{error}");
    }
}

/// LLaVA's prompt is documented, so a folder without a template still works, and gives the same ids.
#[test]
fn without_a_template_llava_has_its_documented_prompt() {
    let folder = copy(LAYOUTS[0]);
    std::fs::remove_file(folder.path().join("chat_template.jinja")).unwrap();
    assert_eq!(prepare(folder.path(), &[]).unwrap().ids, prepare(&fixture(LAYOUTS[0]), &[]).unwrap().ids);
}

/// A tokenizer that puts BOS in front, as LLaMA's does.
#[test]
fn a_bos_is_found_and_not_doubled() {
    let bos = |folder: &Path| {
        let from = "\"single\": [";
        let to = "\"single\": [{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}},";
        spoil(folder, "tokenizer.json", from, to);
        spoil(
            folder,
            "tokenizer.json",
            "\"special_tokens\": {",
            "\"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [384], \"tokens\": [\"<s>\"]}",
        );
    };
    let plain = prepare(&fixture(LAYOUTS[0]), &["red"]).unwrap();
    let folder = copy(LAYOUTS[0]);
    bos(folder.path());
    let with = prepare(folder.path(), &["red"]).unwrap();
    assert_eq!(with.map.bos, Some(0));
    assert_eq!((with.ids[0], &with.ids[1..]), (384, &plain.ids[..]));
    assert_eq!(with.map.image[0], plain.map.image[0] + 1);
    assert_eq!(with.map.words[0].positions.start, plain.map.words[0].positions.start + 1);
    assert_eq!(with.map.options[0].first_id, plain.map.options[0].first_id);
    assert_eq!(Processor::open(folder.path()).unwrap().question_of(&with.ids).unwrap().as_deref(), Some(QUESTION));
    // A template that writes it itself.
    spoil(
        folder.path(),
        "chat_template.jinja",
        "{% for message in messages %}",
        "{{ bos_token }}{% for message in messages %}",
    );
    assert_eq!(prepare(folder.path(), &["red"]).unwrap().ids, with.ids);
}

#[test]
fn answers_end_where_the_files_say() {
    let folder = copy(LAYOUTS[0]);
    assert_eq!(Processor::open(folder.path()).unwrap().eos_ids(), [385]);
    spoil(folder.path(), "generation_config.json", "\"eos_token_id\": 385", "\"eos_token_id\": [385, 387]");
    assert_eq!(Processor::open(folder.path()).unwrap().eos_ids(), [385, 387]);
    std::fs::remove_file(folder.path().join("generation_config.json")).unwrap();
    spoil(folder.path(), "config.json", "\"eos_token_id\": 385", "\"eos_token_id\": 3");
    assert_eq!(Processor::open(folder.path()).unwrap().eos_ids(), [3]);
}
