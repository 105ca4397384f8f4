//! Qwen2-VL and Qwen2.5-VL: equal to `transformers` on an image and on a video, and what only they have: windows, frames,
//! sides of any length, positions in time and space.

use burn::tensor::{Device, Tensor};
use image::{Rgb, RgbImage};
use serde_json::json;
use vlmscope::dataset::image_file::open_rgb;
use vlmscope::error::Result;
use vlmscope::model::families;
use vlmscope::model::{Effect, Hook, Hooks, Inputs, Rows, Site, VisionLanguage};
use vlmscope::parity::{Reference, Verdict, pixels_apart, verify};
use vlmscope::processor::{Grid, Patch, Processor};

use crate::families::kept;
use crate::support::{Copy, fixture};

const QWEN: [&str; 2] = ["transformers-5.23-qwen2_vl", "transformers-5.23-qwen2_5_vl"];
const QUESTION: &str = "Is the red cube left or right of the ball?";

fn model(name: &str) -> Box<dyn VisionLanguage> {
    families::open(&fixture(name), &Device::flex()).unwrap()
}

fn compared(folder: &std::path::Path, reference: &str) -> Result<Verdict> {
    let model = families::open(folder, &Device::flex()).unwrap();
    let processor = Processor::open(folder).unwrap();
    let reference = Reference::open(&folder.join(reference)).unwrap();
    verify(model.as_ref(), &processor, &reference, Some(&folder.join("input.png")), 1e-4)
}

fn verdict(folder: &std::path::Path, reference: &str) -> Verdict {
    compared(folder, reference).unwrap()
}

fn frames(name: &str) -> Vec<RgbImage> {
    (0..4).map(|n| open_rgb(&fixture(name).join(format!("video/frame-{n}.png"))).unwrap()).collect()
}

#[test]
fn images_and_videos_equal_their_references() {
    for name in QWEN {
        let image = verdict(&fixture(name), "ref.safetensors");
        assert!(image.holds() && image.worst() < 1e-4, "{name}: {:#?}", image.compared);
        assert_eq!(image.skipped, [], "{name}");
        // Ids, pixels, positions, every state, every attention weight, logits, generated ids.
        assert!(image.compared.len() >= 17, "{name}: {}", image.compared.len());
        let video = verdict(&fixture(name), "video/ref.safetensors");
        assert!(video.holds() && video.worst() < 1e-4, "{name}: {:#?}", video.compared);
        assert_eq!(video.skipped.len(), 1, "{name}: {:?}", video.skipped);
    }
}

/// Each of these is a mistake that is easy to make; none may pass.
#[test]
fn broken_on_purpose_it_differs() {
    let config = |pointer: &'static str, value: serde_json::Value| {
        move |copy: &Copy| copy.set("config.json", pointer, value.clone())
    };
    let image = |pointer: &'static str, value: serde_json::Value| {
        move |copy: &Copy| copy.set("processor_config.json", pointer, value.clone())
    };
    type Break<'a> = (&'a str, Box<dyn Fn(&Copy)>, &'a str);
    let breaks: Vec<Break> = vec![
        (
            "tower rotary base",
            Box::new(config("/vision_config/rope_parameters/rope_theta", json!(100.0))),
            "attn.model.visual.blocks.0.attn.0",
        ),
        (
            "tower activation",
            Box::new(config("/vision_config/hidden_act", json!("gelu"))),
            "cap.model.visual.last_hidden_state",
        ),
        ("sections", Box::new(config("/text_config/rope_parameters/mrope_section", json!([2, 2, 2]))), "out.hidden.1"),
        ("rotary base", Box::new(config("/text_config/rope_parameters/rope_theta", json!(1e4))), "out.hidden.1"),
        ("mean", Box::new(image("/image_processor/image_mean", json!([0.5, 0.5, 0.5]))), "in.pixel_values"),
        ("resampling", Box::new(image("/image_processor/resample", json!(2))), "in.pixel_values"),
        ("area", Box::new(image("/image_processor/size/longest_edge", json!(2000))), "in.input_ids"),
    ];
    for (what, spoil, first) in breaks {
        let copy = Copy::of(QWEN[1]);
        spoil(&copy);
        let verdict = verdict(copy.path(), "ref.safetensors");
        let row = verdict.compared.iter().find(|row| row.name == first).unwrap();
        assert!(!row.holds(), "{what}: {first} still agrees ({:.1e})", row.worst);
    }
    // Other windows are of other shapes.
    for (pointer, value) in [
        ("/vision_config/fullatt_block_indexes", json!([])),
        ("/vision_config/fullatt_block_indexes", json!([0, 1, 2])),
        ("/vision_config/window_size", json!(12)),
    ] {
        let copy = Copy::of(QWEN[1]);
        copy.set("config.json", pointer, value.clone());
        let error = compared(copy.path(), "ref.safetensors").unwrap_err().to_string();
        assert!(error.contains("visual.blocks.") && error.contains("shape"), "{pointer} {value}: {error}");
    }
}

