//! Six ways to say how well a row of attention falls on a mask of patches.
//!
//! a_p is the attention mass on patch p, c_p the share of the patch that the boxes cover (0 to 1), N the number of patches.
//! An attention row is ranked once; after that a mask costs only as many steps as it has patches.

use super::mask::Mask;
use crate::stats::Ranking;

/// A measure of alignment; the larger, the better the attention sits on the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Attention mass in the boxes: sum of a c. Grows with the attention to the image as a whole.
    Mass,
    /// Mass over the mass of the whole image: sum of a c / sum of a.
    Fraction,
    /// Cosine between attention and mask: sum of a c / (|a| |c|).
    Cosine,
    /// AUROC over patches: the chance that a point drawn inside the boxes has more attention than one drawn outside, ties
    /// half. A partly covered patch counts on both sides, by its covered and uncovered share.
    PatchAuroc,
    /// Pointing game: 1 if the patch with most attention is inside (at least half covered, see [`Mask`]), else 0; with
    /// several equal maxima, the share of them that is inside.
    Pointing,
    /// Intersection over union of the inside patches and the k patches with most attention, k being the number of inside
    /// patches; equals at the cut share the places left.
    TopkIou,
}

impl Metric {
    pub const ALL: [Self; 6] =
        [Self::Mass, Self::Fraction, Self::Cosine, Self::PatchAuroc, Self::Pointing, Self::TopkIou];

    /// As in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mass => "mass",
            Self::Fraction => "fraction",
            Self::Cosine => "cosine",
            Self::PatchAuroc => "patch_auroc",
            Self::Pointing => "pointing",
            Self::TopkIou => "topk_iou",
        }
    }
}

/// One number per metric, in the order of [`Metric::ALL`]; NaN where a metric is undefined.
pub type Scores = [f64; Metric::ALL.len()];

/// A row of attention over the patches, ranked and ready to be held against masks.
pub struct Ranked {
    patches: Vec<Patch>,
    total: f64,
    norm: f64,
}

#[derive(Clone, Copy, Default)]
struct Patch {
    mass: f32,
    /// Patches with less attention, equals (itself among them) half.
    beaten: f32,
    /// Patches with more attention.
    above: f32,
    /// Patches with as much, itself among them.
    equal: f32,
}

impl Ranked {
    /// `row`: attention mass per patch, `[patches]`.
    pub fn new(row: &[f32]) -> Self {
        let mut patches: Vec<Patch> = row.iter().map(|&mass| Patch { mass, ..Patch::default() }).collect();
        let masses: Vec<f64> = row.iter().map(|&mass| f64::from(mass)).collect();
        let mut below = 0;
        for tie in Ranking::of(&masses).ties() {
            for &patch in tie {
                let patch = &mut patches[patch as usize];
                patch.beaten = below as f32 + tie.len() as f32 / 2.0;
                patch.above = (row.len() - below - tie.len()) as f32;
                patch.equal = tie.len() as f32;
            }
            below += tie.len();
        }
        let norm = masses.iter().map(|mass| mass * mass).sum::<f64>().sqrt();
        Self { patches, total: masses.iter().sum(), norm }
    }

    /// All metrics at once.
    pub fn against(&self, mask: &Mask) -> Scores {
        let (mut mass, mut beaten) = (0.0, 0.0);
        for &(patch, cover) in mask.covers() {
            let (patch, cover) = (self.patches[patch as usize], f64::from(cover));
            mass += f64::from(patch.mass) * cover;
            beaten += f64::from(patch.beaten) * cover;
        }
        let k = mask.inside().len() as f64;
        let (mut pointed, mut common) = (0.0, 0.0);
        for &(patch, _) in mask.inside() {
            let patch = self.patches[patch as usize];
            let (above, equal) = (f64::from(patch.above), f64::from(patch.equal));
            pointed += if above == 0.0 { 1.0 / equal } else { 0.0 };
            common += ((k - above) / equal).clamp(0.0, 1.0);
        }
        let (area, outside) = (mask.area(), self.patches.len() as f64 - mask.area());
        // Covered points beat each other half of the time, area^2 / 2 pairs; what is left are wins over uncovered points.
        let wins = beaten - area * area / 2.0;
        let defined = |value: f64, when: bool| if when { value } else { f64::NAN };
        [
            mass,
            defined(mass / self.total, self.total > 0.0),
            defined(mass / (self.norm * mask.norm()), self.norm > 0.0),
            defined(wins / (area * outside), outside > 1e-6),
            pointed,
            common / (2.0 * k - common),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 x 3 patches; patch 1 wholly inside, patch 2 covered by 0.6, patch 5 by 0.2.
    fn mask() -> Mask {
        Mask::of(&[0.0, 1.0, 0.6, 0.0, 0.0, 0.2]).unwrap()
    }

    fn close(scores: Scores, expected: Scores) {
        for ((metric, score), expected) in Metric::ALL.iter().zip(scores).zip(expected) {
            assert!((score - expected).abs() < 1e-6, "{}: {score}, expected {expected}", metric.name());
        }
    }

    #[test]
    fn by_hand() {
        let row = [0.05, 0.2, 0.1, 0.3, 0.05, 0.0];
        let mass: f64 = 0.2 + 0.06;
        let norm_row = (0.0025f64 + 0.04 + 0.01 + 0.09 + 0.0025).sqrt();
        // Patch 1 (weight 1) beats uncovered shares: 0 (1), 2 (0.4), 4 (1), 5 (0.8), loses to 3 (1): 3.2.
        // Patch 2 (0.6): 0, 4, 5 and half of itself (0.2): 3.0. Patch 5 (0.2): half of itself (0.4): 0.4.
        let patch_auroc = (3.2 + 0.6 * 3.0 + 0.2 * 0.4) / (1.8 * 4.2);
        // Inside: patches 1 and 2. Top two: 3 and 1. One in common, three in the union.
        close(
            Ranked::new(&row).against(&mask()),
            [mass, mass / 0.7, mass / (norm_row * 1.4f64.sqrt()), patch_auroc, 0.0, 1.0 / 3.0],
        );
    }

    #[test]
    fn ties_share_places() {
        // Flat attention: nothing is told apart. Top 2 of 6 equals: each patch is in with 1/3; common 2/3, union 10/3.
        close(
            Ranked::new(&[0.1; 6]).against(&mask()),
            [0.18, 0.3, 0.18 / (0.06f64.sqrt() * 1.4f64.sqrt()), 0.5, 1.0 / 3.0, 0.2],
        );
    }

    #[test]
    fn all_attention_on_the_object() {
        let mask = Mask::of(&[0.0, 1.0, 1.0, 0.0]).unwrap();
        close(Ranked::new(&[0.0, 0.25, 0.25, 0.0]).against(&mask), [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]);
        close(Ranked::new(&[0.25, 0.0, 0.0, 0.25]).against(&mask), [0.0; 6]);
    }

    #[test]
    fn undefined_where_it_must_be() {
        let [mass, fraction, cosine, ..] = Ranked::new(&[0.0; 4]).against(&Mask::of(&[1.0, 0.0, 0.0, 0.0]).unwrap());
        assert!(mass == 0.0 && fraction.is_nan() && cosine.is_nan());
        let everywhere = Ranked::new(&[0.1, 0.2]).against(&Mask::of(&[1.0, 1.0]).unwrap());
        assert!(everywhere[3].is_nan() && everywhere[1] == 1.0);
    }

    #[test]
    fn names_match_the_study_file() {
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
    }
}
