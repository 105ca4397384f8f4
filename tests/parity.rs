//! Equal to `transformers`, tensor by tensor, and not by accident: breaking any part shows.

use std::path::Path;

use burn::tensor::Device;
use serde_json::json;
use vlmscope::model::families;
use vlmscope::parity::{Reference, Verdict, verify};
use vlmscope::processor::Processor;

use crate::support::{Copy, FIXTURES, fixture};

fn verdict(folder: &Path) -> Verdict {
    let model = families::open(folder, &Device::flex()).unwrap();
    let processor = Processor::open(folder).unwrap();
    let reference = Reference::open(&folder.join("ref.safetensors")).unwrap();
    let image = folder.join("input.png");
    verify(model.as_ref(), &processor, &reference, Some(&image), 1e-4).unwrap()
}

#[test]
fn llava_equals_its_references() {
    for name in FIXTURES {
        let verdict = verdict(&fixture(name));
        assert!(verdict.holds() && verdict.worst() < 1e-4, "{name}: {:#?}", verdict.compared);
        // Ids, pixels, logits, hidden states, generated ids, attention: nothing is left out.
        assert!(verdict.compared.len() >= 16, "{name}: {}", verdict.compared.len());
        assert_eq!(verdict.skipped, [], "{name}");
    }
}

/// Each of these is a mistake somebody made before; none may pass.
#[test]
fn broken_on_purpose_it_differs() {
    let config = |pointer: &'static str, value: serde_json::Value| {
        move |copy: &Copy| copy.set("config.json", pointer, value.clone())
    };
    let processor = |pointer: &'static str, value: serde_json::Value| {
        move |copy: &Copy| copy.set("processor_config.json", pointer, value.clone())
    };
    let zeroed = |name: &'static str| {
        move |copy: &Copy| {
            copy.edit(|tensors| tensors.get_mut(name).unwrap().2.fill(0));
        }
    };
    type Break<'a> = (&'a str, Box<dyn Fn(&Copy)>, &'a str);
    let breaks: Vec<Break> = vec![
        ("rotary base", Box::new(config("/text_config/rope_parameters/rope_theta", json!(500.0))), "out.hidden.1"),
        ("LM epsilon", Box::new(config("/text_config/rms_norm_eps", json!(1e-3))), "out.hidden.1"),
        ("tower epsilon", Box::new(config("/vision_config/layer_norm_eps", json!(1e-3))), "out.hidden.0"),
        ("tower activation", Box::new(config("/vision_config/hidden_act", json!("gelu"))), "out.hidden.0"),
        ("projector activation", Box::new(config("/projector_hidden_act", json!("quick_gelu"))), "out.hidden.0"),
        ("feature layer", Box::new(config("/vision_feature_layer", json!(-1))), "out.hidden.0"),
        ("projector bias", Box::new(zeroed("multi_modal_projector.linear_1.bias")), "out.hidden.0"),
        (
            "tower bias",
            Box::new(zeroed("vision_tower.encoder.layers.0.self_attn.v_proj.bias")),
            "cap.model.vision_tower.last_hidden_state",
        ),
        ("resampling", Box::new(processor("/image_processor/resample", json!(2))), "in.pixel_values"),
        ("resize", Box::new(processor("/image_processor/size/shortest_edge", json!(31))), "in.pixel_values"),
        ("mean", Box::new(processor("/image_processor/image_mean", json!([0.5, 0.5, 0.5]))), "in.pixel_values"),
    ];
    for (what, spoil, first) in breaks {
        let copy = Copy::of("transformers-5.23-llava15");
        spoil(&copy);
        let verdict = verdict(copy.path());
        let row = verdict.compared.iter().find(|row| row.name == first).unwrap();
        assert!(!row.holds(), "{what}: {first} still agrees ({:.1e})", row.worst);
        assert!(!verdict.holds(), "{what}");
    }
}

/// The reference was written by `scripts/reference.py`; `scripts/check_bundled.py` holds transformers against it.
#[test]
fn the_bundled_model_equals_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/scenes-llava");
    let model = families::open(&folder, &Device::flex()).unwrap();
    let processor = Processor::open(&folder).unwrap();
    let reference = Reference::open(&folder.join("reference/ref.safetensors")).unwrap();
    let image = folder.join("reference/input.png");
    let verdict = verify(model.as_ref(), &processor, &reference, Some(&image), 1e-4).unwrap();
    assert!(verdict.holds() && verdict.worst() < 1e-4, "{:#?}", verdict.compared);
    assert!(verdict.compared.len() >= 20 && verdict.skipped.is_empty(), "{:?}", verdict.skipped);
}