#[test]
fn a_video_is_prepared_as_transformers_does() {
    for name in QWEN {
        let folder = fixture(name);
        let processor = Processor::open(&folder).unwrap();
        let reference = Reference::open(&folder.join("video/ref.safetensors")).unwrap();
        let clip = processor.video(&frames(name), 0.375).unwrap();
        let prepared = processor.ask(clip, QUESTION, &[]).unwrap();
        assert_eq!(prepared.ids, reference.ids("in.input_ids").unwrap(), "{name}");
        let sizes = reference.ids("in.video_grid_thw").unwrap();
        let grid = prepared.map.geometry.grid;
        // Two groups, one below the other, each row of tokens two of patches.
        assert_eq!((sizes[0], sizes[1], sizes[2]), (2, grid.rows as u32, 2 * grid.cols as u32), "{name}");
        assert_eq!(prepared.map.visual().len(), grid.count());
        let (first, last) = (prepared.map.image[0], prepared.map.image[grid.count() - 1]);
        let end = Patch { row: grid.rows / 2 - 1, col: grid.cols - 1 };
        assert_eq!(prepared.map.moment(first), Some((0, Patch { row: 0, col: 0 })));
        assert_eq!((prepared.map.moment(last), prepared.map.moment(0)), (Some((1, end)), None));

        let model = model(name);
        let patching = model.patching().unwrap();
        let [frames, _, height, width] = prepared.pixel_shape;
        let grid = patching.grid(frames, height, width).unwrap();
        let expected = patching.frames_of(&reference.floats("in.pixel_values_videos").unwrap(), 3, grid);
        let apart = pixels_apart(&expected, &prepared.pixels, frames, processor.pixel_std());
        // The reference's frames are resized by torchvision, which rounds differently here and there.
        assert!(apart <= 2.0 / 255.0 + 1e-6, "{name}: {apart}");
        // And the model takes it: the prompt that ends in the question has an answer.
        let inputs = Inputs::collate(&[&prepared], &Device::flex()).unwrap();
        assert_eq!(model.generate(&inputs, 3, &[]).unwrap().len(), 3);
    }
}

#[test]
fn time_is_a_knob_of_the_second_and_a_half_only() {
    for (name, apart) in [(QWEN[0], 1), (QWEN[1], 6)] {
        let processor = Processor::open(&fixture(name)).unwrap();
        let model = model(name);
        let times = |seconds| {
            let clip = processor.video(&frames(name), seconds).unwrap();
            let prepared = processor.ask(clip, QUESTION, &[]).unwrap();
            let inputs = Inputs::collate(&[&prepared], &Device::flex()).unwrap();
            let positions = model.positions(&inputs).unwrap().remove(0);
            let (first, last) = (prepared.map.image[0], *prepared.map.visual().last().unwrap());
            positions[last][0] - positions[first][0]
        };
        // Two units a second, two frames a group: 1.5 seconds a frame are 6 units a group.
        assert_eq!(times(1.5), apart, "{name}");
        assert_eq!(times(0.25), 1, "{name}");
    }
}

