//! Recording with the bundled model: killed, interrupted, on a full disk, with items that are broken.

use std::path::Path;
use std::process::{Command, Stdio};

use safetensors::SafeTensors;

use crate::support::program::{Ended, Place, bytes, signal, wait_until};

const STUDY: &str = r#"title = "Small"
question = "Does it go on where it stopped?"
[dataset]
source = "scenes/pairs"
limit = 150
[record]
batch = 8
[[record.hidden]]
sites = ["lm.0..3.resid"]
groups = ["last", "object_1"]
[[record.hidden]]
sites = ["pixels", "projector.out"]
groups = ["objects", "background"]
states = "tokens"
dtype = "f16"
variants = ["original", "noise", "untrained_1"]
"#;

/// The frames of that study.
const FRAMES: [&str; 7] = [
    "attention",
    "hidden/lm.0.resid",
    "hidden/lm.1.resid",
    "hidden/lm.2.resid",
    "hidden/pixels",
    "hidden/projector.out",
    "items",
];

/// Three shards: 64, 64 and 22 items.
fn place() -> Place {
    let place = Place::new();
    place.write("study.toml", STUDY);
    place
}

fn record<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["record", "study.toml", "--out", out], more].concat()
}

/// A dataset of so many items about four small images.
fn dataset(place: &Place, items: usize) {
    let colour = |x: u32, y: u32, n: u32| image::Rgb([(x * 4) as u8, (y * 4) as u8, (n * 60) as u8]);
    for n in 0..4 {
        image::RgbImage::from_fn(64, 64, |x, y| colour(x, y, n)).save(place.path(&format!("{n}.png"))).unwrap();
    }
    let line = |n: usize| {
        serde_json::json!({
            "id": format!("item-{n}"), "image": format!("{}.png", n % 4), "gold": n % 4,
            "question": "Where is the red circle in relation to the blue square? Answer with left, right, above or below.",
            "options": ["left", "right", "above", "below"],
            "objects": [{"name": "red circle", "boxes": [[n % 32, 8, n % 32 + 9, 30]]}, {"name": "blue square"}],
        })
    };
    place.write("items.jsonl", (0..items).map(|n| line(n).to_string() + "\n").collect::<String>());
}

