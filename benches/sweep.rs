//! What restarting saves: a full slot sweep of six regions, from the clean run's middle against the plain loop that begins
//! every arm at the pixels.
//!
//!     cargo bench --bench sweep [-- ROUNDS]
//!
//! The bundled model, crossed pairs of *rows*; the projector's output and every slot. Both sides encode the other run once,
//! and their results are compared bit by bit before any time is printed. Arms take turns, so that a machine whose speed
//! drifts treats them alike; medians are printed. Larger models gain less from shared passes and more from blocks that do
//! not run.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use vlmscope::dataset;
use vlmscope::error::Result;
use vlmscope::intervene::{Bench, Intervene, Outcome, Planned, Restart, Sweep};
use vlmscope::model::families;
use vlmscope::processor::Processor;
use vlmscope::study::{BUNDLED_MODEL, shipped};

const KEYS: &str = r#"
name = "bench"
design = "patch"
pairing = "cross"
limit = 16
golden = false
sites = ["projector.out", "lm.*.resid"]
groups = ["object", "ring_1", "strip", "strip_minus_object", "random_background", "image"]
"#;

fn main() -> Result<()> {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(5);
    let folder = shipped(BUNDLED_MODEL);
    let (processor, model) = (Processor::open(&folder)?, families::open(&folder, &Device::flex())?);
    let dataset = dataset::open("scenes/rows")?;
    let bench = || Bench {
        model: model.as_ref(),
        processor: &processor,
        checkpoint: &folder,
        dataset: dataset.as_ref(),
        items: dataset.items(),
        seed: 1,
        batch: 16,
    };
    let intervene: Intervene =
        toml::from_str(KEYS).map_err(|error| vlmscope::error::Error::usage(error.to_string()))?;
    let planned = Planned::new(&intervene, &bench())?;
    let run = |restart: Restart| -> Result<(Outcome, Duration)> {
        let sweep =
            Sweep { bench: bench(), design: planned.design.as_ref(), name: planned.name(), golden: false, restart };
        let begun = Instant::now();
        let mut all = Outcome::default();
        for batch in 0..planned.batches.len() {
            let one = sweep.batch(&planned.batch(batch))?;
            all.effects.extend(one.effects);
            all.cost += one.cost;
        }
        Ok((all, begun.elapsed()))
    };
    let arms = [("plain loop", Restart::FromPixels), ("restarted", Restart::FromClean)];
    // The first round warms up, and shows that both compute the same.
    let [plain, restarted] = [run(arms[0].1)?.0, run(arms[1].1)?.0];
    assert!(!plain.effects.is_empty() && plain.effects == restarted.effects, "the two sweeps differ");
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); arms.len()];
    for _ in 0..rounds {
        for (arm, (_, restart)) in arms.iter().enumerate() {
            times[arm].push(run(*restart)?.1);
        }
    }
    let medians: Vec<f64> = times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[times.len() / 2].as_secs_f64()
        })
        .collect();
    println!("{rounds} rounds, {} threads, {} rows each, equal", rayon::current_num_threads(), plain.effects.len());
    for ((name, _), (median, outcome)) in arms.iter().zip(medians.iter().zip([&plain, &restarted])) {
        let blocks = outcome.cost.blocks;
        println!("{name:12} {:8.1} ms   {blocks:>7} blocks   x {:.2}", median * 1e3, medians[0] / median);
    }
    Ok(())
}
