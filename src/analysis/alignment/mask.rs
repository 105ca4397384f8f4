//! What boxes cover of the patch grid, kept to the patches that they touch.

/// Patches covered by an object, each with the covered share of its area.
///
/// *Inside* are the patches covered by at least half; where none is, the one covered most (the first in row-major order
/// among equals), so that even the smallest object has a patch of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Patch and covered share; the inside ones first.
    covers: Vec<(u32, f32)>,
    inside: usize,
    area: f64,
    norm: f64,
}

impl Mask {
    /// From the covered share of every patch, row-major. `None` where nothing is covered.
    pub fn of(coverage: &[f32]) -> Option<Self> {
        let mut covers: Vec<(u32, f32)> =
            (0..).zip(coverage.iter().copied()).filter(|(_, cover)| *cover > 0.0).collect();
        covers.sort_by_key(|(_, cover)| *cover < 0.5);
        let inside = covers.partition_point(|(_, cover)| *cover >= 0.5);
        if inside == 0 {
            let most = covers.iter().map(|(_, cover)| *cover).fold(0.0, f32::max);
            let first = covers.iter().position(|(_, cover)| *cover == most)?;
            covers[..=first].rotate_right(1);
        }
        let shares = || covers.iter().map(|(_, cover)| f64::from(*cover));
        let (area, norm) = (shares().sum(), shares().map(|share| share * share).sum::<f64>().sqrt());
        Some(Self { covers, inside: inside.max(1), area, norm })
    }

    /// Touched patches with their covered share.
    pub fn covers(&self) -> &[(u32, f32)] {
        &self.covers
    }

    /// The patches that count as inside, at least one.
    pub fn inside(&self) -> &[(u32, f32)] {
        &self.covers[..self.inside]
    }

    /// Sum of the covered shares: the object's area in patches.
    pub fn area(&self) -> f64 {
        self.area
    }

    /// Euclidean norm of the covered shares.
    pub fn norm(&self) -> f64 {
        self.norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_is_half_or_the_most_covered() {
        let mask = Mask::of(&[0.2, 1.0, 0.0, 0.5]).unwrap();
        assert_eq!(mask.inside(), [(1, 1.0), (3, 0.5)]);
        assert_eq!(mask.covers(), [(1, 1.0), (3, 0.5), (0, 0.2)]);
        assert!((mask.area() - 1.7).abs() < 1e-6);

        let small = Mask::of(&[0.1, 0.0, 0.3, 0.3]).unwrap();
        assert_eq!(small.inside(), [(2, 0.3)]);
        assert_eq!(small.covers().len(), 3);
        assert_eq!(Mask::of(&[0.0; 4]), None);
    }
}
