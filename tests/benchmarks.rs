//! Published benchmarks, from a data root in miniature.

use std::path::{Path, PathBuf};

use serde_json::Value;
use vlmscope::dataset::benchmarks::{Benchmark, Choice, Prompts, Split, find, sources};
use vlmscope::dataset::{Dataset, Familiarity};
use vlmscope::error::Result;

use crate::support::program::Place;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/benchmarks")
}

fn choice() -> Choice {
    Choice { root: Some(root()), ..Choice::default() }
}

fn open_with(name: &str, choice: &Choice) -> Result<Benchmark> {
    find(name).unwrap().open(choice)
}

fn open(name: &str, boxes: &[&str]) -> Benchmark {
    let boxes = boxes.iter().map(PathBuf::from).collect();
    open_with(name, &Choice { boxes, ..choice() }).unwrap()
}

fn notes(set: &Benchmark) -> Vec<String> {
    set.notes().iter().map(ToString::to_string).collect()
}

/// The first box of an item's object, as (x1, y1, x2, y2).
fn first_box(set: &Benchmark, item: usize, object: usize) -> Option<(f64, f64, f64, f64)> {
    let first = set.items()[item].objects[object].boxes.first()?;
    Some((first.x1, first.y1, first.x2, first.y2))
}

#[test]
fn controlled_a_with_a_detector_s_boxes() {
    let set = open("whatsup/controlled-a", &["detected.jsonl"]);
    let items = set.items();
    assert_eq!(items.len(), 5);
    assert_eq!(items[2].question, "Where is the mug in relation to the table? Answer with left, right, on or under.");
    assert_eq!((items[2].gold, items[2].familiarity), (2, Some(Familiarity::Unfamiliar)));
    assert!(items[..4].iter().all(|item| item.set.as_deref() == Some("mug_table")));
    assert_eq!(first_box(&set, 0, 0), Some((2.0, 4.0, 10.0, 12.0)));
    assert_eq!((first_box(&set, 1, 0), first_box(&set, 1, 1)), (None, Some((14.0, 14.0, 28.0, 23.0))));
    assert_eq!(set.image(&items[0]).unwrap().dimensions(), (32, 24));
    let notes = notes(&set);
    assert!(notes[0].ends_with("exchanged: 1 item (controlled_a_004)"), "{notes:?}");
    assert_eq!(notes[1], "no box for object 1: 3 items (controlled_a_001, controlled_a_003, controlled_a_004)");
}

#[test]
fn a_photograph_that_is_missing_or_of_another_size_is_the_item_s_error() {
    let set = open("whatsup/controlled-a", &["detected.jsonl"]);
    let missing = set.image(&set.items()[3]).unwrap_err();
    assert!(missing.to_string().contains("item `controlled_a_003`: no photograph"), "{missing}");
    assert_eq!(set.missing_photographs(), [root().join("controlled_images/mug_under_table.jpeg")]);
    let size = set.image(&set.items()[2]).unwrap_err().to_string();
    assert!(size.contains("its boxes are meant for 64 x 48 pixels, but") && size.ends_with("has 32 x 24"), "{size}");
    // Without boxes, any size will do.
    let set = open("whatsup/controlled-a", &[]);
    assert!(set.image(&set.items()[2]).is_ok());
}

#[test]
fn controlled_b_and_its_plural() {
    let set = open("whatsup/controlled-b", &[]);
    let first = &set.items()[0];
    assert_eq!(
        first.question,
        "Where is the cap in relation to the sunglasses? Answer with left, right, front or behind."
    );
    assert_eq!((first.gold, first.pair.as_deref()), (2, Some("cap_sunglasses/front-behind")));
    assert_eq!(first.pair, set.items()[1].pair);
}

