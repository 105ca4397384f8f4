//! The families that are a tower, a connector and a decoder: each equal to `transformers`, and the same studies on all of them.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use serde_json::json;
use vlmscope::dataset::image_file::open_rgb;
use vlmscope::error::Result;
use vlmscope::model::{Effect, Hook, Hooks, Inputs, Rows, Site, VisionLanguage, families};
use vlmscope::parity::{Reference, Verdict, verify};
use vlmscope::processor::{Prepared, Processor};

use crate::support::program::Place;
use crate::support::{Copy, fixture};

pub const QUESTION: &str = "Is the red cube left or right of the ball?";
pub const FAMILIES: [&str; 5] = ["gemma3", "idefics3", "llava_next", "paligemma", "internvl"];

pub fn named(family: &str) -> String {
    format!("transformers-5.23-{family}")
}

pub fn open(family: &str) -> (Box<dyn VisionLanguage>, Processor) {
    let folder = fixture(&named(family));
    (families::open(&folder, &Device::flex()).unwrap(), Processor::open(&folder).unwrap())
}

fn verdict(folder: &Path) -> Verdict {
    let model = families::open(folder, &Device::flex()).unwrap();
    let processor = Processor::open(folder).unwrap();
    let reference = Reference::open(&folder.join("ref.safetensors")).unwrap();
    verify(model.as_ref(), &processor, &reference, Some(&folder.join("input.png")), 1e-4).unwrap()
}

pub fn prepared(family: &str, processor: &Processor, question: &str) -> Prepared {
    let image = open_rgb(&fixture(&named(family)).join("input.png")).unwrap();
    processor.prepare(&image, question, &[]).unwrap()
}

pub fn inputs(items: &[&Prepared]) -> Inputs {
    Inputs::collate(items, &Device::flex()).unwrap()
}

fn apart<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> f32 {
    (a.clone() - b.clone()).abs().max().into_scalar::<f32>()
}

#[test]
fn every_family_equals_its_reference() {
    for family in FAMILIES {
        let verdict = verdict(&fixture(&named(family)));
        assert!(verdict.holds() && verdict.worst() < 1e-4, "{family}: {:#?}", verdict.compared);
        assert_eq!(verdict.skipped, [], "{family}");
        // Ids, pixels, the tower and its two layers, the projector, three layers of text, logits, generated ids.
        assert!(verdict.compared.len() >= 15, "{family}: {}", verdict.compared.len());
    }
}

/// Each of these is a mistake that is easy to make; none may pass.
#[test]
fn broken_on_purpose_it_differs() {
    let breaks = [
        ("gemma3", "config.json", "/text_config/sliding_window", json!(7), "out.hidden.1"),
        ("gemma3", "config.json", "/text_config/query_pre_attn_scalar", json!(16), "out.hidden.1"),
        (
            "gemma3",
            "config.json",
            "/text_config/rope_parameters/sliding_attention/rope_theta",
            json!(1e6),
            "out.hidden.1",
        ),
        ("gemma3", "config.json", "/text_config/rope_parameters/full_attention/factor", json!(1.0), "out.hidden.2"),
        ("gemma3", "preprocessor_config.json", "/resample", json!(3), "in.pixel_values"),
        ("idefics3", "preprocessor_config.json", "/resample", json!(3), "in.pixel_values"),
        ("idefics3", "preprocessor_config.json", "/do_image_splitting", json!(false), "in.input_ids"),
        ("idefics3", "config.json", "/vision_config/layer_norm_eps", json!(1e-3), "out.hidden.0"),
        ("llava_next", "config.json", "/vision_feature_layer", json!(-2), "out.hidden.0"),
        ("internvl", "preprocessor_config.json", "/max_patches", json!(1), "in.input_ids"),
        ("internvl", "config.json", "/vision_config/hidden_act", json!("gelu_pytorch_tanh"), "out.hidden.0"),
        ("paligemma", "config.json", "/text_config/rms_norm_eps", json!(1e-3), "out.hidden.1"),
    ];
    for (family, file, pointer, value, first) in breaks {
        let copy = Copy::of(&named(family));
        copy.set(file, pointer, value);
        let verdict = verdict(copy.path());
        let row = verdict.compared.iter().find(|row| row.name == first).unwrap();
        assert!(!row.holds(), "{family}, {pointer}: {first} still agrees ({:.1e})", row.worst);
    }
}

