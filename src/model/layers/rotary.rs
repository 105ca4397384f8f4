//! Rotary position embedding, half-split: dimension `i` turns with dimension `i + d/2`.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Which coordinate of a position turns each pair of dimensions, and how far one unit of it turns the pair, in radians.
#[derive(Clone, Debug, PartialEq)]
pub struct Wheels {
    wheels: Vec<(usize, f32)>,
    /// Equal parts of a head that are turned each for itself; the wheels of one part follow those of the one before.
    parts: usize,
}

impl Wheels {
    /// One coordinate: pair `i` turns by `theta^(-2i/d)`.
    pub fn line(head_dim: usize, theta: f32) -> Self {
        Self::sections(head_dim, theta, &[head_dim / 2], 1)
    }

    /// The frequencies of [`line`](Self::line) dealt out in runs of these lengths to `axes` coordinates in turn: M-RoPE
    /// (Wang et al. 2024, arXiv 2409.12191), whose coordinates are time, row, column.
    pub fn sections(head_dim: usize, theta: f32, lengths: &[usize], axes: usize) -> Self {
        let axis = lengths.iter().enumerate().flat_map(|(run, &length)| std::iter::repeat_n(run % axes, length));
        let frequency = (0..head_dim / 2).map(|i| frequency(theta, 2.0 * i as f32 / head_dim as f32));
        Self { wheels: axis.zip(frequency).collect(), parts: 1 }
    }

    /// Two coordinates, row and column: the first half of the pairs turns with the row, the second with the column, with
    /// the same frequencies `theta^(-4i/d)`.
    pub fn plane(head_dim: usize, theta: f32) -> Self {
        let half = head_dim / 2;
        let along = |axis| (0..half / 2).map(move |i| (axis, frequency(theta, 2.0 * i as f32 / half as f32)));
        Self { wheels: along(0).chain(along(1)).collect(), parts: 1 }
    }

    /// The same wheels, but each coordinate has a half of the head to itself: in it, dimension `i` turns with `i + d/4`.
    /// VGGT (Wang et al. 2025, arXiv 2503.11651).
    pub fn plane_by_halves(head_dim: usize, theta: f32) -> Self {
        Self { parts: 2, ..Self::plane(head_dim, theta) }
    }

    /// All frequencies divided by `factor`: positions stretched to a longer context.
    pub fn slowed(mut self, factor: f32) -> Self {
        self.wheels.iter_mut().for_each(|(_, frequency)| *frequency /= factor);
        self
    }
}

/// `theta^-exponent`, rounded where PyTorch rounds: the power to the nearest f32, then its inverse.
fn frequency(theta: f32, exponent: f32) -> f32 {
    1.0 / f64::from(theta).powf(f64::from(exponent)) as f32
}

/// Cosines and sines of every position, each `[batch or 1, 1, tokens, head_dim]`.
#[derive(Clone, Debug)]
pub struct Rotary {
    cos: Tensor<4>,
    sin: Tensor<4>,
    /// As in [`Wheels`].
    parts: usize,
}

impl Rotary {
    /// The angles of positions on a line that all items share.
    pub fn new(positions: &[usize], wheels: &Wheels, device: &Device) -> Self {
        // On a line every coordinate is the same number, whichever of them a wheel asks for.
        Self::at(&[positions.iter().map(|&p| [p; 3]).collect()], wheels, device)
    }