#[test]
fn coco_sets_find_the_only_instance_of_a_category() {
    let two = open("coco-spatial/two", &["instances_val2017.json"]);
    assert_eq!(first_box(&two, 0, 0), Some((8.0, 4.0, 16.0, 12.0)));
    assert_eq!(first_box(&two, 0, 1), first_box(&two, 2, 0), "TV and tv are one category");
    assert_eq!(notes(&two), ["no box for object 1: several of the name: 1 item (coco_two_001)"]);
    assert_eq!(two.image(&two.items()[1]).unwrap().dimensions(), (30, 40));
    let one = open("coco-spatial/one", &["instances_val2017.json"]);
    assert_eq!((one.items()[1].gold, first_box(&one, 1, 0)), (2, Some((14.0, 14.0, 28.0, 23.0))));
}

#[test]
fn visual_genome_names_may_lack_the_adjective() {
    let two = open("vg-spatial/two", &["objects.json"]);
    assert_eq!(two.items()[0].objects[1].name, "green trees");
    assert_eq!(
        (first_box(&two, 0, 0), first_box(&two, 0, 1)),
        (Some((11.0, 4.0, 19.0, 12.0)), Some((14.0, 14.0, 28.0, 23.0)))
    );
    assert_eq!(notes(&two), ["no box for object 1: 1 item (vg_two_001)"]);
    let one = open("vg-spatial/one", &[]);
    assert!(one.items()[1].question.starts_with("Where are the towels in the photo? Answer with left, right, front,"));
    assert_eq!(notes(&one), [""; 0], "no boxes were asked for");
}

#[test]
fn vsr_in_both_splits() {
    let set = open("vsr/zeroshot-test", &["instances_val2017.json"]);
    let options: Vec<&str> = set.items().iter().map(|item| item.options[item.gold].as_str()).collect();
    assert_eq!(options, ["yes", "no"]);
    assert_eq!(set.items()[1].image, "val2017/000000000021.jpg");
    assert_eq!(set.image(&set.items()[0]).unwrap().dimensions(), (40, 30));
    assert_eq!(first_box(&set, 1, 1), Some((8.0, 4.0, 16.0, 12.0)));
    assert!(notes(&set)[0].starts_with("an object's published name is not the caption's"));
    assert_eq!(open("vsr/random-dev", &[]).items()[0].relation.as_deref(), Some("at the left side of"));
}

#[test]
fn published_prompts_are_asked_as_they_stand_and_their_faults_told() {
    let published = Choice { prompts: Prompts::Published, ..choice() };
    let coco = open_with("coco-spatial/two", &published).unwrap();
    assert_eq!(
        coco.items()[1].question,
        " Where is the person in relation to the dog? Answer with left, right, above or below."
    );
    assert!(notes(&coco)[0].contains("a comma before \"or\"") && notes(&coco)[0].contains("2 items"));
    let vg = open_with("vg-spatial/two", &published).unwrap();
    assert_eq!(vg.items()[0].options[5], "bottom");
    assert!(notes(&vg)[1].ends_with("gives the answer away: 1 item (vg_two_001)"), "{:?}", notes(&vg));
    let vsr = open_with("vsr/zeroshot-test", &published).err().unwrap();
    assert!(vsr.to_string().contains("no prompt file for `vsr/zeroshot-test`") && vsr.exit_code() == 2);
    let missing = open_with("vg-spatial/one", &published).err().unwrap().to_string();
    assert!(
        missing.contains("VG_QA_one_obj_with_answer_six_options.jsonl: the prompts of the AdaptVis code"),
        "{missing}"
    );
}

#[test]
fn the_split_takes_the_notes_along() {
    let by = |split| open_with("whatsup/controlled-a", &Choice { split, ..choice() }).unwrap();
    let (validation, test) = (by(Split::Validation), by(Split::Test));
    // CPython: random.seed(1); random.sample(range(5), 1) is [1].
    assert_eq!((validation.items()[0].id.as_str(), test.items().len()), ("controlled_a_001", 4));
    assert_eq!((notes(&validation).len(), notes(&test).len()), (0, 1));
    assert_ne!(validation.fingerprint(), test.fingerprint());
}