/// Both names stand for one architecture; SmolVLM 2 writes the other.
#[test]
fn smolvlm_is_idefics3_by_another_name() {
    let copy = Copy::of(&named("idefics3"));
    copy.set("config.json", "/model_type", json!("smolvlm"));
    copy.set("config.json", "/vision_config/model_type", json!("smolvlm_vision"));
    copy.set("preprocessor_config.json", "/image_processor_type", json!("SmolVLMImageProcessor"));
    assert!(verdict(copy.path()).holds());
}

#[test]
fn keys_of_every_release_are_the_same_model() {
    for family in ["gemma3", "llava_next", "paligemma", "internvl"] {
        let original = |key: &str| key.replacen("vision_tower.", "vision_tower.vision_model.", 1);
        let in_memory = |key: &str| match key.strip_prefix("language_model.") {
            Some(head) if head.starts_with("lm_head") => head.to_owned(),
            Some(rest) => format!("model.language_model.{}", rest.trim_start_matches("model.")),
            None => format!("model.{key}"),
        };
        for rename in [&original as &dyn Fn(&str) -> String, &in_memory] {
            let copy = Copy::of(&named(family));
            copy.edit(|tensors| {
                *tensors = tensors.drain().map(|(key, stored)| (rename(&key), stored)).collect();
            });
            assert!(verdict(copy.path()).holds(), "{family}");
        }
    }
}

/// Keeps a site of tokens.
struct Keep(Vec<Site>, Option<Tensor<3>>);

impl Hook for Keep {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn tokens(&mut self, _: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        self.1 = Some(tokens.clone());
        Ok(tokens)
    }
}

pub fn kept(model: &dyn VisionLanguage, inputs: &Inputs, site: Site) -> Tensor<3> {
    let mut keep = Keep(vec![site], None);
    model.encode(inputs, &mut Hooks::one(&mut keep)).unwrap();
    keep.1.unwrap()
}

#[test]
fn the_encoder_starts_again_from_any_slot() {
    for family in FAMILIES {
        let (model, processor) = open(family);
        let prepared = prepared(family, &processor, QUESTION);
        let inputs = inputs(&[&prepared]);
        let whole = model.encode(&inputs, &mut Hooks::none()).unwrap();
        for slot in 0..=model.encoder_slots()[0] {
            let state = kept(model.as_ref(), &inputs, Site::VisionResid(slot));
            let again = model.encode_from(&inputs, slot, &|_| Ok(state.clone()), &mut Hooks::none()).unwrap();
            assert_eq!(apart(&whole, &again), 0.0, "{family}, slot {slot}");
        }
    }
}

/// Prompts of different lengths share a batch, in any order, and every next token is what a longer prompt would give.
#[test]
fn padding_and_the_memory_of_keys_change_nothing() {
    for family in FAMILIES {
        let (model, processor) = open(family);
        let items = [QUESTION, "left?"].map(|question| prepared(family, &processor, question));
        let together = inputs(&[&items[0], &items[1]]);
        let hooks = &mut Hooks::none();
        let visual = model.encode(&together, hooks).unwrap();
        let swapped = model.embed(&together, visual, hooks).unwrap().select(&[1, 0]);
        let last = model.blocks(0, swapped, hooks).unwrap().last();
        let turned: Tensor<2> = model.readout(last, hooks).unwrap().squeeze_dim(1);
        for (row, item) in items.iter().enumerate() {
            let own = model.run(&inputs(&[item]), hooks).unwrap();
            assert!(apart(&own, &turned.clone().narrow(0, 1 - row, 1)) < 1e-4, "{family}");
        }
        if family == "paligemma" {
            continue; // Its prompt sees itself whole, so a longer prompt is another one.
        }
        let generated = model.generate(&inputs(&[&items[1]]), 9, &[]).unwrap();
        assert_eq!(generated.len(), 9);
        let mut longer = items[1].clone();
        for next in generated {
            let logits = model.run(&inputs(&[&longer]), hooks).unwrap();
            assert_eq!(logits.argmax(1).into_data().iter::<i64>().next(), Some(i64::from(next)), "{family}");
            longer.ids.push(next);
        }
    }
}

