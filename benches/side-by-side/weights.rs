//! A Hugging Face folder with random weights, written once.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, View};
use serde_json::{Value, json};
use vlmscope::study::{BUNDLED_MODEL, shipped};

use crate::Fallible;
use crate::shape::{Family, Kind, Shape};

/// Files beside configuration and weights, which no task reads but some libraries want to find.
const BESIDE: [&str; 6] = [
    "chat_template.jinja",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// The folder of a shape's checkpoint; what is there already is kept.
pub fn checkpoint(place: &Path, shape: &Shape) -> Fallible<PathBuf> {
    let folder = place.join(shape.name);
    let config = folder.join("config.json");
    let wanted = shape.config();
    let there = std::fs::read_to_string(&config).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if there.as_ref() == Some(&wanted) {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder)?;
    let tensors = shape.tensors();
    let count: usize = tensors.iter().map(|(_, shape, _)| shape.iter().product::<usize>()).sum();
    eprintln!("writing {} ({:.1} million weights)", folder.display(), count as f64 / 1e6);
    beside(&folder, shape)?;
    let depth = shape.decoder.layers.max(shape.tower.layers);
    let drawn = tensors
        .into_iter()
        .enumerate()
        .map(|(seed, (name, shape, kind))| (name, Drawn { shape, kind, depth, seed: seed as u64 }));
    safetensors::serialize_to_file(drawn.collect::<Vec<_>>(), None, &folder.join("model.safetensors"))?;
    // Last, because it says that the rest is there.
    std::fs::write(config, wanted.to_string())?;
    Ok(folder)
}

fn beside(folder: &Path, shape: &Shape) -> Fallible<()> {
    let source = match shape.family {
        Family::Llava => shipped(BUNDLED_MODEL),
        Family::Idefics3 { .. } => {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformers-5.23-idefics3")
        }
    };
    for file in BESIDE.iter().filter(|file| source.join(file).is_file()) {
        std::fs::copy(source.join(file), folder.join(file))?;
    }
    let path = folder.join("preprocessor_config.json");
    let mut processor: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let side = shape.tower.image;
    match shape.family {
        Family::Llava => {
            processor["size"] = json!({"shortest_edge": side});
            processor["crop_size"] = json!({"height": side, "width": side});
        }
        Family::Idefics3 { .. } => {
            processor["max_image_size"] = json!({"longest_edge": side});
            processor["size"] = json!({"longest_edge": side});
        }
    }
    Ok(std::fs::write(path, processor.to_string())?)
}

/// A tensor that is drawn when it is written.
struct Drawn {
    shape: Vec<usize>,
    kind: Kind,
    /// Blocks that add to one residual stream.
    depth: usize,
    seed: u64,
}

impl Drawn {
    /// Mean and standard deviation: states keep their size from block to block, and attention has something to choose.
    fn scale(&self) -> (f32, f32) {
        let fan_in = self.shape.iter().skip(1).product::<usize>().max(1) as f32;
        match self.kind {
            Kind::Matrix => (0.0, fan_in.powf(-0.5)),
            Kind::Residual => (0.0, (fan_in * 2.0 * self.depth as f32).powf(-0.5) * 2.0),
            Kind::Attending => (0.0, 1.6 * fan_in.powf(-0.5)),
            Kind::Embedding => (0.0, 0.7),
            Kind::Bias => (0.0, 0.1),
            Kind::Gain => (1.0, 0.1),
        }
    }
}

impl View for Drawn {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let (mean, deviation) = self.scale();
        // Even numbers from -sqrt(3) to sqrt(3) have a standard deviation of 1.
        let spread = deviation * 3f32.sqrt();
        let number = |_| (mean + spread * (2.0 * rng.random::<f32>() - 1.0)).to_le_bytes();
        Cow::Owned((0..self.shape.iter().product()).flat_map(number).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.shape.iter().product::<usize>()
    }
}
