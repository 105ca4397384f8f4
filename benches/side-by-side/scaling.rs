//! How vlmscope's own time and memory grow with the work: items, prompt tokens, layers, attention rows asked for.

use std::process::{Command, Stdio};
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use vlmscope::error::Result as Done;
use vlmscope::model::checkpoint::Random;
use vlmscope::model::families::{Llava, LlavaConfig};
use vlmscope::model::{Hook, Hooks, Inputs, Rows, Site, VisionLanguage};

use crate::Fallible;
use crate::results::Quartiles;
use crate::shape::{SHAPES, Shape};
use crate::usage::{cpu_seconds, memory};

/// What grows, the rest being as in the medium shape, one item, the last query's rows.
pub const AXES: [(&str, &str, [usize; 5]); 4] = [
    ("items", "items", [1, 2, 4, 8, 16]),
    ("tokens", "tokens of the prompt", [600, 640, 768, 1024, 1536]),
    ("layers", "layers of the language model", [2, 4, 8, 16, 24]),
    ("rows", "attention rows a layer and head", [1, 8, 64, 256, 640]),
];

const ROUNDS: usize = 5;

/// One measured amount of work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// What grows.
    pub axis: String,
    pub amount: usize,
    pub threads: usize,
    /// Seconds, one a round.
    pub cpu_s: Vec<f64>,
    pub wall_s: Vec<f64>,
    /// Most bytes held.
    pub peak: u64,
}

impl Point {
    pub fn cpu(&self) -> Option<f64> {
        Some(Quartiles::of(self.cpu_s.clone())?.median)
    }

    pub fn wall(&self) -> Option<f64> {
        Some(Quartiles::of(self.wall_s.clone())?.median)
    }
}

/// Every amount in a process of its own, whose memory is then its own.
pub fn measure(threads: &[usize]) -> Fallible<Vec<Point>> {
    let mut points = Vec::new();
    for &threads in threads {
        for (axis, _, amounts) in AXES {
            for amount in amounts {
                eprintln!("scaling {axis} {amount}, {threads} threads");
                let output = Command::new(std::env::current_exe()?)
                    .args(["--scale", axis, &amount.to_string(), &threads.to_string()])
                    .env("RAYON_NUM_THREADS", threads.to_string())
                    .stderr(Stdio::inherit())
                    .output()?;
                points.push(serde_json::from_slice(&output.stdout)?);
            }
        }
    }
    Ok(points)
}

/// The other process's part: does the work, prints the point.
pub fn point(axis: &str, amount: usize, threads: usize) -> Fallible<()> {
    let shape = &SHAPES[1];
    let of = |name: &str, usual: usize| if axis == name { amount } else { usual };
    let (tokens, layers) = (of("tokens", shape.tokens), of("layers", shape.decoder.layers));
    let (items, rows) = (of("items", 1), of("rows", 1));
    let device = Device::flex();
    let mut config = shape.config();
    config["text_config"]["num_hidden_layers"] = layers.into();
    let (model, _) = Llava::build(&mut Random::new(1, layers), &LlavaConfig::from_json(&config)?, &device)?;
    let inputs = inputs(shape, tokens, &device);
    let mut point = Point { axis: axis.into(), amount, threads, cpu_s: Vec::new(), wall_s: Vec::new(), peak: 0 };
    for round in 0..=ROUNDS {
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        for _ in 0..items {
            let mut take =
                Take { sites: (0..layers).map(Site::LmAttn).collect(), first: tokens - rows, tokens, bytes: 0 };
            drop(model.run(&inputs, &mut Hooks::one(&mut take))?.into_data());
        }
        // The first round warms up.
        if round > 0 {
            point.cpu_s.push(cpu_seconds() - cpu);
            point.wall_s.push(wall.elapsed().as_secs_f64());
        }
    }
    point.peak = memory("VmHWM");
    println!("{}", serde_json::to_string(&point)?);
    Ok(())
}

fn inputs(shape: &Shape, tokens: usize, device: &Device) -> Inputs {
    let (edge, patches) = (shape.tower.image, shape.side().pow(2));
    let pixels: Vec<f32> = (0..3 * edge * edge).map(|i| ((i * 31 + i / 7) % 255) as f32 / 127.0 - 1.0).collect();
    let ids: Vec<i64> = (0..tokens as i64).map(|i| 5 + (i * 37) % 8000).collect();
    Inputs {
        plain: None,
        pixels: Tensor::from_data(TensorData::new(pixels, [1, 1, 3, edge, edge]), device),
        frame_seconds: vec![0.0],
        ids: Tensor::from_data(TensorData::new(ids, [1, tokens]), device),
        lengths: vec![tokens],
        image: vec![(1..=patches).collect()],
        sources: vec![(0..patches).collect()],
    }
}

/// Takes attention rows off the device, from the position `first` on, as a recording does.
struct Take {
    sites: Vec<Site>,
    first: usize,
    tokens: usize,
    bytes: usize,
}

impl Hook for Take {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        Rows::At(vec![(self.first..self.tokens).collect()])
    }

    fn attention(&mut self, _site: Site, rows: Tensor<4>) -> Done<Tensor<4>> {
        self.bytes += rows.clone().into_data().num_elements() * size_of::<f32>();
        Ok(rows)
    }
}