/// Rewrites attention with what it is, so that the explicit path is taken.
struct Explicit(Vec<Site>, Vec<Tensor<4>>);

impl Hook for Explicit {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn rows(&self, _: Site) -> Rows {
        Rows::All
    }

    fn effect(&self) -> Effect {
        Effect::Rewrites
    }

    fn attention(&mut self, _: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.1.push(rows.clone());
        Ok(rows)
    }
}

#[test]
fn attention_that_is_looked_at_is_the_attention_that_is_used() {
    for family in FAMILIES {
        let (model, processor) = open(family);
        let items = [QUESTION, "left?"].map(|question| prepared(family, &processor, question));
        let inputs = inputs(&[&items[0], &items[1]]);
        let bare = model.run(&inputs, &mut Hooks::none()).unwrap();
        let sites: Vec<Site> = (0..model.depth()).map(Site::LmAttn).chain((0..2).map(Site::VisionAttn)).collect();
        let mut explicit = Explicit(sites, Vec::new());
        let again = model.run(&inputs, &mut Hooks::one(&mut explicit)).unwrap();
        assert!(apart(&bare, &again) < 1e-4, "{family}: {}", apart(&bare, &again));
        for weights in explicit.1 {
            let sums = weights.sum_dim(3);
            assert!(apart(&sums, &Tensor::ones(sums.dims(), &Device::flex())) < 1e-5, "{family}");
        }
    }
}

#[test]
fn requests_that_do_not_fit_are_named() {
    let complaint = |family: &str, file: &str, pointer: &str, value: serde_json::Value| {
        let copy = Copy::of(&named(family));
        copy.set(file, pointer, value);
        let opened = families::open(copy.path(), &Device::flex()).map(|_| ());
        let error = opened.and_then(|()| Processor::open(copy.path()).map(|_| ())).unwrap_err();
        format!("{error} {}", error.help().unwrap_or_default())
    };
    let (config, images) = ("config.json", "preprocessor_config.json");
    for (family, file, pointer, value, part) in [
        ("gemma3", config, "/mm_tokens_per_image", json!(10), "`mm_tokens_per_image` is 10"),
        ("gemma3", config, "/text_config/layer_types", json!(["full_attention"]), "names 1 layers"),
        ("gemma3", config, "/text_config/model_type", json!("gemma2"), "`gemma2`; supported: `gemma3_text`"),
        ("gemma3", images, "/do_pan_and_scan", json!(true), "do_pan_and_scan"),
        ("idefics3", config, "/scale_factor", json!(4), "6 x 6 patches cannot be joined 4 x 4"),
        ("idefics3", images, "/max_image_size/longest_edge", json!(32), "32 x 32 pixels"),
        ("idefics3", images, "/size", json!({"height": 3}), "key `size`"),
        ("idefics3", "processor_config.json", "/image_seq_len", json!(9), "is 9, the vision tower"),
        ("llava_next", config, "/image_grid_pinpoints", json!([[24, 30]]), "image_grid_pinpoints"),
        ("llava_next", config, "/vision_feature_layer", json!(7), "`vision_feature_layer` is 7"),
        ("llava_next", config, "/text_config/hidden_size", json!("wide"), "text_config: `hidden_size`"),
        ("paligemma", config, "/projection_dim", json!(40), "`projection_dim` 40"),
        ("paligemma", images, "/image_processor_type", json!("CLIPImageProcessor"), "SiglipImageProcessor"),
        ("internvl", config, "/downsample_ratio", json!(0.3), "`downsample_ratio` is 0.3"),
        ("internvl", config, "/vision_config/norm_type", json!("rms_norm"), "`rms_norm`"),
        ("internvl", config, "/model_type", json!("intern_vl"), "`internvl`"),
    ] {
        let told = complaint(family, file, pointer, value);
        assert!(told.contains(part), "{family}, {pointer}: no `{part}` in: {told}");
    }
}

