//! The verbs that look at a model without a study: verify, sites, inspect, overlay; and the export of a dataset.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::program::Place;
use crate::support::{Copy, FIXTURES, fixture};

fn bundled() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/scenes-llava").display().to_string()
}

fn json_of(place: &Place, words: &[&str]) -> Value {
    let output = place.command(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn verify_says_yes_with_0_and_no_with_1() {
    let (place, copy) = (Place::new(), Copy::of(FIXTURES[0]));
    let model = copy.path().display().to_string();
    let reference = copy.path().join("ref.safetensors").display().to_string();
    let words = ["verify", &model, "--against", &reference, "--json"];
    let verdict = json_of(&place, &words);
    assert_eq!(verdict["equal"], true);
    assert!(verdict["compared"].as_array().unwrap().iter().any(|row| row["name"] == "out.logits"));
    place.run(&["verify", &model, "--against", &reference, "--tolerance", "1e-9"]).expect(1).says(&["tensors differ"]);
    copy.set("config.json", "/vision_feature_layer", json!(-1));
    let ended = place.run(&["verify", &model, "--against", &reference]).expect(1);
    let first = ended.stdout.lines().find(|line| line.contains("DIFFERS")).unwrap();
    assert!(first.starts_with("cap.model.multi_modal_projector"), "not the first in the walk: {first}");
    place.run(&["verify", &model, "--against", "nowhere.safetensors"]).expect(1).says(&["nowhere.safetensors"]);
}

#[test]
fn the_model_alone_is_verified_without_processor_and_tokenizer() {
    let (place, copy) = (Place::new(), Copy::of(FIXTURES[0]));
    let model = copy.path().display().to_string();
    let reference = copy.path().join("ref.safetensors").display().to_string();
    std::fs::remove_file(copy.path().join("processor_config.json")).unwrap();
    place.run(&["verify", &model, "--against", &reference]).expect(1).says(&["how to prepare images"]);
    let verdict = json_of(&place, &["verify", &model, "--against", &reference, "--model-only", "--json"]);
    assert!(verdict["equal"] == true && verdict["compared"].as_array().unwrap().len() > 10, "{verdict}");
    // Without a tokenizer nobody has to say so, but it is said.
    std::fs::remove_file(copy.path().join("tokenizer.json")).unwrap();
    let verdict = json_of(&place, &["verify", &model, "--against", &reference, "--json"]);
    assert!(verdict["equal"] == true && verdict["skipped"].to_string().contains("no tokenizer.json"), "{verdict}");
    // Of a model that fits its tokens to the image, that is not enough.
    let next = fixture("transformers-5.23-llava_next").display().to_string();
    let reference = format!("{next}/ref.safetensors");
    let asked = ["verify", &next, "--against", &reference];
    place
        .run(&[&asked[..], &["--model-only"]].concat())
        .expect(1)
        .says(&["depends on the size of the image", "--image"]);
    place.run(&asked).expect(0);
}

/// Eight and eleven bits of a number: how far off that is, is known.
#[test]
fn numbers_of_half_the_size_are_as_far_off_as_they_are_short() {
    let place = Place::new();
    let folder = fixture(FIXTURES[0]);
    let (model, reference) = (folder.display().to_string(), folder.join("ref.safetensors").display().to_string());
    let apart = |dtype: &str| {
        let ended = place.run(&["verify", &model, "--against", &reference, "--dtype", dtype, "--json"]).expect(1);
        let verdict: Value = serde_json::from_str(&ended.stdout).unwrap();
        let rows = verdict["compared"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == "out.logits").unwrap()["worst"].as_f64().unwrap()
    };
    let (bf16, f16) = (apart("bf16"), apart("f16"));
    assert!(f16 > 1e-3 && f16 < 0.1 && bf16 > 3.0 * f16 && bf16 < 20.0 * f16, "{bf16} {f16}");
}

#[test]
fn sites_and_inspect_describe_the_bundled_model() {
    let place = Place::new();
    let sites = json_of(&place, &["sites", &bundled(), "--json"]);
    let sites = sites.as_array().unwrap();
    let has = |name: &str, shape: &str| sites.iter().any(|site| site["site"] == name && site["shape"] == shape);
    assert!(has("lm.5.attn", "[batch, 8, query, key]") && has("projector.out", "[batch, 64, 128]"), "{sites:?}");
    assert!(has("vision.0.resid", "[batch, 65, 128]") && !has("lm.6.attn", "[batch, 8, query, key]"));
    let about = json_of(&place, &["inspect", &bundled(), "--json"]);
    assert_eq!((&about["family"], &about["layers"], &about["grid"]), (&json!("llava"), &json!(6), &json!([8, 8])));
    assert_eq!(about["sites"], sites.len());
    place.run(&["sites", "nowhere"]).expect(2).says(&["`nowhere` is neither a folder nor"]);
}

#[test]
fn overlay_draws_one_map() {
    let place = Place::new();
    let (model, image) = (bundled(), format!("{}/reference/input.png", bundled()));
    let question =
        "Where is the green circle in relation to the black diamond? Answer with left, right, above or below.";
    let words = ["overlay", &model, &image, "--question", question, "--box", "circle=15,41,59,85"];
    let look = json_of(&place, &[&words[..], &["--out", "map.png", "--json"]].concat());
    let row: Vec<f64> = look["row"].as_array().unwrap().iter().map(|mass| mass.as_f64().unwrap()).collect();
    assert_eq!((row.len(), &look["layer"], &look["next"]), (64, &json!(3), &json!("left")));
    assert!((row.iter().sum::<f64>() - look["image"].as_f64().unwrap()).abs() < 1e-5);
    assert!(image::open(place.path("map.png")).unwrap().width() > 500);
    for (wrong, part) in [("5,5,2,9", "x1 < x2"), ("0,0,500,9", "inside the 128 x 128"), ("1,2,3", "got 3 numbers")] {
        place.run(&["overlay", &model, &image, "--question", "?", "--box", wrong]).expect(2).says(&[part]);
    }
    place.run(&[&words[..], &["--layer", "6"]].concat()).expect(2).says(&["layers 0 to 5"]);
    place.run(&[&words[..], &["--head", "8"]].concat()).expect(2).says(&["heads 0 to 7"]);
}

#[test]
fn an_exported_dataset_is_read_again() {
    let place = Place::new();
    place.run(&["datasets", "--export", "scenes/rows", "--out", "rows"]).expect(0);
    let again = vlmscope::dataset::open(&place.path("rows").display().to_string()).unwrap();
    assert_eq!(again.items().len(), 480);
    place.run(&["datasets", "--export", "scenes/rows", "--out", "rows"]).expect(2).says(&["exists already"]);
}