#[test]
fn killed_at_any_moment_and_resumed_it_gives_the_same_bytes() {
    let place = place();
    dataset(&place, 80);
    let from = ["--dataset", "items.jsonl"];
    place.run(&record("whole", &from)).expect(0);
    let whole = bytes(&place.path("whole/frames"));
    let names: Vec<_> = whole.keys().map(|name| name.display().to_string()).collect();
    assert_eq!(names, FRAMES.map(|name| format!("{name}.parquet")));

    // Killed after the first change on disk, the third, and so on: in the middle of a shard, between the files of one,
    // while shards are joined, while they are removed.
    let mut kills = 0;
    for patience in (1..60).step_by(2) {
        let mut seen = bytes(&place.path("killed"));
        let mut child = place.start(&record("killed", &[&from[..], &["--resume"]].concat()));
        let (mut changes, mut ended) = (0, None);
        wait_until(|| {
            ended = child.try_wait().unwrap();
            let now = bytes(&place.path("killed"));
            changes += usize::from(now != seen);
            seen = now;
            ended.is_some() || changes == patience
        });
        if ended.is_some_and(|status| status.success()) {
            break;
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        kills += 1;
    }
    place.run(&record("killed", &[&from[..], &["--resume"]].concat())).expect(0);
    println!("{kills} kills");
    assert!(kills >= 5, "only {kills} kills");
    assert_eq!(bytes(&place.path("killed/frames")), whole, "after {kills} kills");
}

#[test]
fn the_number_of_threads_does_not_show() {
    let place = place();
    place.run(&record("many", &["--limit", "24"])).expect(0);
    let one = place.command(&record("one", &["--limit", "24"])).env("RAYON_NUM_THREADS", "1").output().unwrap();
    Ended::from(one).expect(0);
    assert_eq!(bytes(&place.path("one/frames")), bytes(&place.path("many/frames")));
}

#[test]
fn ctrl_c_finishes_the_shard_and_prints_the_command_that_goes_on() {
    let place = place();
    let child = place.start(&record("run", &[]));
    // From here on Ctrl-C is caught.
    wait_until(|| place.path("run/run.json").is_file());
    signal(&child, "INT");
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(130);
    ended.says(&["go on with", "vlmscope record study.toml --out run --resume"]);
    assert!(place.path("run/frames/items/part-00000.parquet").is_file(), "the shard at hand is finished");
    assert!(!place.path("run/frames/items.parquet").exists());

    let refused = place.run(&record("run", &[])).expect(2);
    refused.says(&["unfinished recording", "--resume"]);
    place.run(&record("run", &["--resume"])).expect(0);
    place.run(&record("run", &[])).expect(0);
    place.run(&record("whole", &[])).expect(0);
    assert_eq!(bytes(&place.path("run/frames")), bytes(&place.path("whole/frames")));
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let place = place();
    let small = STUDY.rsplit_once("[[record.hidden]]").map_or(STUDY, |(study, _)| study);
    place.write("study.toml", small);
    place.run(&record("whole", &[])).expect(0);
    // No file may grow past 1 MB: shards do not, the joined attention frame does.
    let words = record("run", &[]).join(" ");
    let script = format!("trap '' XFSZ; ulimit -f 2048; exec {} {words}", env!("CARGO_BIN_EXE_vlmscope"));
    let output = Command::new("sh").args(["-c", &script]).current_dir(place.path("")).stdin(Stdio::null()).output();
    let ended = Ended::from(output.unwrap()).expect(1);
    ended.says(&["no room to write", "attention.parquet", "--resume"]);
    assert!(place.path("run/frames/items/part-00002.parquet").is_file(), "every shard is kept");
    place.run(&record("run", &["--resume"])).expect(0);
    assert_eq!(bytes(&place.path("run/frames")), bytes(&place.path("whole/frames")));
}

#[test]
fn a_broken_image_stops_the_run_or_is_skipped_and_listed() {
    let place = place();
    dataset(&place, 6);
    let whole = std::fs::read(place.path("2.png")).unwrap();
    std::fs::write(place.path("2.png"), &whole[..whole.len() / 2]).unwrap();
    let stopped = place.run(&record("run", &["--dataset", "items.jsonl"])).expect(1);
    stopped.says(&["item `item-2`", "2.png", "--skip-bad-items"]);
    let skipped = place.run(&record("run", &["--dataset", "items.jsonl", "--skip-bad-items", "--resume"])).expect(3);
    skipped.says(&["1 items were skipped", "item-2: "]);
    assert!(std::fs::read_to_string(place.path("run/skipped.json")).unwrap().contains("\"item-2\""));
    let items = vlmscope::record::read_frame(&place.path("run/frames/items.parquet"), Some(&["item"])).unwrap();
    assert_eq!(items.height(), 5);
}

/// A copy of the bundled model with one weight of its last matrix that is not a number.
fn broken_model(place: &Place) {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join(vlmscope::study::BUNDLED_MODEL);
    for entry in std::fs::read_dir(&bundled).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        place.write(&format!("model/{}", entry.file_name().display()), std::fs::read(entry.path()).unwrap());
    }
    let path = place.path("model/model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let head = file.tensors().into_iter().find(|(name, _)| name.ends_with("lm_head.weight")).unwrap().1;
    let (at, width) = (head.data().as_ptr() as usize - bytes.as_ptr() as usize, head.dtype().bitsize() / 8);
    assert!(at >= header);
    // All bits set are NaN in every float.
    bytes[at..at + width].fill(0xff);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_model_that_computes_no_numbers_is_told() {
    let place = place();
    broken_model(&place);
    let stopped = place.run(&record("run", &["--model", "model", "--limit", "8"])).expect(1);
    stopped.says(&["item `pairs-", "not numbers", "weights"]);
}

#[test]
fn the_folder_of_another_study_is_refused() {
    let place = place();
    place.run(&record("run", &["--limit", "8"])).expect(0);
    let kept = bytes(&place.path("run"));
    place.run(&record("run", &["--limit", "9"])).expect(2).says(&[
        "`run` holds another run",
        "8 there, 9 asked",
        "--out",
    ]);
    place.write("study.toml", STUDY.replace("Small", "Another"));
    place.run(&record("run", &["--limit", "8", "--resume"])).expect(2).says(&["Small there, Another asked"]);
    assert_eq!(bytes(&place.path("run")), kept, "refusing changes nothing");
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_any_work() {
    let place = place();
    place.write("file", "");
    let begun = std::time::Instant::now();
    place.run(&record("file/run", &[])).expect(1).says(&["cannot create", "file/run"]);
    place.run(&record("/dev/null/run", &[])).expect(1).says(&["cannot create", "/dev/null/run"]);
    assert!(begun.elapsed().as_secs() < 30);
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let place = place();
    let told = place.run(&record("run", &["--dry-run", "--json"])).expect(0);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((told["items"].as_u64(), told["rows"]["items"].as_u64()), (Some(150), Some(150)));
    assert_eq!(told["rows"]["hidden/lm.2.resid"].as_u64(), Some(150 * 2));
    // Every patch is an object's or background: 64 of each image, of two variants; of the pixels, untrained is none.
    assert_eq!(told["rows"]["hidden/projector.out"].as_u64(), Some(150 * 3 * 64));
    assert_eq!(told["rows"]["hidden/pixels"].as_u64(), Some(150 * 2 * 64));
    let frames = told["frames"].as_array().unwrap();
    let frame = |name: &str| frames.iter().find(|frame| frame["frame"] == name).unwrap();
    assert_eq!((&frame("hidden/pixels")["width"], &frame("hidden/pixels")["dtype"]), (&3.into(), &"f16".into()));
    assert!(told["bytes"].as_u64().unwrap() > 0 && told["seconds"].as_f64().unwrap() > 0.0);
    assert!(!place.path("run").exists());
    // What it tells is what is then recorded.
    place.run(&record("run", &["--limit", "8"])).expect(0);
    let rows = |name: &str| {
        vlmscope::record::read_frame(&place.path(&format!("run/frames/{name}.parquet")), None).unwrap().height() as u64
    };
    assert_eq!(rows("attention") * 150, told["rows"]["attention"].as_u64().unwrap() * 8);
    for name in FRAMES.iter().filter(|name| name.starts_with("hidden")) {
        assert_eq!(rows(name) * 150, told["rows"][name].as_u64().unwrap() * 8, "{name}");
    }
    assert!(!Path::new(&place.path("run/frames/items")).exists());
}
