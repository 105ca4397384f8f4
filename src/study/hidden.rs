//! Hidden states that a study records: which sites, which groups of positions, of which variants of the image or model.

use serde::{Deserialize, Serialize};

use super::SitePattern;
use crate::dataset::Counterpart;
use crate::error::suggestion;
use crate::processor::Group;

/// One `[[record.hidden]]`: every group at every site, of every variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HiddenStates {
    /// `pixels`, or sites of the model.
    pub sites: Vec<SitePattern>,
    pub groups: Vec<Group>,
    #[serde(default)]
    pub states: States,
    #[serde(default)]
    pub dtype: Precision,
    #[serde(default = "original")]
    pub variants: Vec<Variant>,
}

fn original() -> Vec<Variant> {
    vec![Variant::ORIGINAL]
}

/// What becomes a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum States {
    /// The mean over the group.
    #[default]
    Mean,
    /// Each position of the group.
    Tokens,
}

/// How numbers are stored. The model computes in its own precision whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    #[default]
    F32,
    /// Half the size; up to 65,504, three digits.
    F16,
}

impl Precision {
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// The largest number that it holds.
    pub fn largest(self) -> f32 {
        match self {
            Self::F32 => f32::MAX,
            Self::F16 => 65_504.0,
        }
    }
}

/// What the model is shown, or which model: a control beside the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Variant {
    /// The same model, another image.
    Counterpart(Counterpart),
    /// `untrained_1`: the same image, a model of the same configuration whose weights are drawn at random with this seed.
    Untrained(u64),
}

impl Variant {
    pub const ORIGINAL: Self = Self::Counterpart(Counterpart::Original);

    /// What is done to the image.
    pub fn counterpart(self) -> Counterpart {
        match self {
            Self::Counterpart(counterpart) => counterpart,
            Self::Untrained(_) => Counterpart::Original,
        }
    }
}

impl TryFrom<String> for Variant {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let untrained = name.strip_prefix("untrained_").and_then(|seed| seed.parse().ok()).map(Self::Untrained);
        let known = untrained.or_else(|| Counterpart::try_from(name.clone()).ok().map(Self::Counterpart));
        known.filter(|known| known.to_string() == name).ok_or_else(|| {
            let hint = suggestion(&name, ["original", "blank", "noise", "shifted_16", "untrained_1"]);
            format!("`{name}` is not a variant\n{hint}")
        })
    }
}

impl From<Variant> for String {
    fn from(variant: Variant) -> Self {
        variant.to_string()
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Counterpart(counterpart) => counterpart.fmt(f),
            Self::Untrained(seed) => write!(f, "untrained_{seed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_means_in_full_precision_of_the_original() {
        let read: HiddenStates = toml::from_str("sites = [\"pixels\"]\ngroups = [\"objects\"]").unwrap();
        assert_eq!((read.states, read.dtype, read.variants), (States::Mean, Precision::F32, vec![Variant::ORIGINAL]));
    }

    #[test]
    fn variants_round_trip() {
        for name in ["original", "blank", "shifted_-16", "untrained_12"] {
            assert_eq!(Variant::try_from(name.to_string()).unwrap().to_string(), name);
        }
        assert!(Variant::try_from("untraned_1".to_string()).unwrap_err().contains("`untrained_1`"));
    }
}
