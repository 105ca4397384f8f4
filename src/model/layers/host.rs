//! Attention on the CPU: no product with a key that nobody may see, exponentials in vectors, no copies of shared heads.
//!
//! The same as Burn's own `softmax(scale q k^T) v`, which serves every other device and is what this is tested against. A row's
//! sums run in an order that does not depend on how many other rows there are.

use burn::tensor::{DType, Device, Tensor, TensorData};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Which keys a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    All,
    /// Those at its own position or before; the queries are those of the last keys.
    Past,
}

/// Queries of one block.
const QUERIES: usize = 64;
/// Keys whose values are summed at once: a fixed number, so that the order of sums is one too.
const KEYS: usize = 256;
/// Numbers that are summed beside each other.
const LANES: usize = 16;

/// Whether a tensor is in this machine's memory, in the numbers that are computed with here, and nobody asks for gradients.
pub fn serves(tensor: &Tensor<4>) -> bool {
    let device = tensor.device();
    tensor.dtype() == DType::F32 && !device.is_autodiff() && device == Device::flex()
}

/// `[batch, heads, query, head_dim]` and twice `[batch, kv_heads, key, head_dim]` to `[batch, heads, query, head_dim]`.
/// Of tensors that are [served](serves).
pub fn attention([query, key, value]: [Tensor<4>; 3], sight: Sight, scale: f64) -> Tensor<4> {
    let device = query.device();
    let ([batch, heads, queries, dim], [_, kv_heads, keys, _]) = (query.dims(), key.dims());
    let [query, key, value] = [query, key, value].map(|x| x.into_data().convert::<f32>());
    let [query, key, value] = [&query, &key, &value].map(|data| data.as_slice::<f32>().unwrap_or_default());
    let mut context = vec![0.0; batch * heads * queries * dim];
    let arch = Arch::new();
    context.par_chunks_mut((queries * dim).max(1)).enumerate().for_each(|(head, context)| {
        // Consecutive heads share theirs.
        let known = head / (heads / kv_heads) * keys * dim;
        let [key, value] = [key, value].map(|all| &all[known..][..keys * dim]);
        let query = &query[head * queries * dim..][..queries * dim];
        let blocks = context.par_chunks_mut(QUERIES * dim).zip(query.par_chunks(QUERIES * dim)).enumerate();
        blocks.for_each_init(Vec::new, |scores, (block, (context, query))| {
            let first = match sight {
                Sight::All => keys,
                Sight::Past => keys - queries + block * QUERIES + 1,
            };
            Block { query, key, value, dim, first, scale: scale as f32 }.run(context, scores, arch);
        });
    });
    Tensor::from_data(TensorData::new(context, [batch, heads, queries, dim]), &device)
}

/// Neighbouring queries of one head.
struct Block<'a> {
    /// `[query, head_dim]`, and `[key, head_dim]` twice.
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
    dim: usize,
    /// Keys that the first query sees; each later one sees one more, as far as there are any.
    first: usize,
    scale: f32,
}

impl Block<'_> {
    /// Writes `[query, head_dim]`.
    fn run(&self, context: &mut [f32], scores: &mut Vec<f32>, arch: Arch) {
        if self.query.len() == self.dim {
            // A product of one row would go through a kernel that sums in another order.
            let (twice, mut both) = (self.query.repeat(2), vec![0.0; 2 * self.dim]);
            Block { query: &twice, ..*self }.run(&mut both, scores, arch);
            return context.copy_from_slice(&both[..self.dim]);
        }
        let Self { query, key, value, dim, first, scale } = *self;
        let rows = query.len() / dim;
        let seen = (first + rows - 1).min(key.len() / dim);
        scores.resize(rows * seen, 0.0);
        let keys = MatRef::from_row_major_slice(&key[..seen * dim], seen, dim);
        let products = MatMut::from_row_major_slice_mut(scores, rows, seen);
        matmul(products, Accum::Replace, rows_of(query, dim), keys.transpose(), scale, Par::Seq);
        let mut sums = [0.0; QUERIES];
        arch.dispatch(Exponentials { scores, seen, first, sums: &mut sums });
        let weights = rows_of(scores, seen);
        for (chunk, value) in value[..seen * dim].chunks(KEYS * dim).enumerate() {
            let keys = value.len() / dim;
            let into = MatMut::from_row_major_slice_mut(context, rows, dim);
            let accum = if chunk == 0 { Accum::Replace } else { Accum::Add };
            matmul(into, accum, weights.subcols(chunk * KEYS, keys), rows_of(value, dim), 1.0, Par::Seq);
        }
        for (row, sum) in context.chunks_exact_mut(dim).zip(sums) {
            row.iter_mut().for_each(|x| *x /= sum);
        }
    }
}

fn rows_of(slice: &[f32], width: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(slice, slice.len() / width, width)
}