#[test]
fn quantised_weights_are_named() {
    let copy = Copy::of(&named("gemma3"));
    let path = copy.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    config["quantization_config"] = json!({"quant_method": "bitsandbytes"});
    std::fs::write(&path, config.to_string()).unwrap();
    let error = families::open(copy.path(), &Device::flex()).err().unwrap().to_string();
    assert!(error.contains("quantised (`bitsandbytes`)"), "{error}");

    let copy = Copy::of(&named("gemma3"));
    copy.edit(|tensors| {
        let key = "language_model.model.layers.0.mlp.up_proj";
        let stored = tensors.remove(&format!("{key}.weight")).unwrap();
        tensors.insert(format!("{key}.qweight"), stored);
    });
    let error = families::open(copy.path(), &Device::flex()).err().unwrap().to_string();
    assert!(error.contains("up_proj.qweight") && error.contains("quantised"), "{error}");
}

/// A shipped study made small: few units, few draws, units whatever the model says of them. A model of random weights is
/// right about no pair of images.
pub fn small(study: &str, units: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyses").join(study).with_extension("toml");
    let lines = std::fs::read_to_string(path).unwrap();
    let small = lines.lines().filter(|line| !line.starts_with("directions = ")).map(|line| {
        match line.split_once(" = ").map_or("", |(key, _)| key) {
            "limit" => format!("limit = {units}"),
            "random" => "random = 1".to_owned(),
            "alphas" if study == "adaptvis" => "alphas = [0.5, 2.0]".to_owned(),
            "alphas" => "alphas = [-1.0, 2.0]".to_owned(),
            "random_alphas" => "random_alphas = [2.0]".to_owned(),
            "bootstrap" => "bootstrap = 50".to_owned(),
            "permutations" => "permutations = 40".to_owned(),
            _ if line == "design = \"patch\"" => format!("{line}\ngolden = false"),
            _ => line.to_owned(),
        }
    });
    small.collect::<Vec<_>>().join("\n")
}

/// Numbers mean nothing here; that every study runs on every family, with nothing changed but `--model`, does.
#[test]
fn the_same_studies_run_on_every_family() {
    let place = Place::new();
    for (study, items, units, tables) in [
        ("attention-location", "6", 0, ["alignment", "attention_share"]),
        ("probe-encoder-vs-lm", "12", 0, ["probe", "probe_map"]),
        ("ablation-patching", "8", 4, ["answers", "effects"]),
        ("enhancement", "30", 30, ["answers", "effects"]),
        ("adaptvis", "8", 0, ["scaling", "scaling_looks"]),
    ] {
        let file = format!("{study}.toml");
        place.write(&file, small(study, units));
        for family in FAMILIES.into_iter().chain(["qwen2_vl", "qwen2_5_vl"]) {
            let (model, run) = (fixture(&named(family)).display().to_string(), format!("{study}-{family}"));
            place.run(&["run", &file, "--model", &model, "--limit", items, "--out", &run, "--quiet"]).expect(0);
            for table in tables {
                assert!(place.path(&format!("{run}/tables/{table}.parquet")).is_file(), "{family}: no {table}");
            }
        }
    }
}
