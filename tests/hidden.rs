//! Hidden states of the bundled model: the right tokens of the right image, whatever the batch; and what cannot be is refused.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use vlmscope::analysis::Frames;
use vlmscope::analysis::frames::{HiddenSite, Items};
use vlmscope::dataset::{Counterpart, Dataset, Item, Joined};
use vlmscope::error::Result;
use vlmscope::model::{Hook, Hooks, Inputs, Site, families};
use vlmscope::processor::{Patch, Prepared, Processor};

use crate::support::program::Place;

fn study(dataset: &str, hidden: &str) -> String {
    let start = "title = \"Hidden\"\nquestion = \"What is held where?\"\n";
    format!("{start}[dataset]\nsource = {dataset}\n[record]\nattention = []\nbatch = 4\n{hidden}")
}

fn block(sites: &str, groups: &str, more: &str) -> String {
    format!("[[record.hidden]]\nsites = [{sites}]\ngroups = [{groups}]\n{more}\n")
}

/// Records a study and reads what it left.
fn record(place: &Place, study: &str, limit: &str) -> Frames {
    place.write("study.toml", study);
    place.run(&["record", "study.toml", "--out", "run", "--limit", limit]).expect(0);
    Frames::read(&place.path("run/frames"), "last").unwrap()
}

fn site(frames: &Frames, site: &str) -> HiddenSite {
    HiddenSite::read(&frames.folder, site, &frames.items).unwrap()
}

/// The vectors of one item, variant and group, in the order of the file, with their cells.
fn vectors(site: &HiddenSite, items: &Items, item: &str, variant: &str, group: &str) -> Vec<(Option<Patch>, Vec<f32>)> {
    let wanted = |row: &vlmscope::analysis::frames::HiddenRow| {
        let names = (&site.variants()[row.variant as usize], &site.groups()[row.group as usize]);
        items.id[row.item] == item && names.0 == variant && names.1 == group
    };
    let rows = site.rows.iter().zip(site.vectors.outer_iter()).filter(|(row, _)| wanted(row));
    rows.map(|(row, vector)| (row.cell, vector.to_vec())).collect()
}

/// Keeps the tokens of some sites.
struct Keep(Vec<Site>, Vec<(Site, Vec<f32>)>);

impl Hook for Keep {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        self.1.push((site, tokens.clone().into_data().iter::<f32>().collect()));
        Ok(tokens)
    }
}

/// One item alone through the bundled model, every token of it.
fn alone(item: &Item, image: &image::RgbImage, sites: &[Site]) -> (Prepared, Vec<(Site, Vec<f32>)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(vlmscope::study::BUNDLED_MODEL);
    let model = families::open(&folder, &Device::flex()).unwrap();
    let prepared = Processor::open(&folder).unwrap().prepare(image, &item.question, &item.options).unwrap();
    let mut keep = Keep(sites.to_vec(), Vec::new());
    let inputs = Inputs::collate(&[&prepared], &Device::flex()).unwrap();
    model.run(&inputs, &mut Hooks::one(&mut keep)).unwrap();
    (prepared, keep.1)
}

fn rows() -> Joined {
    Joined::open(&["scenes/rows".to_owned()], None).unwrap()
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    let apart = found.iter().zip(expected).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(found.len() == expected.len() && apart < 1e-4, "{what}: {apart} apart");
}

