//! Random weights: the start of training, and the control that has the architecture but learned nothing.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::builder::{Role, Source};
use crate::error::Result;

/// Normal weights, unit gains, zero biases; drawn on the host, so the same on every device.
pub struct Random {
    rng: ChaCha8Rng,
    /// Matrices that write to the residual stream are drawn this much narrower, so that depth does not inflate it.
    residual_gain: f64,
}

impl Random {
    /// `depth` is the number of blocks that add to one residual stream.
    pub fn new(seed: u64, depth: usize) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), residual_gain: (2.0 * depth.max(1) as f64).powf(-0.5) }
    }

    fn normal(&mut self) -> f64 {
        use rand::Rng;
        // Box-Muller; the open interval keeps the logarithm finite.
        let u: f64 = 1.0 - self.rng.random::<f64>();
        let v: f64 = self.rng.random::<f64>();
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

impl Source for Random {
    fn values(&mut self, _name: &str, shape: &[usize], role: Role) -> Result<Vec<f32>> {
        let count: usize = shape.iter().product();
        let fan_in = (count / shape.first().copied().unwrap_or(1).max(1)).max(1) as f64;
        let std = match role {
            Role::Bias => return Ok(vec![0.0; count]),
            Role::Scale => return Ok(vec![1.0; count]),
            Role::Embedding => 0.5,
            Role::Head => 0.3 * fan_in.powf(-0.5),
            Role::Weight => fan_in.powf(-0.5),
            Role::Residual => fan_in.powf(-0.5) * self.residual_gain,
        };
        Ok((0..count).map(|_| (self.normal() * std) as f32).collect())
    }
}
