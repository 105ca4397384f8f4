//! Linear correlation, and its form for a score against right or wrong.

/// Pearson's correlation of two equally long series; `None` where either does not vary.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let mut moments = Moments::default();
    moments.add(x.iter().copied().zip(y.iter().copied()));
    moments.correlation()
}

/// Point-biserial correlation of a score with being right, within groups: each group's mean is taken from both first, so
/// that groups that differ in accuracy and in score do not correlate for that alone. One group: the usual coefficient.
/// Each group lists its items; NaN scores are left out. `None` where nothing varies.
pub fn point_biserial(scores: &[f64], right: &[bool], groups: &[&[u32]]) -> Option<f64> {
    let mut moments = Moments::default();
    for group in groups {
        let pairs = group.iter().map(|&item| (scores[item as usize], f64::from(u8::from(right[item as usize]))));
        moments.add(pairs.filter(|(score, _)| !score.is_nan()));
    }
    moments.correlation()
}

/// Sums of squares and products about the mean, of several groups each about its own.
#[derive(Default)]
struct Moments {
    xx: f64,
    yy: f64,
    xy: f64,
    /// About zero: what rounding is small against.
    raw_xx: f64,
    raw_yy: f64,
}

impl Moments {
    fn add(&mut self, pairs: impl Iterator<Item = (f64, f64)> + Clone) {
        let (n, sum_x, sum_y) = pairs.clone().fold((0.0, 0.0, 0.0), |(n, sx, sy), (x, y)| (n + 1.0, sx + x, sy + y));
        for (x, y) in pairs {
            let (dx, dy) = (x - sum_x / n, y - sum_y / n);
            self.xx += dx * dx;
            self.yy += dy * dy;
            self.xy += dx * dy;
            self.raw_xx += x * x;
            self.raw_yy += y * y;
        }
    }

    fn correlation(&self) -> Option<f64> {
        // A constant series may differ from its own mean in the last bit.
        let varies = self.xx > 1e-24 * self.raw_xx && self.yy > 1e-24 * self.raw_yy;
        varies.then(|| (self.xy / (self.xx * self.yy).sqrt()).clamp(-1.0, 1.0))
    }
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
        // The mean of these is not 0.1 to the last bit.
        assert_eq!(pearson(&[0.1; 7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), None);
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
