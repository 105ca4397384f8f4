use ndarray::ArrayViewMut1;

/// Logits to probabilities, in place.
pub(super) fn normalise(mut row: ArrayViewMut1<f64>) {
    let largest = row.fold(f64::NEG_INFINITY, |largest, &logit| largest.max(logit));
    row.mapv_inplace(|logit| (logit - largest).exp());
    let total = row.sum();
    row /= total;
}
