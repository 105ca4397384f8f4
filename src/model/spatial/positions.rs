//! A learned table of positions on another grid than it was learned on.

use burn::tensor::{Device, Tensor, TensorData};

use crate::processor::resample::{Filter, taps};

/// What resamples a table of `side` x `side` rows to `rows` x `cols`, `[rows * cols, side * side]`: antialiased bicubic
/// (a = -0.5), corners not aligned. A matrix, so that a table can be trained through it.
pub(super) fn resampling(side: usize, [rows, cols]: [usize; 2], device: &Device) -> Tensor<2> {
    let along = |to: usize| taps(side as u32, to as u32, 0..to as u32, Filter::Bicubic);
    let (down, right) = (along(rows), along(cols));
    let mut matrix = vec![0.0f32; rows * cols * side * side];
    for (line, (row, col)) in matrix.chunks_exact_mut(side * side).zip(cells(rows, cols)) {
        let ((top, by_row), (left, by_col)) = (&down[row], &right[col]);
        for (y, tall) in by_row.iter().enumerate() {
            for (x, wide) in by_col.iter().enumerate() {
                line[(top + y) * side + left + x] = (tall * wide) as f32;
            }
        }
    }
    Tensor::from_data(TensorData::new(matrix, [rows * cols, side * side]), device)
}

/// Row and column of every cell, row by row.
pub(super) fn cells(rows: usize, cols: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..cols).map(move |col| (row, col)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(side: usize, to: [usize; 2]) -> Vec<f32> {
        resampling(side, to, &Device::flex()).into_data().iter::<f32>().collect()
    }

    #[test]
    fn the_same_grid_stays_as_it_is() {
        let same = values(3, [3, 3]);
        assert!((0..81).all(|at| same[at] == if at % 10 == 0 { 1.0 } else { 0.0 }), "{same:?}");
    }

    #[test]
    fn every_cell_is_a_mean_of_the_table() {
        for (side, rows, cols) in [(4, 4, 6), (5, 2, 3), (4, 9, 1)] {
            let matrix = values(side, [rows, cols]);
            for line in matrix.chunks_exact(side * side) {
                assert!((line.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
        }
        // Halving four numbers, by hand: the kernel at distances 1/4, 3/4, 5/4 and, cut at the border, 3/4 beyond it.
        let halved = values(4, [1, 2]);
        let down: f32 = halved[..16].iter().sum();
        assert!((down - 1.0).abs() < 1e-6);
    }
}
