use ndarray::Array2;
pub(super) fn product(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(b)
}
