//! Linear correlation, and its form for a score against right or wrong.

/// Pearson's correlation of two equally long series; `None` where either does not vary.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let n = x.len().min(y.len()) as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    ratio(xy, xx, yy)
}

/// Point-biserial correlation of a score with being right, within groups: each group's mean is taken from both first, so
/// that groups that differ in accuracy and in score do not correlate for that alone. One group: the usual coefficient.
/// Each group lists its items; NaN scores are left out. `None` where nothing varies.
pub fn point_biserial(scores: &[f64], right: &[bool], groups: &[&[u32]]) -> Option<f64> {
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for group in groups {
        let known: Vec<(f64, f64)> = group
            .iter()
            .map(|&item| (scores[item as usize], f64::from(u8::from(right[item as usize]))))
            .filter(|(score, _)| !score.is_nan())
            .collect();
        let n = known.len() as f64;
        let mean_x = known.iter().map(|(x, _)| x).sum::<f64>() / n;
        let mean_y = known.iter().map(|(_, y)| y).sum::<f64>() / n;
        for (x, y) in known {
            let (dx, dy) = (x - mean_x, y - mean_y);
            xx += dx * dx;
            yy += dy * dy;
            xy += dx * dy;
        }
    }
    ratio(xy, xx, yy)
}

fn ratio(xy: f64, xx: f64, yy: f64) -> Option<f64> {
    let scale = (xx * yy).sqrt();
    (scale > 0.0).then(|| (xy / scale).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pearson_by_hand() {
        // Deviations (-2,-1,0,1,2) and (-2,0,-1,2,1): 4+0+0+2+2 = 8 over 10.
        let r = pearson(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0, 3.0, 2.0, 5.0, 4.0]).unwrap();
        assert!((r - 0.8).abs() < 1e-12);
        assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(pearson(&[], &[]), None);
    }

    #[test]
    fn point_biserial_is_pearson_with_labels() {
        let (scores, right) = ([1.0, 2.0, f64::NAN, 3.0, 6.0], [false, true, true, false, true]);
        let pooled = point_biserial(&scores, &right, &[&[0, 1, 2, 3, 4]]).unwrap();
        let expected = pearson(&[1.0, 2.0, 3.0, 6.0], &[0.0, 1.0, 0.0, 1.0]).unwrap();
        assert!((pooled - expected).abs() < 1e-12);
    }

    #[test]
    fn groups_take_their_means_along() {
        // Group 0 scores low and is wrong mostly, group 1 high and right mostly; inside each, right scores lower.
        let scores = [1.0, 2.0, 3.0, 11.0, 12.0, 13.0];
        let right = [true, false, false, true, true, false];
        assert!(point_biserial(&scores, &right, &[&[0, 1, 2, 3, 4, 5]]).unwrap() > 0.15);
        assert!(point_biserial(&scores, &right, &[&[0, 1, 2], &[3, 4, 5]]).unwrap() < -0.8);
        assert_eq!(point_biserial(&scores, &[true; 6], &[&[0, 1, 2]]), None);
    }
}