#[test]
fn videos_that_do_not_fit_are_refused() {
    let processor = Processor::open(&fixture(QWEN[1])).unwrap();
    let complaint = |frames: &[RgbImage], seconds| processor.video(frames, seconds).unwrap_err().to_string();
    let mut clip = frames(QWEN[1]);
    assert!(complaint(&clip[..3], 1.0).contains("a video of 3 frames"), "odd");
    assert!(complaint(&[], 1.0).contains("without frames"));
    assert!(complaint(&clip, f64::NAN).contains("seconds"));
    clip[2] = RgbImage::new(9, 9);
    assert!(complaint(&clip, 1.0).contains("frame 2 of the video has 9 x 9 pixels"));
    let llava = Processor::open(&fixture("transformers-5.23-llava15")).unwrap();
    assert!(llava.video(&frames(QWEN[1]), 1.0).unwrap_err().to_string().contains("single images"));
}

fn at(model: &dyn VisionLanguage, processor: &Processor, image: &RgbImage, site: Site) -> (Vec<f32>, Grid) {
    let prepared = processor.prepare(image, QUESTION, &[]).unwrap();
    let inputs = Inputs::collate(&[&prepared], &Device::flex()).unwrap();
    let states = kept(model, &inputs, site).into_data();
    (states.iter::<f32>().collect(), prepared.map.geometry.grid)
}

/// A dot that fills a token's rectangle mostly changes that token most, on tall, wide and tiny images; a map flipped either
/// way would mostly point elsewhere. (Weights drawn at random let some tokens listen to their neighbours more.)
#[test]
fn a_dot_shows_in_the_token_that_the_map_says() {
    for name in QWEN {
        let (model, processor) = (model(name), Processor::open(&fixture(name)).unwrap());
        for (width, height) in [(61, 43), (31, 90), (120, 20), (7, 9)] {
            let blank = RgbImage::from_pixel(width, height, Rgb([128; 3]));
            let (before, grid) = at(model.as_ref(), &processor, &blank, Site::ProjectorOut);
            let picture = processor.picture(&blank).unwrap();
            assert_eq!(before.len() / grid.count(), 48);
            let (mut hits, mut flips, mut dots) = (0, 0, 0);
            for (index, patch) in grid.patches().enumerate() {
                let rect = picture.main.geometry.patch_rect(patch);
                let mut dotted = blank.clone();
                for (x, y, pixel) in dotted.enumerate_pixels_mut() {
                    let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
                    if rect.x1 < x && x < rect.x2 && rect.y1 < y && y < rect.y2 {
                        *pixel = Rgb([255, 0, 20]);
                    }
                }
                if dotted == blank {
                    continue; // The image has fewer pixels than tokens; this one has none of its own.
                }
                dots += 1;
                let (after, _) = at(model.as_ref(), &processor, &dotted, Site::ProjectorOut);
                let change = |token: usize| -> f32 {
                    (token * 48..(token + 1) * 48).map(|at| (after[at] - before[at]).powi(2)).sum()
                };
                let most = (0..grid.count()).max_by(|&a, &b| change(a).total_cmp(&change(b))).unwrap();
                hits += usize::from(most == index);
                let (row, col) = (patch.row, patch.col);
                let mirrored = [(grid.rows - 1 - row, col), (row, grid.cols - 1 - col)];
                let other = |(r, c): (usize, usize)| (r, c) != (row, col) && most == r * grid.cols + c;
                flips += usize::from(mirrored.into_iter().any(other));
            }
            assert!(dots > 0 && hits * 5 >= dots * 3, "{name}, {width} x {height}: {hits} of {dots}");
            assert!(flips * 5 <= dots, "{name}, {width} x {height}: {flips} of {dots} where a flipped map points");
        }
    }
}

/// Keeps the encoder's attention.
struct Look(Vec<Site>, Effect, Vec<Tensor<4>>);

impl Hook for Look {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn rows(&self, _: Site) -> Rows {
        Rows::All
    }

    fn effect(&self) -> Effect {
        self.1
    }

    fn attention(&mut self, _: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.2.push(rows.clone());
        Ok(rows)
    }
}

