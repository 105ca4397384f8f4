//! Checkpoints as published, and as they arrive broken.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;
use half::{bf16, f16};
use safetensors::Dtype;
use serde_json::json;
use vlmscope::error::Error;
use vlmscope::model::{Hooks, Inputs, families};
use vlmscope::processor::Processor;

use crate::support::{Copy, FIXTURES, Stored, write};

fn logits(folder: &Path) -> Vec<f32> {
    let model = families::open(folder, &Device::flex()).unwrap();
    let image = vlmscope::dataset::image_file::open_rgb(&folder.join("input.png")).unwrap();
    let item = Processor::open(folder).unwrap().prepare(&image, "What is in the image?", &[]).unwrap();
    let inputs = Inputs::collate(&[&item], &Device::flex()).unwrap();
    model.run(&inputs, &mut Hooks::none()).unwrap().into_data().iter::<f32>().collect()
}

fn refused(copy: &Copy) -> Error {
    match families::open(copy.path(), &Device::flex()) {
        Ok(_) => panic!("a broken checkpoint must be refused"),
        Err(error) => error,
    }
}

fn says(error: &Error, parts: &[&str]) {
    let text = format!("{error} {}", error.help().unwrap_or_default());
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

#[test]
fn three_key_layouts_hold_the_same_model() {
    let copy = Copy::of(FIXTURES[0]);
    let expected = logits(copy.path());
    let renamed = |rename: fn(&str) -> String| {
        let copy = Copy::of(FIXTURES[0]);
        copy.edit(|tensors| *tensors = tensors.drain().map(|(name, stored)| (rename(&name), stored)).collect());
        logits(copy.path())
    };
    let original = renamed(|name| name.replacen("vision_tower.", "vision_tower.vision_model.", 1));
    let in_memory = renamed(|name| match name.strip_prefix("language_model.") {
        Some(rest) if rest.starts_with("lm_head") => rest.to_owned(),
        Some(rest) => format!("model.language_model.{}", rest.trim_start_matches("model.")),
        None => format!("model.{name}"),
    });
    assert_eq!(expected, original);
    assert_eq!(expected, in_memory);
}

#[test]
fn half_precision_and_several_files_are_read() {
    let expected = logits(Copy::of(FIXTURES[0]).path());
    let narrowed = |dtype: Dtype, narrow: fn(f32) -> [u8; 2]| {
        let copy = Copy::of(FIXTURES[0]);
        copy.edit(|tensors| {
            for (kind, _, bytes) in tensors.values_mut() {
                *bytes = bytes.as_chunks().0.iter().flat_map(|b| narrow(f32::from_le_bytes(*b))).collect();
                *kind = dtype;
            }
        });
        logits(copy.path())
    };
    let worst = |other: &[f32]| expected.iter().zip(other).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(worst(&narrowed(Dtype::F16, |x| f16::from_f32(x).to_le_bytes())) < 0.05);
    assert!(worst(&narrowed(Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes())) < 0.5);

    let copy = Copy::of(FIXTURES[0]);
    let (first, second): (HashMap<String, Stored>, HashMap<String, Stored>) =
        copy.tensors().into_iter().partition(|(name, _)| name.contains("vision_tower"));
    let mut map = serde_json::Map::new();
    for (file, tensors) in [("model-00001-of-00002.safetensors", &first), ("model-00002-of-00002.safetensors", &second)]
    {
        write(&copy.path().join(file), tensors);
        map.extend(tensors.keys().map(|name| (name.clone(), json!(file))));
    }
    std::fs::remove_file(copy.path().join("model.safetensors")).unwrap();
    let index = json!({"metadata": {}, "weight_map": map}).to_string();
    std::fs::write(copy.path().join("model.safetensors.index.json"), index).unwrap();
    assert_eq!(expected, logits(copy.path()));

    std::fs::remove_file(copy.path().join("model-00002-of-00002.safetensors")).unwrap();
    says(&refused(&copy), &["model-00002-of-00002.safetensors", "not in the folder"]);
}

#[test]
fn sparse_configurations_have_their_class_defaults() {
    let copy = Copy::of(FIXTURES[0]);
    let expected = logits(copy.path());
    let path = copy.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for (part, key) in [
        ("vision_config", "hidden_act"),
        ("vision_config", "layer_norm_eps"),
        ("vision_config", "num_channels"),
        ("text_config", "head_dim"),
        ("text_config", "hidden_act"),
        ("text_config", "rope_parameters"),
        ("text_config", "tie_word_embeddings"),
    ] {
        config[part].as_object_mut().unwrap().remove(key);
    }
    for key in
        ["projector_hidden_act", "vision_feature_layer", "vision_feature_select_strategy", "multimodal_projector_bias"]
    {
        config.as_object_mut().unwrap().remove(key);
    }
    std::fs::write(path, config.to_string()).unwrap();
    assert_eq!(expected, logits(copy.path()));
}

#[test]
fn a_missing_tensor_is_named_with_its_neighbour() {
    let copy = Copy::of(FIXTURES[0]);
    let name = "language_model.model.layers.1.mlp.up_proj.weight";
    copy.edit(|tensors| {
        let stored = tensors.remove(name).unwrap();
        tensors.insert("language_model.model.layers.1.mlp.up_prj.weight".to_owned(), stored);
    });
    says(&refused(&copy), &[name, "missing", "up_prj"]);
}

#[test]
fn an_unexpected_tensor_is_named() {
    let copy = Copy::of(FIXTURES[0]);
    copy.set("config.json", "/text_config/num_hidden_layers", json!(2));
    says(&refused(&copy), &["language_model.model.layers.2.", "config.json"]);
}

#[test]
fn a_wrong_shape_or_type_is_named() {
    let copy = Copy::of(FIXTURES[0]);
    copy.set("config.json", "/text_config/intermediate_size", json!(95));
    says(&refused(&copy), &["gate_proj.weight", "[96, 48]", "[95, 48]"]);

    let copy = Copy::of(FIXTURES[0]);
    copy.edit(|tensors| {
        let (kind, _, _) = tensors.get_mut("language_model.model.norm.weight").unwrap();
        *kind = Dtype::I32;
    });
    says(&refused(&copy), &["language_model.model.norm.weight", "I32", "bf16"]);
}

#[test]
fn a_truncated_or_corrupted_file_is_not_read() {
    let copy = Copy::of(FIXTURES[0]);
    let path = copy.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 5, 200, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        says(&refused(&copy), &["model.safetensors", "truncated or corrupted"]);
    }
    let mut scrambled = whole.clone();
    scrambled[9] = b'#';
    std::fs::write(&path, scrambled).unwrap();
    says(&refused(&copy), &["model.safetensors"]);
    std::fs::remove_file(&path).unwrap();
    says(&refused(&copy), &["no weights", "model.safetensors.index.json"]);
}

#[test]
fn an_unknown_family_says_which_are_known() {
    let copy = Copy::of(FIXTURES[0]);
    copy.set("config.json", "/model_type", json!("lava"));
    says(&refused(&copy), &["`lava`", "`llava`"]);
    copy.set("config.json", "/model_type", json!("llava"));
    copy.set("config.json", "/text_config/model_type", json!("mamba"));
    says(&refused(&copy), &["text_config", "`mamba`", "`llama`"]);
}

#[test]
fn placeholders_and_features_must_be_equally_many() {
    let copy = Copy::of(FIXTURES[0]);
    let folder = copy.path();
    let image = vlmscope::dataset::image_file::open_rgb(&folder.join("input.png")).unwrap();
    let mut item = Processor::open(folder).unwrap().prepare(&image, "What is in the image?", &[]).unwrap();
    item.map.image.pop();
    let model = families::open(folder, &Device::flex()).unwrap();
    let inputs = Inputs::collate(&[&item], &Device::flex()).unwrap();
    let error = model.run(&inputs, &mut Hooks::none()).unwrap_err();
    says(&error, &["15 image tokens", "makes 16"]);
}
