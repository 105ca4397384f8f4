//! VGGT and Spatial-MLLM: equal to their references, and what only they have: a second encoder, its addend, frames that see
//! each other.

use std::collections::HashMap;

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use safetensors::tensor::Dtype;
use vlmscope::error::Result;
use vlmscope::model::families::{self, Family};
use vlmscope::model::{Effect, Hook, Hooks, Inputs, Rows, Site, VisionLanguage};
use vlmscope::parity::{Reference, Verdict, verify_model, verify_vggt, visual_ids};

use crate::support::program::Place;
use crate::support::{Copy, Stored, fixture};

const MLLM: &str = "spatial-mllm";
const VGGT: &str = "vggt";

fn compared(reference: &str) -> Verdict {
    let folder = fixture(MLLM);
    let model = families::open(&folder, &Device::flex()).unwrap();
    let reference = Reference::open(&folder.join(reference)).unwrap();
    let visual = visual_ids(&folder).unwrap();
    verify_model(model.as_ref(), &visual, None, &reference, 1e-4).unwrap()
}

#[test]
fn vggt_equals_its_reference() {
    let folder = fixture(VGGT);
    let reference = Reference::open(&folder.join("ref.safetensors")).unwrap();
    let verdict = verify_vggt(&folder, &reference, 1e-4, &Device::flex()).unwrap();
    assert!(verdict.holds() && verdict.worst() < 1e-4, "{:#?}", verdict.compared);
    assert_eq!(verdict.skipped, []);
    // Position table, patches, six blocks, three pairs of either size, both orders, the sum.
    assert_eq!(verdict.compared.len(), 1 + 1 + 6 + 6 + 2 + 1);
}

#[test]
fn spatial_mllm_equals_its_reference_at_both_time_steps() {
    for name in ["ref_sec0.5.safetensors", "ref_sec1.0.safetensors"] {
        let verdict = compared(name);
        // One state of the reference, of numbers up to 23, is itself 1.1e-4 from what the same code computes in f64: the image
        // encoder's convolution over 1,176 pixels rounds by 6e-6, and every block multiplies that.
        let [state, others] = [true, false].map(|is| {
            let rows = verdict.compared.iter().filter(|row| (row.name == "out.hidden.2") == is);
            rows.map(|row| row.worst).fold(0.0, f64::max)
        });
        assert!(verdict.holds() && others < 1e-4 && state < 1.5e-4, "{name}: {:#?}", verdict.compared);
        assert_eq!(verdict.skipped, [], "{name}");
        // Both addends, their sum and what enters the connector; positions; states, attention, logits.
        assert_eq!(verdict.compared.len(), 4 + 2 + 4 + 3 + 1, "{name}");
    }
}

#[test]
fn verify_takes_both_folders() {
    let place = Place::new();
    for (folder, reference) in [(VGGT, "ref.safetensors"), (MLLM, "ref_sec1.0.safetensors")] {
        let folder = fixture(folder);
        let reference = folder.join(reference);
        let ended =
            place.run(&["verify", folder.to_str().unwrap(), "--against", reference.to_str().unwrap()]).expect(0);
        assert!(ended.stdout.contains("tensors compared"), "{}", ended.stdout);
        let tight =
            ["verify", folder.to_str().unwrap(), "--against", reference.to_str().unwrap(), "--tolerance", "1e-9"];
        place.run(&tight).expect(1);
    }
}

/// Each of these is a mistake that is easy to make; none may pass.
#[test]
fn broken_on_purpose_it_differs() {
    type Change = fn(&mut HashMap<String, Stored>);
    let cases: [(&str, Change, &str); 4] = [
        ("camera tokens of the wrong frames", |all| swap_halves(all, "aggregator.camera_token"), "out.agg.0"),
        ("registers of the wrong frames", |all| swap_halves(all, "aggregator.register_token"), "out.agg.0"),
        ("layer scale", |all| halve(all, "aggregator.frame_blocks.0.ls2.gamma"), "cap.frame_block.0"),
        ("query norm", |all| halve(all, "aggregator.global_blocks.0.attn.q_norm.weight"), "cap.global_block.0"),
    ];
    for (what, change, first) in cases {
        let copy = Copy::of(VGGT);
        copy.edit(change);
        let reference = Reference::open(&copy.path().join("ref.safetensors")).unwrap();
        let verdict = verify_vggt(copy.path(), &reference, 1e-4, &Device::flex()).unwrap();
        let row = verdict.compared.iter().find(|row| row.name == first).unwrap();
        assert!(!row.holds(), "{what}: {first} still agrees ({:.1e})", row.worst);
    }
}