/// Of each row of scores `[query, seen]`, the exponentials of what is seen (0 elsewhere) and their sum.
struct Exponentials<'a> {
    scores: &'a mut [f32],
    seen: usize,
    first: usize,
    sums: &'a mut [f32; QUERIES],
}

impl WithSimd for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (index, (row, sum)) in self.scores.chunks_exact_mut(self.seen).zip(self.sums).enumerate() {
            let (row, hidden) = row.split_at_mut((self.first + index).min(self.seen));
            *sum = exponentials(row);
            hidden.fill(0.0);
        }
    }
}

/// Replaces numbers by the exponentials of what they are below the greatest, and sums these.
#[inline(always)]
fn exponentials(row: &mut [f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let mut chunks = row.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (most, x) in most.iter_mut().zip(chunk) {
            *most = if *x > *most { *x } else { *most };
        }
    }
    let most = most.iter().chain(chunks.remainder()).fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let mut sums = [0.0; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *x = exp(*x - most);
            *sum += *x;
        }
    }
    for (sum, x) in sums.iter_mut().zip(chunks.into_remainder()) {
        *x = exp(*x - most);
        *sum += *x;
    }
    sums.iter().sum()
}

/// `e^x` for `x` up to 0, to the last digit or two: a power of two times a polynomial (minimax of degree 6, Cephes' `expf`).
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Below it, the result is no normal number. Written so that what is not a number stays so.
    let x = if x < -87.0 { -87.0 } else { x };
    // Adding one and a half times 2^23 leaves no room for digits behind the point, and the integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let twos = rounded - ROUND;
    // The logarithm of two in two parts, the first of few bits.
    let rest = twos.mul_add(2.121_944_4e-4, twos.mul_add(-355.0 / 512.0, x));
    let mut power = 1.987_569_1e-4_f32;
    for factor in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        power = power.mul_add(rest, factor);
    }
    let power = power.mul_add(rest * rest, rest) + 1.0;
    power * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, module, ops::AttentionModuleOptions};

    use super::*;

    fn drawn(shape: [usize; 4]) -> Tensor<4> {
        Tensor::random(shape, Distribution::Normal(0.0, 2.0), &Device::flex())
    }

    fn bits(tensor: Tensor<4>) -> Vec<u32> {
        tensor.into_data().iter::<f32>().map(f32::to_bits).collect()
    }

    #[test]
    fn it_is_burns_attention() {
        // One block and several, one chunk of keys and several, shared heads, a prompt that continues another, one query.
        for (heads, kv_heads, queries, keys, dim) in
            [(2, 2, 5, 5, 8), (4, 2, 130, 130, 16), (3, 1, 70, 300, 64), (2, 2, 1, 600, 32), (1, 1, 300, 600, 80)]
        {
            let (query, key, value) =
                (drawn([2, heads, queries, dim]), drawn([2, kv_heads, keys, dim]), drawn([2, kv_heads, keys, dim]));
            let repeated = |x: &Tensor<4>| {
                let x = x.clone().unsqueeze_dim::<5>(2).repeat_dim(2, heads / kv_heads);
                x.reshape([2, heads, keys, dim])
            };
            for sight in [Sight::All, Sight::Past] {
                let options =
                    AttentionModuleOptions { scale: Some(0.3), is_causal: sight == Sight::Past, softcap: None };
                let burns = module::attention(query.clone(), repeated(&key), repeated(&value), None, None, options);
                let ours = attention([query.clone(), key.clone(), value.clone()], sight, 0.3);
                let worst = (ours - burns).abs().max().into_scalar::<f32>();
                assert!(worst < 2e-5, "{queries} x {keys}, {sight:?}: {worst}");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_how_many_others_there_are() {
        let (query, key, value) = (drawn([1, 2, 200, 32]), drawn([1, 2, 200, 32]), drawn([1, 2, 200, 32]));
        let all = attention([query.clone(), key.clone(), value.clone()], Sight::Past, 0.2);
        for last in [1, 2, 3, 17, 64, 65, 100] {
            let tail = query.clone().narrow(2, 200 - last, last);
            let tail = attention([tail, key.clone(), value.clone()], Sight::Past, 0.2);
            assert_eq!(bits(tail), bits(all.clone().narrow(2, 200 - last, last)), "{last} queries");
        }
    }

    #[test]
    fn exponentials_are_right_and_hide_nothing() {
        let mut worst = 0.0_f64;
        for step in 0..87_000 {
            let x = -f32::from(step as u16) * 1e-3 - if step > 65_535 { 65.536 } else { 0.0 };
            let right = f64::from(x).exp();
            worst = worst.max(((f64::from(exp(x)) - right) / right).abs());
        }
        assert!(worst < 2e-7, "{worst}");
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::NAN).is_nan());
        let (key, value) = (drawn([1, 1, 3, 8]), drawn([1, 1, 3, 8]));
        let broken = attention([drawn([1, 1, 3, 8]) * f32::NAN, key, value], Sight::All, 1.0);
        assert!(broken.into_data().iter::<f32>().all(f32::is_nan));
    }
}
