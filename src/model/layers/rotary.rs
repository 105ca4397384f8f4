//! Rotary position embedding, half-split: dimension `i` turns with dimension `i + d/2`.

use burn::tensor::{Device, Tensor, TensorData};

/// Cosines and sines of every position, each `[1, 1, tokens, head_dim]`.
#[derive(Clone, Debug)]
pub struct Rotary {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rotary {
    /// Angles `position * theta^(-2i/d)`, computed in f32 as the reference implementations do.
    pub fn new(positions: &[usize], head_dim: usize, theta: f32, device: &Device) -> Self {
        let half = head_dim / 2;
        let frequency: Vec<f32> = (0..half).map(|i| 1.0 / theta.powf(2.0 * i as f32 / head_dim as f32)).collect();
        let table = |turn: fn(f32) -> f32| {
            let values: Vec<f32> = positions
                .iter()
                .flat_map(|&p| frequency.iter().chain(&frequency).map(move |f| turn(p as f32 * f)))
                .collect();
            Tensor::from_data(TensorData::new(values, [1, 1, positions.len(), head_dim]), device)
        };
        Self { cos: table(f32::cos), sin: table(f32::sin) }
    }

    /// Turns queries or keys, `[batch, heads, tokens, head_dim]`.
    pub fn turn(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, _, head_dim] = x.dims();
        let half = head_dim / 2;
        let left = x.clone().narrow(3, 0, half);
        let right = x.clone().narrow(3, half, half);
        x * self.cos.clone() + Tensor::cat(vec![right.neg(), left], 3) * self.sin.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_each_pair_by_its_angle() {
        let device = Device::flex();
        let rotary = Rotary::new(&[3], 4, 100.0, &device);
        let x = Tensor::<4>::from_data([[[[1.0, 0.0, 0.0, 1.0]]]], &device);
        let turned: Vec<f32> = rotary.turn(x).into_data().iter::<f32>().collect();
        // Pair (0, 2) turns by 3, pair (1, 3) by 3 / 10.
        let expected = [3f32.cos(), -(0.3f32.sin()), 3f32.sin(), 0.3f32.cos()];
        for (value, expected) in turned.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{turned:?}");
        }
    }
}
