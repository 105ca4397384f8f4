//! One optimiser step, its batch cut into shards that run beside each other.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};

use super::objective::losses;
use super::pack::Packed;
use crate::error::{Error, Result};
use crate::model::families::Llava;

/// What one step saw.
pub struct Outcome {
    pub gradients: GradientsParams,
    pub loss: f64,
    /// For each question in order, right or not.
    pub right: Vec<bool>,
}

/// Gradients of the mean loss over the shards. Each shard runs on a thread of its own, its tensor operations in sequence:
/// for models this small that is faster than cutting every operation in two, and the result does not depend on timing.
pub fn gradients(model: &Llava, shards: &[Packed], naming: f64, eos: u32, device: &Device) -> Result<Outcome> {
    let share = 1.0 / shards.len() as f64;
    let run = |shard: &Packed| -> Result<Outcome> {
        // A fork has an autodiff graph of its own.
        let model = model.clone().fork(device);
        let losses = losses(&model, &shard.onto(device, eos)?, naming, device)?;
        let loss = losses.answer.into_data().iter::<f64>().next().unwrap_or(f64::NAN);
        let right = losses.right.into_data().iter::<i64>().map(|right| right == 1).collect();
        let gradients = GradientsParams::from_grads((losses.total * share).backward(), &model);
        Ok(Outcome { gradients, loss, right })
    };
    let outcomes: Vec<Result<Outcome>> = std::thread::scope(|scope| {
        let threads: Vec<_> = shards.iter().map(|shard| scope.spawn(move || alone(|| run(shard)))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::data("a training thread panicked"))))
            .collect()
    });
    let mut sum = GradientsAccumulator::new();
    let (mut loss, mut right) = (0.0, Vec::new());
    for outcome in outcomes {
        let outcome = outcome?;
        sum.accumulate(model, outcome.gradients);
        loss += outcome.loss * share;
        right.extend(outcome.right);
    }
    Ok(Outcome { gradients: sum.grads(), loss, right })
}

/// Runs with one thread for everything inside.
fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// Shortens the gradients, taken together as one vector, to at most `most`; returns their length before.
pub fn clip(model: &Llava, gradients: GradientsParams, most: f64) -> (GradientsParams, f64) {
    let mut norm = Norm { gradients: &gradients, squares: 0.0 };
    model.visit(&mut norm);
    let length = norm.squares.sqrt();
    if length <= most {
        return (gradients, length);
    }
    let mut scaled = Scale { from: gradients, to: GradientsParams::new(), by: most / length };
    model.visit(&mut scaled);
    (scaled.to, length)
}

struct Norm<'g> {
    gradients: &'g GradientsParams,
    squares: f64,
}

impl ModuleVisitor for Norm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.squares += gradient.square().sum().into_data().iter::<f64>().next().unwrap_or(0.0);
        }
    }
}

struct Scale {
    from: GradientsParams,
    to: GradientsParams,
    by: f64,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let id: ParamId = param.id;
        if let Some(gradient) = self.from.remove::<D>(id) {
            self.to.register(id, gradient * self.by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::checkpoint::Random;
    use crate::model::families::LlavaConfig;
    use crate::train::{Shape, pack::Packed, scaffold};

    #[test]
    fn timing() {
        let shape = Shape {
            image: 64,
            patch: 8,
            vision_width: 128,
            vision_hidden: 384,
            vision_layers: 4,
            vision_heads: 4,
            width: 128,
            hidden: 256,
            layers: 6,
            heads: 4,
            kv_heads: 4,
        };
        let config = LlavaConfig::from_json(&scaffold::config(&shape, 90)).unwrap();
        let device = Device::flex().autodiff();
        let (mut model, _) = Llava::build(&mut Random::new(1, 6), &config, &device).unwrap();
        let mut optimiser = burn::optim::AdamWConfig::new().init();
        for shards in [1, 2] {
            let packed: Vec<_> = (0..shards).map(|_| Packed::fake(24 / shards, 7, 24)).collect();
            for _ in 0..4 {
                let t = std::time::Instant::now();
                let outcome = gradients(&model, &packed, 1.0, 2, &device).unwrap();
                let a = t.elapsed();
                let (g, n) = clip(&model, outcome.gradients, 1.0);
                model = optimiser.step(1e-3, model, g);
                println!("{shards}: grad {a:?} all {:?} loss {} norm {n}", t.elapsed(), outcome.loss);
            }
        }
    }
}
