//! The interval of a proportion that stays honest near 0 and 1.

use super::Interval;

/// 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % score interval of `successes` out of `n`; `None` where `n` is 0.
///
/// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
pub fn wilson(successes: usize, n: usize) -> Option<Interval> {
    if n == 0 {
        return None;
    }
    let (n, p) = (n as f64, successes as f64 / n as f64);
    let shrink = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / shrink;
    let half = Z / shrink * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(Interval { lo: (centre - half).max(0.0), hi: (centre + half).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(successes: usize, n: usize, lo: f64, hi: f64) {
        let interval = wilson(successes, n).unwrap();
        assert!((interval.lo - lo).abs() < 5e-4 && (interval.hi - hi).abs() < 5e-4, "{interval:?}");
    }

    #[test]
    fn published_values() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        close(81, 263, 0.2553, 0.3662);
        close(15, 148, 0.0624, 0.1605);
        close(0, 20, 0.0, 0.1611);
        close(1, 29, 0.0061, 0.1718);
        close(50, 50, 0.9287, 1.0);
    }

    #[test]
    fn nothing_from_nothing() {
        assert_eq!(wilson(0, 0), None);
    }
}
