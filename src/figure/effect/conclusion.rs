//! What two numbers with intervals allow one to conclude.

use super::super::table::Estimate;

/// How far one number lies above another, lower and upper end. The two may be paired; taken for independent, the interval is
/// the wider one.
pub fn beyond(one: Estimate, other: Estimate) -> Option<(f64, f64)> {
    let ((low, high), (other_low, other_high)) = (one.interval?, other.interval?);
    let difference = one.value - other.value;
    let down = (one.value - low).hypot(other_high - other.value);
    let up = (high - one.value).hypot(other.value - other_low);
    Some((difference - down, difference + up))
}

/// Above a level with the whole interval, below it, or neither.
pub fn against(of: Estimate, level: f64) -> Option<std::cmp::Ordering> {
    let (low, high) = of.interval?;
    if low > level {
        Some(std::cmp::Ordering::Greater)
    } else if high < level {
        Some(std::cmp::Ordering::Less)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_widths_add_as_squares() {
        let of = |value: f64, half: f64| Estimate { value, interval: Some((value - half, value + half)) };
        let (low, high) = beyond(of(0.9, 0.3), of(0.4, 0.4)).unwrap();
        assert!((low - 0.0).abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
        assert_eq!(against(of(0.9, 0.3), 0.5), Some(std::cmp::Ordering::Greater));
        assert_eq!(against(of(0.4, 0.4), 0.5), None);
    }
}