fn swap_halves(tensors: &mut HashMap<String, Stored>, name: &str) {
    let bytes = &mut tensors.get_mut(name).unwrap().2;
    let half = bytes.len() / 2;
    bytes.rotate_left(half);
}

fn halve(tensors: &mut HashMap<String, Stored>, name: &str) {
    let stored = tensors.get_mut(name).unwrap();
    let halved: Vec<f32> = floats(stored).iter().map(|value| value / 2.0).collect();
    *stored = of_floats(&stored.1, &halved);
}

fn floats((_, _, bytes): &Stored) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn of_floats(shape: &[usize], values: &[f32]) -> Stored {
    (Dtype::F32, shape.to_vec(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn the_point_head_equals_a_second_implementation() {
    let copy = Copy::of(VGGT);
    let head = Copy::of(VGGT);
    std::fs::rename(head.path().join("point_head.safetensors"), head.path().join("model.safetensors")).unwrap();
    let head = head.tensors();
    let mut tensors = copy.tensors();
    tensors
        .extend(head.iter().filter(|(name, _)| name.starts_with("point_head.")).map(|(k, v)| (k.clone(), v.clone())));
    copy.write(&tensors);

    let device = Device::flex();
    let (vggt, point_head) = families::open_point_head(copy.path(), &device).unwrap();
    let made = point_head.points(&vggt, video()).unwrap();
    let [_, frames, rows, cols, _] = made.points.dims();
    assert_eq!([frames, rows, cols], [4, 56, 84]);
    let (points, confidence) = (values(made.points), values(made.confidence));
    let every_seventh = (0..frames * rows * cols).filter(|at| at / cols % rows % 7 == 0 && at % cols % 7 == 0);
    let worst = |ours: Vec<f32>, name: &str| {
        let expected = floats(&head[name]);
        assert_eq!(expected.len(), ours.len());
        expected.iter().zip(ours).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let of = |at: usize| points[3 * at..3 * at + 3].to_vec();
    let apart = worst(every_seventh.clone().flat_map(of).collect(), "out.points");
    assert!(apart < 1e-4, "points: {apart}");
    let apart = worst(every_seventh.map(|at| confidence[at]).collect(), "out.confidence");
    assert!(apart < 1e-4, "confidence: {apart}");

    let error = families::open_point_head(&fixture(MLLM), &device).unwrap_err();
    assert!(error.to_string().contains("has no point head"), "{error}");
}

fn video() -> Tensor<5> {
    let reference = Reference::open(&fixture(VGGT).join("ref.safetensors")).unwrap();
    let data = TensorData::new(reference.floats("in.video").unwrap(), [1, 4, 3, 56, 84]);
    Tensor::from_data(data, &Device::flex())
}

fn model() -> Box<dyn VisionLanguage> {
    families::open(&fixture(MLLM), &Device::flex()).unwrap()
}

/// The reference's own prompt about the first `frames` of its video (of six tokens a pair).
fn inputs(frames: usize) -> Inputs {
    let reference = Reference::open(&fixture(MLLM).join("ref_sec1.0.safetensors")).unwrap();
    let device = Device::flex();
    let plain = TensorData::new(reference.floats("in.video_tchw").unwrap(), [1, 4, 3, 56, 84]);
    let plain = Tensor::<5>::from_data(plain, &device).narrow(1, 0, frames);
    let channel = |values: [f32; 3]| Tensor::<1>::from_data(values, &device).reshape([1, 1, 3, 1, 1]);
    let mean = channel([0.481_454_66, 0.457_827_5, 0.408_210_73]);
    let std = channel([0.268_629_55, 0.261_302_6, 0.275_777_1]);
    let tokens = frames.div_ceil(2) * 6;
    let ids: Vec<i64> = [5, 6, 7, 387].into_iter().chain(vec![391; tokens]).chain([388, 8, 9]).collect();
    let length = ids.len();
    Inputs {
        pixels: (plain.clone() - mean) / std,
        plain: Some(plain),
        frame_seconds: vec![0.5],
        ids: Tensor::from_data(TensorData::new(ids, [1, length]), &device),
        lengths: vec![length],
        image: vec![(4..4 + tokens).collect()],
        sources: vec![(0..tokens).collect()],
    }
}

/// Keeps, and where told to, replaces what it sees.
struct Watch {
    sites: Vec<Site>,
    seen: HashMap<Site, Tensor<3>>,
    change: Option<fn(Tensor<3>) -> Tensor<3>>,
}

impl Watch {
    fn over(sites: &[Site]) -> Self {
        Self { sites: sites.to_vec(), seen: HashMap::new(), change: None }
    }

    fn changing(site: Site, change: fn(Tensor<3>) -> Tensor<3>) -> Self {
        Self { change: Some(change), ..Self::over(&[site]) }
    }
}

impl Hook for Watch {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn effect(&self) -> Effect {
        if self.change.is_some() { Effect::Rewrites } else { Effect::Reads }
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        self.seen.insert(site, tokens.clone());
        Ok(self.change.map_or(tokens.clone(), |change| change(tokens)))
    }
}

const SUM: [Site; 3] = [Site::Connector2d, Site::Connector3d, Site::ProjectorOut];

#[test]
fn every_image_token_is_the_sum_of_its_addends() {
    let (model, inputs) = (model(), inputs(4));
    let mut watch = Watch::over(&SUM);
    let visual = model.encode(&inputs, &mut Hooks::one(&mut watch)).unwrap();
    let [image, spatial, sum] = SUM.map(|site| watch.seen[&site].clone());
    assert_eq!(values(image.clone() + spatial.clone()), values(sum.clone()));
    assert_eq!(values(sum), values(visual));
    assert_eq!(image.dims(), [1, 12, 64]);

    // Without one of them, the other is left; encoded once, either can be taken away again and again.
    for (site, left) in [(Site::Connector2d, &spatial), (Site::Connector3d, &image)] {
        let mut ablate = Watch::changing(site, |tokens| tokens.zeros_like());
        let ablated = model.encode(&inputs, &mut Hooks::one(&mut ablate)).unwrap();
        assert_eq!(values(ablated), values(left.clone()), "{site}");
        let mut ablate = Watch::changing(site, |tokens| tokens.zeros_like());
        let hooks = &mut Hooks::one(&mut ablate);
        let again = model.encode_addends(&inputs, image.clone(), Some(spatial.clone()), hooks).unwrap();
        assert_eq!(values(again), values(left.clone()), "{site}");
    }
    let whole = model.encode_addends(&inputs, image.clone(), None, &mut Hooks::none()).unwrap();
    assert_eq!(values(whole), values(image.clone() + spatial.clone()));
    let short = spatial.narrow(1, 0, 6);
    let error = model.encode_addends(&inputs, image, Some(short), &mut Hooks::none()).unwrap_err().to_string();
    assert!(error.contains("makes 12 image tokens, the spatial encoder 6"), "{error}");
}

/// What is done to the last frame's patches shows in the first frame's after the next block across frames, and in no image
/// token's addend before it: the image encoder never looks across pairs of frames.
#[test]
fn frames_see_each_other_in_the_spatial_encoder_alone() {
    let (model, inputs) = (model(), inputs(4));
    let sites = [Site::SpatialFrame(0), Site::SpatialGlobal(0), Site::SpatialOut, Site::Connector2d];
    let seen = |change: Option<Watch>| {
        let mut watch = Watch::over(&sites);
        let mut change = change;
        let mut hooks = Hooks::none();
        if let Some(change) = &mut change {
            hooks.push(change);
        }
        hooks.push(&mut watch);
        model.encode(&inputs, &mut hooks).unwrap();
        sites.map(|site| watch.seen[&site].clone())
    };
    let clean = seen(None);
    // 24 patches a frame.
    let changed = seen(Some(Watch::changing(Site::SpatialFrame(0), |tokens| {
        Tensor::cat(vec![tokens.clone().narrow(1, 0, 72), tokens.narrow(1, 72, 24).flip([2])], 1)
    })));
    let apart = |n: usize, from: usize, count: usize| {
        let of = |state: &Tensor<3>| state.clone().narrow(1, from, count);
        (of(&clean[n]) - of(&changed[n])).abs().max().into_scalar::<f32>()
    };
    assert_eq!(apart(0, 0, 72), 0.0, "the block within frames");
    assert!(apart(1, 0, 24) > 1e-3, "the first frame after the block across them: {}", apart(1, 0, 24));
    assert!(apart(2, 0, 24) > 1e-3);
    assert_eq!(apart(3, 0, 12), 0.0);
}

/// Keeps attention.
struct Look(Vec<Site>, Rows, Vec<Tensor<4>>);

impl Hook for Look {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn rows(&self, _: Site) -> Rows {
        self.1.clone()
    }

    fn attention(&mut self, _: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.2.push(rows.clone());
        Ok(rows)
    }
}

#[test]
fn frame_maps_are_shares() {
    let (model, inputs) = (model(), inputs(4));
    let bare = model.encode(&inputs, &mut Hooks::none()).unwrap();
    let sites: Vec<Site> = (0..3).map(Site::SpatialFrames).collect();
    let mut look = Look(sites, Rows::All, Vec::new());
    let watched = model.encode(&inputs, &mut Hooks::one(&mut look)).unwrap();
    assert_eq!(values(bare), values(watched));
    assert_eq!(look.2.len(), 3);
    for map in look.2 {
        assert_eq!(map.dims(), [1, 2, 4, 4]);
        for row in values(map).chunks(4) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5 && row.iter().all(|share| *share > 0.0), "{row:?}");
        }
    }
    // Of chosen patches: one row each.
    let mut look = Look(vec![Site::SpatialShares(1)], Rows::At(vec![vec![0, 95]]), Vec::new());
    model.encode(&inputs, &mut Hooks::one(&mut look)).unwrap();
    assert_eq!(look.2[0].dims(), [1, 2, 2, 4]);
}

#[test]
fn what_is_not_needed_does_not_run() {
    let device = Device::flex();
    let vggt = families::open_vggt(&fixture(VGGT), &device).unwrap();
    let mut watch = Watch::over(&[Site::SpatialGlobal(2)]);
    let states = vggt.forward(video(), &[0], &mut Hooks::none()).unwrap();
    let seen = vggt.forward(video(), &[0], &mut Hooks::one(&mut watch)).unwrap();
    assert_eq!((states.len(), seen.len(), watch.seen.len()), (1, 1, 1));
    assert_eq!(values(states[0].clone()), values(seen[0].clone()));
    let error = vggt.forward(video(), &[3], &mut Hooks::none()).unwrap_err().to_string();
    assert!(error.contains("has 3 pairs of blocks, pair 3"), "{error}");
}

#[test]
fn the_number_of_frames_and_their_size_matter() {
    let model = model();
    let complaint = |inputs: &Inputs| model.encode(inputs, &mut Hooks::none()).unwrap_err().to_string();
    assert!(complaint(&inputs(3)).contains("3 frames are no whole groups of 2"));
    let without = Inputs { plain: None, ..inputs(4) };
    assert!(complaint(&without).contains("frames from 0 to 1, which these inputs do not hold"));
    let fewer = Inputs { plain: inputs(2).plain, ..inputs(4) };
    assert!(complaint(&fewer).contains("reads 4 frames of 84 x 56 pixels, the spatial one 2 of 84 x 56"));
    let vggt = families::open_vggt(&fixture(VGGT), &Device::flex()).unwrap();
    let odd = Tensor::<5>::random([1, 2, 3, 57, 84], Distribution::Uniform(0.0, 1.0), &Device::flex());
    let error = vggt.forward(odd, &[0], &mut Hooks::none()).unwrap_err().to_string();
    assert!(error.contains("whole 14 pixels") && error.contains("84 x 57"), "{error}");

    // One frame is a picture: both releases make tokens of it.
    for model in [model, families::open(first_release().path(), &Device::flex()).unwrap()] {
        let visual = model.encode(&inputs(1), &mut Hooks::none()).unwrap();
        assert_eq!(visual.dims(), [1, 6, 64]);
        assert!(values(visual).iter().all(|value| value.is_finite()));
    }
}

/// The same model as v1.0 would have it: other names, the joined patches in another order, a second stage of the connector, and
/// a config.json that speaks of a Qwen2.5-VL.
fn first_release() -> Copy {
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

#[test]
fn it_walks_from_pixels_to_words() {
    let (model, inputs) = (model(), inputs(4));
    let sites = model.sites();
    let names: Vec<String> = sites.iter().map(|spec| spec.site.to_string()).collect();
    for name in ["vision.out", "connector.2d", "spatial.2.frame.resid", "spatial.2.global.frames", "connector.3d"] {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
    // The order of the walk: every hook is visited in it.
    let tokens: Vec<Site> = sites.iter().map(|spec| spec.site).filter(|site| site.is_image_only()).collect();
    let mut order = Order(tokens.clone(), Vec::new());
    model.run(&inputs, &mut Hooks::one(&mut order)).unwrap();
    assert_eq!(order.1, tokens);
    assert_eq!(model.generate(&inputs, 3, &[]).unwrap().len(), 3);
    for slot in 0..=model.encoder_slots()[0] {
        let mut watch = Watch::over(&[Site::VisionResid(slot)]);
        let whole = model.encode(&inputs, &mut Hooks::one(&mut watch)).unwrap();
        let state = watch.seen[&Site::VisionResid(slot)].clone();
        let again = model.encode_from(&inputs, slot, &|_| Ok(state.clone()), &mut Hooks::none()).unwrap();
        assert_eq!(values(whole), values(again), "slot {slot}");
    }
}

struct Order(Vec<Site>, Vec<Site>);

impl Hook for Order {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        self.1.push(site);
        Ok(tokens)
    }
}

/// The fixture with a tokenizer and a processor, so that it can be asked about videos.
fn asked() -> Copy {
    let copy = Copy::of(MLLM);
    let qwen = fixture("transformers-5.23-qwen2_5_vl");
    for file in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        std::fs::copy(qwen.join(file), copy.path().join(file)).unwrap();
    }
    let ids = [
        ("image_token_id", 395),
        ("video_token_id", 396),
        ("vision_start_token_id", 392),
        ("vision_end_token_id", 393),
    ];
    for (key, id) in ids {
        let path = copy.path().join("config.json");
        let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        config[key] = id.into();
        std::fs::write(path, config.to_string()).unwrap();
    }
    let processor = serde_json::json!({
        "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true, "resample": 3,
        "image_mean": [0.481_454_66, 0.457_827_5, 0.408_210_73], "image_std": [0.268_629_54, 0.261_302_6, 0.275_777_1],
        "min_pixels": 7056, "max_pixels": 7056, "merge_size": 2, "patch_size": 14, "temporal_patch_size": 2,
        "rescale_factor": 0.003_921_568_627_450_98, "processor_class": "Qwen2_5_VLProcessor",
    });
    std::fs::write(copy.path().join("preprocessor_config.json"), processor.to_string()).unwrap();
    copy
}

/// Numbers mean nothing here, of a model of random weights; that the study runs from videos to its report does.
#[test]
fn the_study_of_two_encoders_runs_and_draws() {
    let (place, model) = (Place::new(), asked());
    place.write("dual.toml", crate::families::small("dual-encoder", 0));
    let model = model.path().display().to_string();
    place.run(&["run", "dual.toml", "--model", &model, "--limit", "8", "--out", "dual", "--quiet"]).expect(0);
    for table in ["addends", "cross_frame", "moments", "effects", "probe", "attention_share"] {
        assert!(place.path(&format!("dual/tables/{table}.parquet")).is_file(), "no {table}");
    }
    for figure in ["addends", "addends-ablated", "cross-frame", "moments", "attention-share"] {
        assert!(place.path(&format!("dual/figures/{figure}.png")).is_file(), "no {figure}");
    }
    let read = |name: &str| std::fs::read_to_string(place.path(&format!("dual/{name}"))).unwrap();
    // Three blocks, two heads and their mean, eight frames: every pair, and what leaves.
    assert_eq!(read("tables/cross_frame.csv").lines().count(), 1 + 3 * 3 * (1 + 64));
    // Four moments.
    assert_eq!(read("tables/moments.csv").lines().count(), 1 + 3 * 5 * 4);
    let addends = read("tables/addends.csv");
    assert!(["image,as_is,norm_3d", "objects,centred,cosine"].iter().all(|row| addends.contains(row)), "{addends}");
    let effects = read("tables/effects.csv");
    for site in ["connector.2d", "connector.3d", "projector.out"] {
        assert!(effects.lines().any(|line| line.contains(site) && line.contains("mean_cell")), "no {site}");
    }
    assert!(read("report.html").contains("Two encoders") && read("summary.md").contains("spatial encoder"));

    // A model without the spatial encoder cannot.
    let plain = fixture("transformers-5.23-qwen2_5_vl").display().to_string();
    let refused =
        |study: &str| place.run(&["run", study, "--model", &plain, "--limit", "8", "--out", "plain", "--quiet"]);
    refused("dual.toml").expect(2).says(&["`connector.2d` does not exist in this model"]);
    place.write(
        "frames.toml",
        "title = \"Frames\"\nquestion = \"Which?\"\n[dataset]\nsource = \"rooms/test\"\n[record]\nattention = []\n\
         cross_frame = [\"spatial.*.global.frames\"]\n",
    );
    refused("frames.toml").expect(2).says(&["cross_frame", "no spatial encoder"]);
}
