//! What looking costs: a forward pass with the last query's attention of every layer, and with all of it, against a bare
//! one on the same inputs.
//!
//!     cargo bench --bench capture [-- ROUNDS]
//!
//! The model has random weights and the shape of a small LLaVA: 336 pixel image, 576 image tokens, 640 tokens in all, 8 layers
//! of width 512. Arms take turns, so that a machine whose speed drifts treats them alike; medians are printed, and ratios of
//! medians. It shows what recording costs on top of computing; it says nothing about other programs.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::json;
use vlmscope::error::Result;
use vlmscope::model::checkpoint::Random;
use vlmscope::model::families::{Llava, LlavaConfig};
use vlmscope::model::{Hook, Hooks, Inputs, Rows, Site, VisionLanguage};

const LAYERS: usize = 8;
const PATCHES: usize = 576;
const TOKENS: usize = 640;

/// Takes attention rows off the device, as a recording does.
struct Take {
    sites: Vec<Site>,
    rows: Rows,
    bytes: usize,
}

impl Hook for Take {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        self.rows.clone()
    }

    fn attention(&mut self, _site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.bytes += rows.clone().into_data().num_elements() * size_of::<f32>();
        Ok(rows)
    }
}

fn main() -> Result<()> {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(7);
    let device = Device::flex();
    let config = LlavaConfig::from_json(&json!({
        "model_type": "llava", "image_token_index": 4,
        "vision_config": {"model_type": "clip_vision_model", "hidden_size": 256, "intermediate_size": 1024,
            "num_hidden_layers": 6, "num_attention_heads": 4, "image_size": 336, "patch_size": 14},
        "text_config": {"model_type": "llama", "hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": LAYERS,
            "num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": 8192}
    }))?;
    let (model, _) = Llava::build(&mut Random::new(1, LAYERS), &config, &device)?;
    let pixels: Vec<f32> = (0..3 * 336 * 336).map(|i| ((i * 31 + i / 7) % 255) as f32 / 127.0 - 1.0).collect();
    let ids: Vec<i64> = (0..TOKENS as i64).map(|i| 5 + (i * 37) % 8000).collect();
    let inputs = Inputs {
        plain: None,
        pixels: Tensor::from_data(TensorData::new(pixels, [1, 1, 3, 336, 336]), &device),
        frame_seconds: vec![0.0],
        ids: Tensor::from_data(TensorData::new(ids, [1, TOKENS]), &device),
        lengths: vec![TOKENS],
        image: vec![(1..=PATCHES).collect()],
        sources: vec![(0..PATCHES).collect()],
    };

    let sites: Vec<Site> = (0..LAYERS).map(Site::LmAttn).collect();
    let arms = [("bare", None), ("last query's rows", Some(Rows::Last)), ("all attention", Some(Rows::All))];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); arms.len()];
    let mut bytes = vec![0; arms.len()];
    for round in 0..=rounds {
        for (arm, (_, rows)) in arms.iter().enumerate() {
            let start = Instant::now();
            match rows {
                None => drop(model.run(&inputs, &mut Hooks::none())?.into_data()),
                Some(rows) => {
                    let mut take = Take { sites: sites.clone(), rows: rows.clone(), bytes: 0 };
                    drop(model.run(&inputs, &mut Hooks::one(&mut take))?.into_data());
                    bytes[arm] = take.bytes;
                }
            }
            // The first round warms up.
            if round > 0 {
                times[arm].push(start.elapsed());
            }
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let medians: Vec<f64> = times.iter_mut().map(median).collect();
    println!("{rounds} rounds, {} threads", rayon::current_num_threads());
    for ((name, _), (median, bytes)) in arms.iter().zip(medians.iter().zip(&bytes)) {
        println!("{name:18} {:8.1} ms   x {:.3}   {:>12} bytes an item", median * 1e3, median / medians[0], bytes);
    }
    Ok(())
}