#[test]
fn tokens_and_means_are_those_of_a_plain_pass_of_the_item_alone() {
    let place = Place::new();
    let hidden = [
        block("\"vision.2.resid\", \"projector.out\", \"lm.3.resid\"", "\"image\"", "states = \"tokens\""),
        block(
            "\"lm.3.resid\"",
            "\"object_2\", \"word_2\", \"last\", \"cell_3_6\"",
            "variants = [\"shifted_16\", \"original\"]",
        ),
        block("\"lm.5.mlp_out\"", "\"text\"", ""),
    ];
    let frames = record(&place, &study("\"scenes/rows\"", &hidden.concat()), "6");
    let dataset = rows();
    let (mlp, lm) = (site(&frames, "lm.5.mlp_out"), site(&frames, "lm.3.resid"));
    // The second question about the second image: its encoder pass is shared with the first.
    let item = &dataset.items()[3];
    let sites = [Site::VisionResid(2), Site::ProjectorOut, Site::LmResid(3), Site::LmMlpOut(5)];
    for counterpart in [Counterpart::Original, Counterpart::Shifted(16)] {
        let (changed, image) = dataset.counterpart(item, counterpart, 1).unwrap().unwrap();
        let (prepared, states) = alone(&changed, &image, &sites);
        let state = |site: Site, at: usize| {
            let all = &states.iter().find(|(known, _)| *known == site).unwrap().1;
            all[at * 128..(at + 1) * 128].to_vec()
        };
        let variant = counterpart.to_string();
        let one = |group: &str| {
            let found = vectors(&lm, &frames.items, &item.id, &variant, group);
            assert_eq!((found.len(), found[0].0), (1, None), "{group}");
            found[0].1.clone()
        };
        let (map, name) = (&prepared.map, &item.objects[1].name);
        assert_close(&one("last"), &state(Site::LmResid(3), map.last), "last");
        assert_close(&one("cell_3_6"), &state(Site::LmResid(3), map.image[3 * 8 + 6]), "cell_3_6");
        let word = map.words.iter().rfind(|word| name.ends_with(&word.text)).unwrap();
        assert_close(&one("word_2"), &state(Site::LmResid(3), word.positions.end - 1), "word_2");
        let covered = map.geometry.coverage(&changed.objects[1].boxes);
        let total: f32 = covered.iter().sum();
        let mut mean = vec![0f32; 128];
        for (&share, &at) in covered.iter().zip(&map.image) {
            mean.iter_mut().zip(state(Site::LmResid(3), at)).for_each(|(sum, value)| *sum += share / total * value);
        }
        assert_close(&one("object_2"), &mean, "object_2");
        if counterpart != Counterpart::Original {
            continue;
        }
        let tokens = vectors(&lm, &frames.items, &item.id, "original", "image");
        assert_eq!(tokens.len(), 64);
        for ((cell, vector), (patch, &at)) in tokens.iter().zip(map.geometry.grid.patches().zip(&map.image)) {
            assert_eq!(*cell, Some(patch));
            assert_close(vector, &state(Site::LmResid(3), at), "image token");
        }
        let text = &vectors(&mlp, &frames.items, &item.id, "original", "text")[0].1;
        assert!(text.iter().any(|value| value.abs() > 1e-3));
        // Sites of the image alone are recorded with the image's first question, the encoder's behind its class token.
        for (name, of, class_tokens) in [("vision.2.resid", sites[0], 1), ("projector.out", sites[1], 0)] {
            let recorded = site(&frames, name);
            assert!(vectors(&recorded, &frames.items, &item.id, "original", "image").is_empty());
            let tokens = vectors(&recorded, &frames.items, &dataset.items()[2].id, "original", "image");
            assert_eq!(tokens.len(), 64);
            for (at, (_, vector)) in tokens.iter().enumerate() {
                assert_close(vector, &state(of, class_tokens + at), name);
            }
        }
    }
}