#[test]
fn windows_and_frames_keep_to_themselves_and_the_explicit_path_agrees() {
    for name in QWEN {
        let (model, processor) = (model(name), Processor::open(&fixture(name)).unwrap());
        let clip = processor.video(&frames(name), 1.0).unwrap();
        let prepared = processor.ask(clip, QUESTION, &[]).unwrap();
        let inputs = Inputs::collate(&[&prepared, &prepared], &Device::flex()).unwrap();
        let bare = model.encode(&inputs, &mut Hooks::none()).unwrap();
        let sites: Vec<Site> = (0..2).map(Site::VisionAttn).collect();
        let mut look = Look(sites, Effect::Rewrites, Vec::new());
        let explicit = model.encode(&inputs, &mut Hooks::one(&mut look)).unwrap();
        let worst = (bare - explicit).abs().max().into_scalar::<f32>();
        assert!(worst < 1e-5, "{name}: {worst}");
        for (layer, weights) in look.2.iter().enumerate() {
            let [_, heads, patches, keys] = weights.dims();
            assert_eq!((heads, patches), (2, keys));
            let values: Vec<f32> = weights.clone().into_data().iter::<f32>().collect();
            let half = patches / 2;
            let seen = |row: usize| values[row * keys..(row + 1) * keys].iter().filter(|weight| **weight > 0.0).count();
            for row in 0..patches {
                let line = &values[row * keys..(row + 1) * keys];
                assert!((line.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                // No patch looks into another group of frames.
                let other = if row < half { &line[half..] } else { &line[..half] };
                assert!(other.iter().all(|weight| *weight == 0.0), "{name}, layer {layer}, row {row}");
            }
            let windowed = name.contains("2_5") && layer == 0;
            assert_eq!(seen(0) == half, !windowed, "{name}, layer {layer}: {} of {half}", seen(0));
        }
    }
}

#[test]
fn the_encoder_starts_again_from_any_slot() {
    for name in QWEN {
        let (model, processor) = (model(name), Processor::open(&fixture(name)).unwrap());
        let image = open_rgb(&fixture(name).join("input.png")).unwrap();
        let prepared = processor.prepare(&image, QUESTION, &[]).unwrap();
        let inputs = Inputs::collate(&[&prepared], &Device::flex()).unwrap();
        let whole = model.encode(&inputs, &mut Hooks::none()).unwrap();
        for slot in 0..=model.encoder_slots()[0] {
            let state = kept(model.as_ref(), &inputs, Site::VisionResid(slot));
            let again = model.encode_from(&inputs, slot, &|_| Ok(state.clone()), &mut Hooks::none()).unwrap();
            assert_eq!((whole.clone() - again).abs().max().into_scalar::<f32>(), 0.0, "{name}, slot {slot}");
        }
    }
}

#[test]
fn prompts_of_different_lengths_share_a_batch() {
    for name in QWEN {
        let (model, processor) = (model(name), Processor::open(&fixture(name)).unwrap());
        let image = open_rgb(&fixture(name).join("input.png")).unwrap();
        let device = Device::flex();
        let items = [QUESTION, "left?"].map(|question| processor.prepare(&image, question, &[]).unwrap());
        let together = Inputs::collate(&[&items[0], &items[1]], &device).unwrap();
        let logits = model.run(&together, &mut Hooks::none()).unwrap();
        // Items that change places take their positions with them.
        let hooks = &mut Hooks::none();
        let visual = model.encode(&together, hooks).unwrap();
        let swapped = model.embed(&together, visual, hooks).unwrap().select(&[1, 0]);
        let last = model.blocks(0, swapped, hooks).unwrap().last();
        let turned: Tensor<2> = model.readout(last, hooks).unwrap().squeeze_dim(1);
        let same = Tensor::cat(vec![turned.clone().narrow(0, 1, 1), turned.narrow(0, 0, 1)], 0);
        assert!((same - logits.clone()).abs().max().into_scalar::<f32>() < 1e-4, "{name}");
        for (row, item) in items.iter().enumerate() {
            let alone = Inputs::collate(&[item], &device).unwrap();
            let own = model.run(&alone, &mut Hooks::none()).unwrap();
            let worst = (own - logits.clone().narrow(0, row, 1)).abs().max().into_scalar::<f32>();
            assert!(worst < 1e-4, "{name}: {worst}");
        }
        // Every next token is what a longer prompt would give.
        let inputs = Inputs::collate(&[&items[1]], &device).unwrap();
        let generated = model.generate(&inputs, 4, &[]).unwrap();
        let mut longer = items[1].clone();
        for next in generated {
            let logits = model.run(&Inputs::collate(&[&longer], &device).unwrap(), &mut Hooks::none()).unwrap();
            assert_eq!(logits.argmax(1).into_data().iter::<i64>().next(), Some(i64::from(next)), "{name}");
            longer.ids.push(next);
        }
    }
}

#[test]
fn old_and_new_spellings_are_the_same_model() {
    for name in QWEN {
        // Keys as a model in memory names them.
        let copy = Copy::of(name);
        copy.edit(|tensors| {
            *tensors = tensors
                .drain()
                .map(|(key, stored)| {
                    let renamed = match key.strip_prefix("model.") {
                        Some(rest) => format!("model.language_model.{rest}"),
                        None if key.starts_with("visual.") => format!("model.{key}"),
                        None => key,
                    };
                    (renamed, stored)
                })
                .collect();
        });
        assert!(verdict(copy.path(), "ref.safetensors").holds(), "{name}: keys");

        // The language model's keys at the root, rotary settings under their old names.
        let copy = Copy::of(name);
        let path = copy.path().join("config.json");
        let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut text = config.as_object_mut().unwrap().remove("text_config").unwrap();
        let rope = text.as_object_mut().unwrap().remove("rope_parameters").unwrap();
        text["rope_theta"] = rope["rope_theta"].clone();
        text["rope_scaling"] = json!({"type": "mrope", "mrope_section": rope["mrope_section"]});
        for (key, value) in text.as_object().unwrap().iter().filter(|(key, _)| *key != "model_type") {
            config[key] = value.clone();
        }
        std::fs::write(&path, config.to_string()).unwrap();
        assert!(verdict(copy.path(), "ref.safetensors").holds(), "{name}: flat");
    }
}

#[test]
fn configurations_that_contradict_themselves_are_named() {
    let complaint = |spoil: &dyn Fn(&Copy)| {
        let copy = Copy::of(QWEN[1]);
        spoil(&copy);
        let opened = families::open(copy.path(), &Device::flex()).map(|_| ());
        opened.and_then(|()| Processor::open(copy.path()).map(|_| ())).unwrap_err().to_string()
    };
    let set = |file: &'static str, pointer: &'static str, value: serde_json::Value| {
        complaint(&|copy: &Copy| copy.set(file, pointer, value.clone()))
    };
    let error = set("config.json", "/text_config/rope_parameters/mrope_section", json!([1, 2]));
    assert!(error.contains("[1, 2] deals out 3 rotary frequencies, a head of 12 has 6"), "{error}");
    let error = set("config.json", "/vision_config/out_hidden_size", json!(64));
    assert!(error.contains("tokens of 64 numbers, the language model reads 48"), "{error}");
    let error = set("config.json", "/vision_config/num_heads", json!(3));
    assert!(error.contains("32 cannot be cut into 3 heads"), "{error}");
    let error = set("config.json", "/vision_config/window_size", json!(3));
    assert!(error.contains("`window_size` is 3 pixels"), "{error}");
    let error = complaint(&|copy: &Copy| {
        let path = copy.path().join("config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen('{', "{\"hidden_size\": 7,", 1)).unwrap();
    });
    assert!(error.contains("`hidden_size` is 7 at the root and 48 in text_config"), "{error}");
    let error = complaint(&|copy: &Copy| {
        copy.edit(|tensors| {
            tensors.remove("visual.merger.ln_q.weight");
        });
    });
    assert!(error.contains("visual.merger.ln_q.weight") && error.contains("missing"), "{error}");
    let error = set("processor_config.json", "/image_processor/merge_size", json!(1));
    assert!(error.contains("6 pixels and 2 frames") && error.contains("12 and 2"), "{error}");
    let error = set("processor_config.json", "/image_processor/size", json!({"shortest_edge": 9, "longest_edge": 5}));
    assert!(error.contains("no fewer pixels at most (5) than at least (9)"), "{error}");
}
