//! Weights that stay in the file: the same numbers to the last bit, in less memory.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;
use vlmscope::dataset::image_file::open_rgb;
use vlmscope::model::checkpoint::Weights;
use vlmscope::model::{Hooks, Inputs, families};
use vlmscope::processor::Processor;

use crate::support::program::Place;
use crate::support::{Copy, FIXTURES, fixture};

fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/scenes-llava")
}

#[test]
fn a_model_in_the_file_computes_what_it_computes_in_memory() {
    let families = ["llava15", "llava_next", "idefics3", "internvl", "gemma3", "paligemma", "qwen2_vl", "qwen2_5_vl"];
    for family in families {
        let folder = fixture(&format!("transformers-5.23-{family}"));
        let device = Device::flex();
        let processor = Processor::open(&folder).unwrap();
        let image = open_rgb(&folder.join("input.png")).unwrap();
        let prepared = processor.prepare(&image, "Is the red cube left or right of the ball?", &[]).unwrap();
        let inputs = Inputs::collate(&[&prepared, &prepared], &device).unwrap();
        let [resident, streamed] =
            [Weights::Resident, Weights::Streamed].map(|at| families::open_as(&folder, &device, at).unwrap());
        assert_eq!(resident.parameters(), streamed.parameters(), "{family}");
        let expected = resident.run(&inputs, &mut Hooks::none()).unwrap().into_data();
        // Twice: behind the last block comes the first.
        for _ in 0..2 {
            assert_eq!(streamed.run(&inputs, &mut Hooks::none()).unwrap().into_data(), expected, "{family}");
        }
        let once = Inputs::collate(&[&prepared], &device).unwrap();
        assert_eq!(streamed.generate(&once, 4, &[]).unwrap(), resident.generate(&once, 4, &[]).unwrap(), "{family}");
    }
}

#[test]
fn what_is_missing_in_a_later_block_is_told_at_once() {
    let copy = Copy::of(FIXTURES[0]);
    copy.edit(|tensors| {
        let key = tensors.keys().find(|key| key.contains("layers.1.mlp.up_proj") && key.contains("language")).cloned();
        tensors.remove(&key.unwrap()).unwrap();
    });
    let error = families::open_as(copy.path(), &Device::flex(), Weights::Streamed).err().unwrap().to_string();
    assert!(error.contains("layers.1.mlp.up_proj.weight` is missing"), "{error}");
}

#[test]
fn a_recording_within_little_memory_gives_the_same_bytes() {
    let place = Place::new();
    let model = bundled().display().to_string();
    let about: Value = serde_json::from_str(&place.run(&["inspect", &model, "--json"]).expect(0).stdout).unwrap();
    let bytes = |key: &str| about["bytes"][key].as_u64().unwrap();
    assert!(bytes("streamed") < bytes("resident") && bytes("peak_streamed") < bytes("peak_resident"), "{about}");
    // Seven tenths are for weights: a little more than they take in the file.
    let little = (bytes("streamed") / 7 * 10 + 1_000).to_string();
    let record = |out: &str, further: &[&str]| {
        let words = ["record", "analyses/attention-location.toml", "--limit", "20", "--out", out, "--quiet"];
        place.run(&[&words, further].concat()).expect(0);
        std::fs::read(place.path(out).join("frames/attention.parquet")).unwrap()
    };
    assert!(record("little", &["--memory", &little]) == record("much", &[]), "the frames differ");
    let words = ["record", "analyses/attention-location.toml", "--limit", "20", "--out", "none", "--memory", "1MB"];
    place.run(&words).expect(2).says(&["does not fit into", "it takes about"]);
}
