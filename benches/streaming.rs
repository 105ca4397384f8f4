//! A large model on a small machine: what recording takes while the language model's blocks stay in the file.
//!
//!     cargo bench --bench streaming [-- --folder DIR] [--layers 32] [--items 16] [--groups 1,4,16] [--memory 6GiB]
//!
//! Writes a checkpoint of LLaVA-1.5-7B's shape with random weights in bf16 (14 GB for 32 layers) into the folder, unless it is
//! there, and records the attention-location study's rows of it, every layer and head, for groups of so many prompts: one
//! group is one pass through the file. Prints seconds an item, bytes read from the file and the most memory that the process
//! held (Linux only), beside what `vlmscope inspect` says beforehand.

use std::borrow::Cow;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use half::bf16;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, View};
use serde_json::{Value, json};
use vlmscope::error::Result as Done;
use vlmscope::model::checkpoint::{Role, Source};
use vlmscope::model::families::{Llava, LlavaConfig};
use vlmscope::study::{BUNDLED_MODEL, shipped};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vlmscope");

struct Asked {
    folder: PathBuf,
    layers: usize,
    items: usize,
    groups: Vec<usize>,
    memory: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let asked = asked()?;
    let config = asked.folder.join("config.json");
    if !config.is_file() {
        println!("writing {}", asked.folder.display());
        write_checkpoint(&asked.folder, asked.layers)?;
    }
    let file = std::fs::metadata(asked.folder.join("model.safetensors"))?.len();
    println!("{} layers, {:.1} GB, {} items, --memory {}", asked.layers, file as f64 / 1e9, asked.items, asked.memory);
    println!("{:>6} {:>12} {:>12} {:>12} {:>12}", "group", "s an item", "GB read", "peak GB", "foreseen GB");
    let blocks = block_bytes(&asked.folder)?;
    for &group in &asked.groups {
        let foreseen = foreseen(&asked.folder, group)?;
        let (time, peak) = record(&asked, group)?;
        let rounds = asked.items.div_ceil(group) as u64;
        // What is not of a block is read once; behind the last group the first block is read once more, ahead of time.
        let read = file - blocks + rounds * blocks;
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        let an_item = time.as_secs_f64() / asked.items as f64;
        let [read, peak, foreseen] = [read, peak, foreseen].map(gigabytes);
        println!("{group:>6} {an_item:>12.1} {read:>12.1} {peak:>12.2} {foreseen:>12.2}");
    }
    Ok(())
}

fn asked() -> Result<Asked, Box<dyn Error>> {
    let folder = std::env::temp_dir().join("vlmscope-llava-7b-shaped");
    let mut asked = Asked { folder, layers: 32, items: 16, groups: vec![1, 4, 16], memory: "6GiB".into() };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--folder" => asked.folder = value()?.into(),
            "--layers" => asked.layers = value()?.parse()?,
            "--items" => asked.items = value()?.parse()?,
            "--groups" => asked.groups = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--memory" => asked.memory = value()?,
            other => return Err(format!("`{other}` is not known").into()),
        }
    }
    Ok(asked)
}

/// The bundled model's tokenizer and prompt, and the published sizes.
fn write_checkpoint(folder: &Path, layers: usize) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let bundled = shipped(BUNDLED_MODEL);
    for file in ["chat_template.jinja", "generation_config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(bundled.join(file), folder.join(file))?;
    }
    let mut config: Value = read_json(&bundled.join("config.json"))?;
    let sizes = |layers: usize, vision_layers: usize, mut config: Value| {
        let text = json!({"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": layers, "head_dim": 128,
                          "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064,
                          "max_position_embeddings": 4096});
        let vision = json!({"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": vision_layers,
                            "num_attention_heads": 16, "image_size": 336, "patch_size": 14, "projection_dim": 768});
        merge(&mut config["text_config"], &text);
        merge(&mut config["vision_config"], &vision);
        config["torch_dtype"] = json!("bfloat16");
        config["image_seq_length"] = json!(576);
        config
    };
    let mut processor: Value = read_json(&bundled.join("preprocessor_config.json"))?;
    merge(&mut processor, &json!({"crop_size": {"height": 336, "width": 336}, "size": {"shortest_edge": 336}}));
    std::fs::write(folder.join("preprocessor_config.json"), processor.to_string())?;
    let mut processor: Value = read_json(&bundled.join("processor_config.json"))?;
    processor["patch_size"] = json!(14);
    std::fs::write(folder.join("processor_config.json"), processor.to_string())?;

    // The names and shapes of one layer each stand for all.
    std::fs::write(folder.join("config.json"), sizes(1, 2, config.clone()).to_string())?;
    let mut shapes = Shapes(Vec::new());
    Llava::build(&mut shapes, &LlavaConfig::read(folder)?, &Device::flex())?;
    std::fs::remove_file(folder.join("config.json"))?;
    let mut tensors: Vec<(String, Drawn)> = Vec::new();
    for (name, shape, role) in shapes.0 {
        let count = match name.as_str() {
            name if name.contains("language_model") && name.contains("layers.0.") => layers,
            name if name.contains("vision_tower") && name.contains("layers.0.") => 24,
            name if name.contains("vision_tower") && name.contains("layers.1.") => 0,
            _ => 1,
        };
        for layer in 0..count {
            let name = name.replace("layers.0.", &format!("layers.{layer}."));
            tensors.push((name, Drawn { shape: shape.clone(), role, seed: tensors.len() as u64 }));
        }
    }
    safetensors::serialize_to_file(tensors, None, &folder.join("model.safetensors"))?;
    config = sizes(layers, 24, config);
    // Last, because it says that the rest is there.
    Ok(std::fs::write(folder.join("config.json"), config.to_string())?)
}