    /// The angles of each item's positions, equally many for each item, computed in f32 as the reference implementations
    /// do. A wheel of a coordinate beyond `AXES` turns with the last.
    pub fn at<const AXES: usize>(positions: &[Vec<[usize; AXES]>], wheels: &Wheels, device: &Device) -> Self {
        let tokens = positions.first().map_or(0, Vec::len);
        let turns = &wheels.wheels;
        let each = (turns.len() / wheels.parts).max(1);
        let table = |turn: fn(f32) -> f32| {
            let angle = |position: &[usize; AXES], (axis, per_unit): &(usize, f32)| {
                turn(position[(*axis).min(AXES - 1)] as f32 * per_unit)
            };
            let values: Vec<f32> = positions
                .iter()
                .flatten()
                .flat_map(|position| {
                    let part = move |part: &'_ [(usize, f32)]| -> Vec<f32> {
                        part.iter().chain(part).map(|wheel| angle(position, wheel)).collect()
                    };
                    turns.chunks(each).flat_map(part)
                })
                .collect();
            Tensor::from_data(TensorData::new(values, [positions.len(), 1, tokens, 2 * turns.len()]), device)
        };
        Self { cos: table(f32::cos), sin: table(f32::sin), parts: wheels.parts }
    }

    /// The angles of these items of the batch; angles that all items share stay as they are.
    pub fn select(&self, rows: &Tensor<1, Int>) -> Self {
        match self.cos.dims() {
            [1, ..] => self.clone(),
            _ => {
                let pick = |x: &Tensor<4>| x.clone().select(0, rows.clone());
                Self { cos: pick(&self.cos), sin: pick(&self.sin), parts: self.parts }
            }
        }
    }

    /// The angles of the tokens from `start` on.
    pub fn from(&self, start: usize) -> Self {
        let tail = |x: &Tensor<4>| {
            let [_, _, tokens, _] = x.dims();
            x.clone().narrow(2, start, tokens - start)
        };
        Self { cos: tail(&self.cos), sin: tail(&self.sin), parts: self.parts }
    }

    /// The angles of one position, for `times` tokens that all stand there.
    pub fn repeated(&self, position: usize, times: usize) -> Self {
        let repeat = |x: &Tensor<4>| x.clone().narrow(2, position, 1).repeat_dim(2, times);
        Self { cos: repeat(&self.cos), sin: repeat(&self.sin), parts: self.parts }
    }

    /// Turns queries or keys, `[batch, heads, tokens, head_dim]`.
    pub fn turn(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, _, head_dim] = x.dims();
        let half = head_dim / self.parts / 2;
        let piece = |n: usize| x.clone().narrow(3, n * half, half);
        let turned = (0..self.parts).flat_map(|part| [piece(2 * part + 1).neg(), piece(2 * part)]).collect();
        x.clone() * self.cos.clone() + Tensor::cat(turned, 3) * self.sin.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_each_pair_by_its_angle() {
        let device = Device::flex();
        let rotary = Rotary::new(&[3], &Wheels::line(4, 100.0), &device);
        let x = Tensor::<4>::from_data([[[[1.0, 0.0, 0.0, 1.0]]]], &device);
        let turned: Vec<f32> = rotary.turn(x).into_data().iter::<f32>().collect();
        // Pair (0, 2) turns by 3, pair (1, 3) by 3 / 10.
        let expected = [3f32.cos(), -(0.3f32.sin()), 3f32.sin(), 0.3f32.cos()];
        for (value, expected) in turned.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{turned:?}");
        }
    }

    #[test]
    fn wheels_are_dealt_out_to_the_axes() {
        let axes = |wheels: &Wheels| wheels.wheels.iter().map(|(axis, _)| *axis).collect::<Vec<_>>();
        let line = Wheels::line(16, 10_000.0);
        // A fourth section is time's again; the frequencies stay those of the line.
        let sections = Wheels::sections(16, 10_000.0, &[2, 3, 2, 1], 3);
        assert_eq!(axes(&sections), [0, 0, 1, 1, 1, 2, 2, 0]);
        assert!(sections.wheels.iter().zip(&line.wheels).all(|(a, b)| a.1 == b.1));
        let plane = Wheels::plane(8, 100.0);
        assert_eq!(plane.wheels, [(0, 1.0), (0, 0.1), (1, 1.0), (1, 0.1)]);
    }

    #[test]
    fn each_item_turns_by_its_own_coordinates() {
        let device = Device::flex();
        let wheels = Wheels::plane(4, 1.0);
        let rotary = Rotary::at(&[vec![[1, 2]], vec![[3, 0]]], &wheels, &device);
        let x = Tensor::<4>::ones([2, 1, 1, 4], &device);
        let turned: Vec<f32> = rotary.turn(x).into_data().iter::<f32>().collect();
        let angle = |a: f32| [a.cos() - a.sin(), a.cos() + a.sin()];
        let ([a, b], [c, d], [e, f], [g, h]) = (angle(1.0), angle(2.0), angle(3.0), angle(0.0));
        for (value, expected) in turned.iter().zip([a, c, b, d, e, g, f, h]) {
            assert!((value - expected).abs() < 1e-6, "{turned:?}");
        }
    }
}
