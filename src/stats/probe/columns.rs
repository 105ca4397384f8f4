//! Arithmetic down the columns of matrices. Sums go in eight lanes, so that they need not wait for one another; always the same
//! ones, so that every machine gives the same number.

use faer::Mat;

const LANES: usize = 8;

/// Sum of a column.
pub fn sum(column: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = column.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f64>() + rest
}

/// Sum of the products of the elements of two matrices of one shape.
pub fn dot(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    (0..a.ncols()).map(|j| inner(a.col_as_slice(j), b.col_as_slice(j))).sum()
}

/// Sum of the products of two columns.
pub fn inner(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    lanes.iter().sum::<f64>() + rest
}

/// `into += factor * other`.
pub fn add(into: &mut Mat<f64>, factor: f64, other: &Mat<f64>) {
    for j in 0..into.ncols() {
        let columns = into.col_as_slice_mut(j).iter_mut().zip(other.col_as_slice(j));
        columns.for_each(|(into, other)| *into += factor * other);
    }
}

/// `into = other + factor * into`.
pub fn scale_and_add(into: &mut Mat<f64>, factor: f64, other: &Mat<f64>) {
    for j in 0..into.ncols() {
        let columns = into.col_as_slice_mut(j).iter_mut().zip(other.col_as_slice(j));
        columns.for_each(|(into, other)| *into = other + factor * *into);
    }
}

/// `into[i, j] = of[i, j] * factors[i]`.
pub fn scale_rows(into: &mut Mat<f64>, of: &Mat<f64>, factors: &[f64]) {
    for j in 0..into.ncols() {
        let columns = into.col_as_slice_mut(j).iter_mut().zip(of.col_as_slice(j)).zip(factors);
        columns.for_each(|((into, of), factor)| *into = of * factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_element_by_element() {
        let a = Mat::from_fn(19, 3, |i, j| (i * 3 + j) as f64 - 20.0);
        let b = Mat::from_fn(19, 3, |i, j| (i + 7 * j) as f64);
        let by_element = |of: &dyn Fn(f64, f64, usize) -> f64| Mat::from_fn(19, 3, |i, j| of(a[(i, j)], b[(i, j)], i));
        let expected: f64 = (0..19).flat_map(|i| (0..3).map(move |j| (i, j))).map(|at| a[at] * b[at]).sum();
        assert_eq!(dot(&a, &b), expected);
        assert_eq!(sum(a.col_as_slice(1)), (0..19).map(|i| a[(i, 1)]).sum::<f64>());
        let mut added = a.clone();
        add(&mut added, 2.0, &b);
        assert_eq!(added, by_element(&|a, b, _| a + 2.0 * b));
        let mut scaled = a.clone();
        scale_and_add(&mut scaled, 0.5, &b);
        assert_eq!(scaled, by_element(&|a, b, _| b + 0.5 * a));
        let factors: Vec<f64> = (0..19).map(f64::from).collect();
        let mut rows = Mat::zeros(19, 3);
        scale_rows(&mut rows, &a, &factors);
        assert_eq!(rows, by_element(&|a, _, i| a * i as f64));
    }
}