fn read_json(path: &Path) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        into[key] = value.clone();
    }
}

/// Remembers what a model asks for.
struct Shapes(Vec<(String, Vec<usize>, Role)>);

impl Source for Shapes {
    fn values(&mut self, name: &str, shape: &[usize], role: Role) -> Done<Vec<f32>> {
        self.0.push((name.to_owned(), shape.to_vec(), role));
        Ok(vec![0.0; shape.iter().product()])
    }
}

/// A tensor that is drawn when it is written.
struct Drawn {
    shape: Vec<usize>,
    role: Role,
    seed: u64,
}

impl View for Drawn {
    fn dtype(&self) -> Dtype {
        Dtype::BF16
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let fan_in = self.shape.iter().skip(1).product::<usize>().max(1) as f32;
        let (centre, spread) = match self.role {
            Role::Scale => (1.0, 0.1),
            Role::Bias => (0.0, 0.1),
            _ => (0.0, 1.7 / fan_in.sqrt()),
        };
        let number = |_| bf16::from_f32(centre + spread * (2.0 * rng.random::<f32>() - 1.0)).to_le_bytes();
        Cow::Owned((0..self.shape.iter().product()).flat_map(number).collect())
    }

    fn data_len(&self) -> usize {
        2 * self.shape.iter().product::<usize>()
    }
}

/// Of the language model's blocks, in the file.
fn block_bytes(folder: &Path) -> Result<u64, Box<dyn Error>> {
    Ok(2 * vlmscope::model::checkpoint::sizes(folder)?.language_blocks)
}

fn foreseen(folder: &Path, group: usize) -> Result<u64, Box<dyn Error>> {
    let output = Command::new(PROGRAM)
        .args(["inspect", "--json", "--image", "64x64", "--batch", &group.to_string()])
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()?;
    let about: Value = serde_json::from_slice(&output.stdout)?;
    about["bytes"]["peak_streamed"].as_u64().ok_or_else(|| "inspect says nothing of memory".into())
}

/// How long it takes, and the most memory it holds.
fn record(asked: &Asked, group: usize) -> Result<(Duration, u64), Box<dyn Error>> {
    let text = std::fs::read_to_string(shipped("analyses/attention-location.toml"))?;
    let lines = text.lines().map(|line| match line.starts_with("batch = ") {
        true => format!("batch = {group}"),
        false => line.to_owned(),
    });
    let place = asked.folder.join(format!("run-{group}"));
    let study = asked.folder.join("study.toml");
    std::fs::write(&study, lines.collect::<Vec<_>>().join("\n"))?;
    drop(std::fs::remove_dir_all(&place));
    let begun = Instant::now();
    let mut child = Command::new(PROGRAM)
        .arg("record")
        .arg(&study)
        .args(["--quiet", "--memory", &asked.memory, "--limit", &asked.items.to_string(), "--model"])
        .arg(&asked.folder)
        .arg("--out")
        .arg(&place)
        .spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let highest = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = highest.and_then(|number| number.trim().parse::<u64>().ok()).map_or(peak, |number| peak.max(number));
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let time = begun.elapsed();
    drop(std::fs::remove_dir_all(&place));
    if ended.success() { Ok((time, 1024 * peak)) } else { Err("the recording failed".into()) }
}
