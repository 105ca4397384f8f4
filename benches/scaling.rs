//! What a further alpha costs: six scalings of the last row on the cached prompt against six passes from the pixels on.
//!
//!     cargo bench --bench scaling [-- ROUNDS]
//!
//! The bundled model, and its architecture at random weights on a larger image, whose prompt is some 640 tokens long.
//! Both sides must agree to 1e-4 in every option's probability before any time is printed. Arms take turns; medians.
//! "further alphas": the untouched run is there already, as it is in every study. "in all": with that run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use serde_json::{Value, json};
use vlmscope::dataset;
use vlmscope::error::{Error, Result};
use vlmscope::intervene::{Alpha, Operator, Reach, Scale, Scaling};
use vlmscope::model::{Hooks, Inputs, Rows, Site, VisionLanguage, families};
use vlmscope::processor::{Prepared, Processor};
use vlmscope::study::{BUNDLED_MODEL, shipped};

const ALPHAS: [f64; 6] = [0.0, 0.5, 0.8, 1.2, 1.5, 2.0];
const HEADS: usize = 8;
/// 25 x 25 patches.
const LARGE: u64 = 200;

struct Arm<'a> {
    model: &'a dyn VisionLanguage,
    prepared: Prepared,
    scalings: Vec<Scaling>,
}

impl Arm<'_> {
    fn scale(&self, rows: Rows, keys: usize, scalings: &[Scaling]) -> Scale {
        let reach = Reach {
            sites: (0..self.model.depth()).map(Site::LmScores).collect(),
            rows,
            columns: vec![vec![self.prepared.map.image.clone()]],
            keys,
            heads: None,
            of_heads: HEADS,
        };
        Scale::new(reach, scalings, &self.model.device())
    }

    fn inputs(&self) -> Result<Inputs> {
        Inputs::collate(&[&self.prepared], &self.model.device())
    }

    /// Logits at each alpha, one pass each.
    fn passes(&self) -> Result<(Vec<f32>, Duration)> {
        let begun = Instant::now();
        let mut all = Vec::new();
        for scaling in &self.scalings {
            let mut scale = self.scale(Rows::Last, self.prepared.map.len, &[*scaling]);
            let logits = self.model.run(&self.inputs()?, &mut Hooks::one(&mut scale))?;
            all.extend(logits.into_data().iter::<f32>());
        }
        Ok((all, begun.elapsed()))
    }

    /// The same from the cache; the time of the untouched run, and that of the six.
    fn steps(&self) -> Result<(Vec<f32>, Duration, Duration)> {
        let begun = Instant::now();
        let hooks = &mut Hooks::none();
        let visual = self.model.encode(&self.inputs()?, hooks)?;
        let start = self.model.embed(&self.inputs()?, visual, hooks)?;
        let mut stream = start.clone();
        stream.past = vec![None; self.model.depth()];
        let stream = self.model.blocks(0, stream, hooks)?;
        self.model.readout(stream.last(), hooks)?.into_data();
        let (untouched, begun) = (begun.elapsed(), Instant::now());
        let times = self.scalings.len();
        let mut scale = self.scale(Rows::All, self.prepared.map.len - 1 + times, &self.scalings);
        let hooks = &mut Hooks::one(&mut scale);
        let again = self.model.blocks(0, start.last_again(&stream.past, times)?, hooks)?;
        let logits: Vec<f32> = self.model.readout(again.residual, hooks)?.into_data().iter::<f32>().collect();
        Ok((logits, untouched, begun.elapsed()))
    }
}

/// The bundled model's folder with a larger image, in a temporary place.
fn enlarged(place: &Path) -> Result<PathBuf> {
    let failed = |what: &str| Error::data(format!("the bundled model's folder has no {what}"));
    for entry in std::fs::read_dir(shipped(BUNDLED_MODEL)).into_iter().flatten().flatten() {
        if entry.path().is_file() && entry.file_name() != "model.safetensors" {
            std::fs::copy(entry.path(), place.join(entry.file_name())).map_err(|_| failed("files"))?;
        }
    }
    let edit = |file: &str, change: &dyn Fn(&mut Value)| -> Result<()> {
        let text = std::fs::read_to_string(place.join(file)).map_err(|_| failed(file))?;
        let mut json: Value = serde_json::from_str(&text).map_err(|_| failed(file))?;
        change(&mut json);
        std::fs::write(place.join(file), json.to_string()).map_err(|_| failed(file))
    };
    edit("config.json", &|json| json["vision_config"]["image_size"] = json!(LARGE))?;
    edit("preprocessor_config.json", &|json| {
        json["size"] = json!({"shortest_edge": LARGE});
        json["crop_size"] = json!({"height": LARGE, "width": LARGE});
    })?;
    Ok(place.to_path_buf())
}

fn compare(name: &str, folder: &Path, model: &dyn VisionLanguage, rounds: usize) -> Result<()> {
    let processor = Processor::open(folder)?;
    let dataset = dataset::open("scenes/pairs")?;
    let item = &dataset.items()[0];
    let prepared = processor.prepare(&dataset.image(item)?, &item.question, &item.options)?;
    let alpha = |&alpha: &f64| Alpha::new(alpha).map_err(Error::usage);
    let scalings = ALPHAS.iter().map(|one| Ok(Scaling { operator: Operator::Raw, alpha: alpha(one)? }));
    let arm = Arm { model, prepared, scalings: scalings.collect::<Result<_>>()? };
    let ((whole, _), (stepped, ..)) = (arm.passes()?, arm.steps()?);
    let off = whole.iter().zip(&stepped).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(whole.len() == stepped.len() && off < 1e-4, "{name}: logits differ by {off}");
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].push(arm.passes()?.1);
        let (_, untouched, steps) = arm.steps()?;
        times[1].push(untouched);
        times[2].push(steps);
    }
    let [passes, untouched, steps] = times.map(|mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    });
    println!(
        "{name}, {} tokens: six passes {passes:.1} ms, untouched run {untouched:.1} ms, six alphas on its cache {steps:.1} ms; \
         further alphas x {:.1}, in all x {:.1}; logits agree to {off:.0e}",
        arm.prepared.map.len,
        passes / steps,
        passes / (untouched + steps)
    );
    Ok(())
}

fn main() -> Result<()> {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(15);
    let folder = shipped(BUNDLED_MODEL);
    compare("bundled model", &folder, families::open(&folder, &Device::flex())?.as_ref(), rounds)?;
    let place = tempfile::tempdir().map_err(|error| Error::data(error.to_string()))?;
    let folder = enlarged(place.path())?;
    let model = families::untrained(&folder, 1, &Device::flex())?;
    compare("larger image, random weights", &folder, model.as_ref(), rounds)
}
