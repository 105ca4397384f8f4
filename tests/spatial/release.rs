//! Both releases' files, read strictly.

use burn::tensor::Device;
use vlmscope::model::families::{self, Family};
use vlmscope::model::{Hooks, Site, VisionLanguage};

use super::{MLLM, Watch, floats, inputs, model, of_floats, values};
use crate::support::{Copy, Stored};

/// The same model as v1.0 would have it: other names, the joined patches in another order, a second stage of the connector, and
/// a config.json that speaks of a Qwen2.5-VL.
pub(super) fn first_release() -> Copy {
    let copy = Copy::of(MLLM);
    copy.edit(|tensors| {
        let old = std::mem::take(tensors);
        for (name, stored) in old {
            let renamed = name
                .replace("spatial_encoder.vggt_model.", "vggt.")
                .replace("connector.ln_q.", "vggt_embedding_merger.token_merge_ln_q.")
                .replace("connector.mlp.", "vggt_embedding_merger.token_merge_mlp.");
            let stored = match name.as_str() {
                "connector.ln_q.weight" | "connector.mlp.0.weight" => reordered(&stored),
                _ => stored,
            };
            tensors.insert(renamed, stored);
        }
        for (name, shape) in STAGE {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|n| ((n * 37 + name.len() * 11) % 61) as f32 / 120.0 - 0.2).collect();
            tensors.insert(format!("vggt_embedding_merger.vgg_to_language_{name}"), of_floats(shape, &values));
        }
    });
    let path = copy.path().join("config.json");
    let mut json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let keys = json.as_object_mut().unwrap();
    keys.insert("model_type".into(), "qwen2_5_vl".into());
    keys.insert("architectures".into(), serde_json::json!(["Qwen2_5_VL_VGGTForConditionalGeneration"]));
    keys.remove("connector_config");
    // The released file has no such section; the size of the tiny table has no other place.
    keys.insert("spatial_config".into(), serde_json::json!({"img_size": 56, "embed_dim": 32}));
    std::fs::write(path, json.to_string()).unwrap();
    copy
}

const STAGE: [(&str, &[usize]); 5] = [
    ("ln_q.weight", &[64]),
    ("mlp.0.weight", &[64, 64]),
    ("mlp.0.bias", &[64]),
    ("mlp.2.weight", &[64, 64]),
    ("mlp.2.bias", &[64]),
];

/// The last axis from the order of v1.1, row, column, channel, frame, to that of v1.0: frame, row, column, channel.
fn reordered(stored: &Stored) -> Stored {
    let values = floats(stored);
    let line = |line: &[f32]| -> Vec<f32> { (0..512).map(|at| line[(at % 256) * 2 + at / 256]).collect() };
    of_floats(&stored.1, &values.chunks(512).flat_map(line).collect::<Vec<_>>())
}

#[test]
fn the_first_release_has_two_stages_and_another_order() {
    let copy = first_release();
    assert_eq!(Family::of(copy.path()).unwrap(), Family::SpatialMllm);
    let first = families::open(copy.path(), &Device::flex()).unwrap();
    let addend = |model: &dyn VisionLanguage| {
        let mut watch = Watch::over(&[Site::Connector3d]);
        model.encode(&inputs(4), &mut Hooks::one(&mut watch)).unwrap();
        values(watch.seen[&Site::Connector3d].clone())
    };
    // What v1.1 adds is what enters the second stage here.
    let (entering, ours) = (addend(model().as_ref()), addend(first.as_ref()));
    let tensors = copy.tensors();
    let part = |name: &str| floats(&tensors[&format!("vggt_embedding_merger.vgg_to_language_{name}")]);
    let linear = |x: &[f64], name: &str| -> Vec<f64> {
        let (weight, bias) = (part(&format!("{name}.weight")), part(&format!("{name}.bias")));
        let row = |(row, bias): (&[f32], &f32)| {
            row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>() + f64::from(*bias)
        };
        weight.chunks(x.len()).zip(&bias).map(row).collect()
    };
    for (x, ours) in entering.chunks(64).zip(ours.chunks(64)) {
        let size = (x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 64.0 + 1e-6).sqrt();
        let normed: Vec<f64> =
            x.iter().zip(part("ln_q.weight")).map(|(x, w)| f64::from(*x) / size * f64::from(w)).collect();
        let inner: Vec<f64> = linear(&normed, "mlp.0").into_iter().map(gelu).collect();
        for (expected, ours) in linear(&inner, "mlp.2").into_iter().zip(ours) {
            assert!((expected - f64::from(*ours)).abs() < 1e-4, "{expected} {ours}");
        }
    }
}

/// With the normal distribution function by its series.
fn gelu(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= x * x / f64::from(2 * n + 1);
        sum += term;
    }
    x * (0.5 + (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum)
}

#[test]
fn files_are_read_strictly_but_for_the_heads() {
    let device = Device::flex();
    let complaint = |copy: &Copy| families::open(copy.path(), &device).err().map(|error| error.to_string());
    let encoder = "spatial_encoder.vggt_model.";
    let heads = Copy::of(MLLM);
    heads.edit(|tensors| {
        for name in ["camera_head.trunk.0.weight", "point_head.norm.bias", "depth_head.norm.bias", "track_head.x"] {
            tensors.insert(format!("{encoder}{name}"), of_floats(&[2], &[0.0, 1.0]));
        }
    });
    assert_eq!(complaint(&heads), None);
    let more = Copy::of(MLLM);
    more.edit(|tensors| _ = tensors.insert(format!("{encoder}pose_head.bias"), of_floats(&[1], &[0.0])));
    assert!(complaint(&more).unwrap().contains("pose_head.bias"));
    let less = Copy::of(MLLM);
    less.edit(|tensors| _ = tensors.remove(&format!("{encoder}aggregator.global_blocks.1.attn.k_norm.bias")));
    assert!(complaint(&less).unwrap().contains("global_blocks.1.attn.k_norm.bias` is missing"));
    let shorter = Copy::of(MLLM);
    shorter.edit(|tensors| tensors.retain(|name, _| !name.contains("global_blocks.2.")));
    assert!(complaint(&shorter).unwrap().contains("3 blocks within frames"), "{:?}", complaint(&shorter));
    let layer = Copy::of(MLLM);
    layer.set("config.json", "/connector_config/spatial_embeds_layer_idx", 3.into());
    assert!(complaint(&layer).unwrap().contains("expected -3 to 2"));
    let kind = Copy::of(MLLM);
    kind.set("config.json", "/connector_config/connector_type", "cross_attention".into());
    assert!(complaint(&kind).unwrap().contains("supported: `mlp_add`"));
    let patch = Copy::of(MLLM);
    patch.set("config.json", "/spatial_config/patch_size", 7.into());
    assert!(complaint(&patch).is_some());
}