#[test]
fn what_is_missing_is_listed_with_where_to_put_it() {
    let place = Place::new();
    let empty = Choice { root: Some(place.path(".")), ..Choice::default() };
    let error = open_with("coco-spatial/two", &empty).err().unwrap();
    for part in ["coco_qa_two_obj.json: the annotations, from github.com", "val2017: the photographs, from"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(error.exit_code(), 1);
    let listed = place.run(&["datasets", "--data-root", &root().display().to_string(), "--json"]).expect(0);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let of =
        |name: &str| listed["benchmarks"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(
        (of("whatsup/controlled-a")["state"].as_str(), of("whatsup/controlled-a")["items"].as_u64()),
        (Some("found"), Some(5))
    );
    assert_eq!(of("whatsup/controlled-a")["photographs_missing"], 1);
    assert_eq!(of("vsr/random-train")["state"], "missing");
    assert!(of("vsr/random-train")["missing"][0]["path"].as_str().unwrap().ends_with("vsr/random/train.jsonl"));
    assert_eq!(listed["benchmarks"].as_array().unwrap().len(), sources().count());
    let text = place.run(&["datasets"]).expect(0).stdout;
    assert!(
        text.contains("name a data root with --data-root FOLDER or VLMSCOPE_DATA") && text.contains("vsr/random-dev")
    );
}

#[test]
fn a_wrong_root_or_a_wrong_row_is_named() {
    let place = Place::new();
    place.write("study.toml", "title = \"T\"\nquestion = \"Q?\"\n[dataset]\nsource = \"coco-spatial/two\"\n");
    place.run(&["record", "study.toml"]).expect(2).says(&["no data root is named", "VLMSCOPE_DATA"]);
    place
        .run(&["record", "study.toml", "--data-root", "gone"])
        .expect(2)
        .says(&["the data root `gone` is not a folder"]);
    place.write("data/val2017/x.jpg", "");
    place.write("data/coco_qa_two_obj.json", "[\n[21, \"A photo of a cat above a dog\", \"\"],\n[22, \"A photo\"]\n]");
    place
        .run(&["record", "study.toml", "--data-root", "data"])
        .expect(1)
        .says(&["coco_qa_two_obj.json:3: row 1: expected"]);
    place.write("data/coco_qa_two_obj.json", "[\n[21, \"A photo of a cat near a dog\", \"\"]]");
    place.run(&["record", "study.toml", "--data-root", "data"]).expect(1).says(&["no known relation", "near a dog"]);
}

/// The bundled model knows the words of its scenes alone, so the captions are about those.
#[test]
fn a_run_on_what_is_there_lists_what_is_not() {
    let place = Place::new();
    let caption = |relation: &str| format!("A photo of a red circle {relation} a blue square");
    let rows = serde_json::json!([
        [21, caption("to the left of"), ""],
        [23, caption("above"), ""],
        [21, caption("below"), ""],
    ]);
    place.write("data/coco_qa_two_obj.json", rows.to_string());
    place.write("data/val2017/000000000021.jpg", std::fs::read(root().join("val2017/000000000021.jpg")).unwrap());
    place.write(
        "study.toml",
        "title = \"T\"\nquestion = \"Q?\"\n[dataset]\nsource = \"coco-spatial/two\"\nroot = \"data\"\n[record]\nheads = \"mean\"\n",
    );
    place.run(&["record", "study.toml", "--out", "stopped"]).expect(1).says(&["coco_two_001", "000000000023.jpg"]);
    let ended = place.run(&["run", "study.toml", "--out", "run", "--skip-bad-items"]).expect(3);
    assert!(ended.stderr.contains("coco_two_001: ") && ended.stderr.contains("1 items were skipped"), "{ended:?}");
    let manifest: Value = serde_json::from_slice(&std::fs::read(place.path("run/run.json")).unwrap()).unwrap();
    assert_eq!((&manifest["study"]["dataset"]["root"], &manifest["dataset"]["items"]), (&"data".into(), &3.into()));
}
