//! The inverse cosine transform of Loeffler, Ligtenberg and Moschytz (1989) in 32-bit integers, rounded where
//! libjpeg's accurate integer method rounds: two extra bits between the passes, 13 bits in the constants.

use super::Block;

/// Fractional bits of the constants.
const BITS: u32 = 13;
/// Extra bits that the values keep between the two passes.
const EXTRA: u32 = 2;

/// A constant as fixed point; all are sums of cosines of multiples of pi / 16, times the square root of 2.
const fn fixed(value: f64) -> i32 {
    (value * (1 << BITS) as f64 + 0.5) as i32
}

/// Eight inputs to eight outputs, still with `BITS` more bits than the inputs.
fn line(input: [i32; 8]) -> [i32; 8] {
    let [i0, i1, i2, i3, i4, i5, i6, i7] = input;
    let turn = (i2 + i6) * fixed(0.541196100);
    let (a2, a3) = (turn - i6 * fixed(1.847759065), turn + i2 * fixed(0.765366865));
    let (a0, a1) = ((i0 + i4) << BITS, (i0 - i4) << BITS);
    let even = [a0 + a3, a1 + a2, a1 - a2, a0 - a3];

    let turn = (i7 + i3 + i5 + i1) * fixed(1.175875602);
    let (z1, z2) = ((i7 + i1) * -fixed(0.899976223), (i5 + i3) * -fixed(2.562915447));
    let (z3, z4) = (turn - (i7 + i3) * fixed(1.961570560), turn - (i5 + i1) * fixed(0.390180644));
    let odd = [
        i1 * fixed(1.501321110) + z1 + z4,
        i3 * fixed(3.072711026) + z2 + z3,
        i5 * fixed(2.053119869) + z2 + z4,
        i7 * fixed(0.298631336) + z1 + z3,
    ];
    std::array::from_fn(|at| if at < 4 { even[at] + odd[at] } else { even[7 - at] - odd[7 - at] })
}

/// Divides by a power of two, halves rounded up.
fn descale(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// Coefficients times the quantisation table (both row-major) to 8 x 8 samples, written at `out[0]` with `stride`.
pub fn inverse(block: &Block, table: &[u16; 64], out: &mut [u8], stride: usize) {
    let mut between = [0i32; 64];
    for column in 0..8 {
        let input = std::array::from_fn(|row| i32::from(block[8 * row + column]) * i32::from(table[8 * row + column]));
        for (row, value) in line(input).into_iter().enumerate() {
            between[8 * row + column] = descale(value, BITS - EXTRA);
        }
    }
    for (row, input) in between.as_chunks().0.iter().enumerate() {
        let samples = line(*input).map(|value| (descale(value, BITS + EXTRA + 3) + 128).clamp(0, 255) as u8);
        out[row * stride..row * stride + 8].copy_from_slice(&samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the transform as the standard writes it, in floating point.
    #[test]
    fn agrees_with_the_definition_to_one_level() {
        let mut seed = 1u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as i16 - 128
        };
        for _ in 0..50 {
            let block: Block = std::array::from_fn(|at| if at % 5 == 0 { next() } else { 0 });
            let mut out = [0; 64];
            inverse(&block, &[1; 64], &mut out, 8);
            for (at, sample) in out.iter().enumerate() {
                let (y, x) = ((at / 8) as f64, (at % 8) as f64);
                let scale = |k: usize| if k == 0 { (0.5f64).sqrt() } else { 1.0 };
                let wave = |place: f64, k: usize| ((2.0 * place + 1.0) * k as f64 * std::f64::consts::PI / 16.0).cos();
                let exact: f64 = (0..64)
                    .map(|k| scale(k / 8) * scale(k % 8) * f64::from(block[k]) * wave(y, k / 8) * wave(x, k % 8) / 4.0)
                    .sum();
                let exact = (exact + 128.0).clamp(0.0, 255.0);
                assert!((exact - f64::from(*sample)).abs() <= 1.0, "{exact} {sample}");
            }
        }
    }

    #[test]
    fn a_lone_dc_is_a_flat_block() {
        let mut block = [0; 64];
        block[0] = 3;
        let mut out = [0; 64];
        inverse(&block, &[16; 64], &mut out, 8);
        assert!(out.iter().all(|sample| *sample == 134)); // 128 + 3 * 16 / 8
    }
}