#[test]
fn variants_change_what_they_say_and_nothing_else() {
    let place = Place::new();
    let variants = "variants = [\"original\", \"blank\", \"noise\", \"shifted_16\", \"untrained_1\", \"untrained_2\"]";
    let tokens =
        block("\"pixels\", \"projector.out\", \"lm.0.resid\"", "\"objects\", \"background\"", "states = \"tokens\"");
    let study = study("[\"scenes/rows\", \"scenes/pairs\"]", &(tokens + variants));
    let frames = record(&place, &study, "8");
    assert_eq!(frames.hidden, ["pixels", "projector.out", "lm.0.resid"]);
    let items = &frames.items;
    assert_eq!((items.dataset[7].as_str(), items.dataset[8].as_str()), ("scenes/rows", "scenes/pairs"));
    let [pixels, projector, lm] = ["pixels", "projector.out", "lm.0.resid"].map(|name| site(&frames, name));
    let (first, second, third) = (&items.id[0], &items.id[1], &items.id[2]);
    let at = |of: &HiddenSite, item: &str, variant: &str| vectors(of, items, item, variant, "objects");
    let cells = |of: &HiddenSite, item: &str, variant: &str| -> Vec<Patch> {
        at(of, item, variant).iter().map(|(cell, _)| cell.unwrap()).collect()
    };
    // The same cells, another image or another model; moved objects are one patch of 16 pixels farther along.
    let original = cells(&lm, first, "original");
    for variant in ["blank", "noise", "untrained_1"] {
        assert_eq!(cells(&lm, first, variant), original, "{variant}");
        assert_ne!(at(&lm, first, variant), at(&lm, first, "original"), "{variant}");
    }
    let moved: Vec<Patch> = original.iter().map(|cell| Patch { col: cell.col + 1, ..*cell }).collect();
    assert_eq!((items.gold.len(), cells(&lm, first, "shifted_16")), (16, moved));
    assert_ne!(at(&projector, first, "untrained_1"), at(&projector, first, "untrained_2"));
    // What would leave the canvas has no rows, and that is noted.
    let pairs = Joined::open(&["scenes/pairs".to_owned()], Some(8)).unwrap();
    let (stay, leave): (Vec<&Item>, Vec<&Item>) =
        pairs.items().iter().partition(|item| pairs.has(item, Counterpart::Shifted(16)));
    assert!(!leave.is_empty() && leave.iter().all(|item| at(&lm, &item.id, "shifted_16").is_empty()));
    assert!(stay.iter().all(|item| !at(&lm, &item.id, "shifted_16").is_empty()));
    let noted =
        format!("variant `shifted_16`: {} of 16 items; in {} an object would leave", 8 + stay.len(), leave.len());
    let manifest = std::fs::read_to_string(place.path("run/run.json")).unwrap();
    assert!(manifest.contains(&noted), "{noted}");
    // White is 1, noise about a half, of two questions the same; a red square is red. The weights do not show.
    let mean = |rows: &[(Option<Patch>, Vec<f32>)]| {
        rows.iter().flat_map(|(_, colour)| colour).map(|&value| f64::from(value)).sum::<f64>() / (3 * rows.len()) as f64
    };
    assert!((mean(&at(&pixels, first, "blank")) - 1.0).abs() < 1e-6);
    assert!((mean(&at(&pixels, first, "noise")) - 0.5).abs() < 0.03);
    assert_eq!(at(&lm, first, "noise"), at(&lm, second, "noise"));
    assert_ne!(at(&lm, first, "noise"), at(&lm, third, "noise"));
    assert!(at(&pixels, first, "untrained_1").is_empty() && at(&pixels, second, "original").is_empty());
    let dataset = rows();
    let (image, centre) =
        (dataset.image(&dataset.items()[0]).unwrap(), dataset.items()[0].objects[1].centre().unwrap());
    let painted = image.get_pixel(centre[0] as u32, centre[1] as u32).0.map(|channel| f32::from(channel) / 255.0);
    let inside = Patch { row: centre[1] as usize / 16, col: centre[0] as usize / 16 };
    let seen = at(&pixels, first, "original").into_iter().find(|(cell, _)| *cell == Some(inside)).unwrap().1;
    // Of 26 pixels, a patch that the centre touches is covered by 13 x 13 of 16 x 16 at least: between ink and white.
    for (seen, ink) in seen.iter().zip(painted) {
        assert!((ink - 0.02..=1.0).contains(seen) && (seen - ink).abs() < 0.4, "{seen} for {ink}");
    }
}

#[test]
fn the_batch_does_not_show() {
    let hidden = block("\"projector.out\", \"lm.6.resid\"", "\"objects\", \"background\"", "");
    let read = |batch: &str| {
        let place = Place::new();
        let study = study("\"scenes/rows\"", &hidden).replace("batch = 4", batch);
        let frames = record(&place, &study, "6");
        ["projector.out", "lm.6.resid"].map(|name| site(&frames, name))
    };
    for (together, single) in read("batch = 6").iter().zip(&read("batch = 1")) {
        assert_eq!(together.rows, single.rows);
        assert_close(together.vectors.as_slice().unwrap(), single.vectors.as_slice().unwrap(), &single.site);
    }
}

#[test]
fn an_image_whose_first_question_is_bad_is_recorded_with_the_next() {
    let place = Place::new();
    image::RgbImage::from_pixel(64, 64, image::Rgb([255, 0, 0])).save(place.path("one.png")).unwrap();
    let line = |id: &str, question: &str| {
        let options = ["left", "right"];
        serde_json::json!({"id": id, "image": "one.png", "question": question, "options": options, "gold": 0})
            .to_string()
            + "\n"
    };
    let lines = [
        line("bad", "What is <image> here?"),
        line("good", "What shape is the red object?"),
        line("more", "What colour is the square?"),
    ];
    place.write("items.jsonl", lines.concat());
    place.write("study.toml", study("\"items.jsonl\"", &block("\"pixels\", \"lm.0.resid\"", "\"image\"", "")));
    place.run(&["record", "study.toml", "--out", "run", "--skip-bad-items"]).expect(3).says(&["bad: "]);
    let frames = Frames::read(&place.path("run/frames"), "last").unwrap();
    let pixels = site(&frames, "pixels");
    assert_eq!((pixels.rows.len(), frames.items.id[pixels.rows[0].item].as_str()), (1, "good"));
    assert_close(&pixels.vectors.row(0).to_vec(), &[1.0, 0.0, 0.0], "red");
    assert_eq!(site(&frames, "lm.0.resid").rows.len(), 2);
}

#[test]
fn what_cannot_be_recorded_is_refused_before_anything_runs() {
    let place = Place::new();
    image::RgbImage::new(8, 8).save(place.path("one.png")).unwrap();
    let item = r#"{"id": "a", "image": "one.png", "question": "Where?", "options": ["left", "right"], "gold": 0}"#;
    place.write("items.jsonl", item);
    let refused = |dataset: &str, hidden: &str, parts: &[&str]| {
        place.write("study.toml", study(dataset, hidden));
        place.run(&["record", "study.toml", "--out", "run"]).expect(2).says(parts);
        assert!(!place.path("run/frames").exists());
    };
    let rows = "\"scenes/rows\"";
    let text = block("\"lm.0.resid\", \"projector.out\"", "\"word_1\"", "");
    refused(rows, &text, &["`projector.out` holds image patches only", "no group `word_1`", "study.toml"]);
    refused(rows, &block("\"pixels\"", "\"last\"", ""), &["`pixels` holds image patches only"]);
    let shifted = |pixels: i32| block("\"projector.out\"", "\"image\"", &format!("variants = [\"shifted_{pixels}\"]"));
    refused("\"items.jsonl\"", &shifted(16), &["`items.jsonl` has no counterpart `shifted_16`", "line"]);
    refused("[\"scenes/rows\", \"items.jsonl\"]", &shifted(16), &["`items.jsonl` has no counterpart"]);
    refused(rows, &shifted(64), &["no item has the variant `shifted_64`"]);
    refused(rows, &block("\"lm.9.resid\"", "\"image\"", ""), &["lm.9.resid", "does not exist"]);
    refused(rows, &block("\"lm.0.resid\"", "\"ring_0\"", ""), &["`ring_0` is not a group"]);
    refused("[\"scenes/rows\", \"scenes/rows\"]", &shifted(16), &["both have an item"]);
    refused("[]", &shifted(16), &["dataset"]);
}
