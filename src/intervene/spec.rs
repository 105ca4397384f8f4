//! `[[intervene]]`: what a study asks for, checked key by key.
//!
//! ```toml
//! [[intervene]]
//! name = "cross-strip"          # unique; names rows
//! design = "patch"
//! dataset = "scenes/rows"       # one of the study's sources; all of them by default
//! limit = 200                   # units at most
//! seed = 1                      # of everything drawn at random
//! golden = true                 # only pairs that are right on both sides; the design says what it is by default
//! # and the keys of the design
//! ```

use std::num::NonZeroUsize;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ablate::AblateSpec;
use super::design::Design;
use super::enhance::EnhanceSpec;
use super::erase::EraseSpec;
use super::knockout::KnockoutSpec;
use super::logit_lens::LensSpec;
use super::patch::PatchSpec;
use super::scale::ScaleSpec;
use crate::study::Compat;

/// One intervention of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Intervene {
    pub common: Common,
    pub design: DesignSpec,
}

/// The keys of every design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// Letters, digits, `-` and `_`; names rows of the frames.
    pub name: String,
    /// One of the study's sources; all of them where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Units at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroUsize>,
    #[serde(default = "one")]
    pub seed: u64,
    /// Whether only units that are right on both sides become arms; the design's own default where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub golden: Option<bool>,
}

fn one() -> u64 {
    1
}

const COMMON: [&str; 5] = ["name", "dataset", "limit", "seed", "golden"];

/// What a design is told. A new one adds its line here and in [`DesignSpec::open`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "design", rename_all = "lowercase")]
pub enum DesignSpec {
    Patch(PatchSpec),
    Ablate(AblateSpec),
    Knockout(KnockoutSpec),
    Enhance(EnhanceSpec),
    Erase(EraseSpec),
    Lens(LensSpec),
    Scale(ScaleSpec),
}

impl Intervene {
    /// Has a design that knows released code follow it.
    pub fn follow(&mut self, compat: Compat) {
        if let DesignSpec::Scale(spec) = &mut self.design {
            spec.compat = Some(compat);
        }
    }
}

impl DesignSpec {
    /// The design that it tells.
    pub fn open(&self) -> Box<dyn Design> {
        match self {
            Self::Patch(spec) => Box::new(spec.clone()),
            Self::Ablate(spec) => spec.design(),
            Self::Knockout(spec) => spec.design(),
            Self::Enhance(spec) => spec.design(),
            Self::Erase(spec) => spec.design(),
            Self::Lens(spec) => spec.design(),
            Self::Scale(spec) => spec.design(),
        }
    }
}

impl TryFrom<Map<String, Value>> for Intervene {
    type Error = String;

    fn try_from(keys: Map<String, Value>) -> Result<Self, String> {
        let (common, own): (Map<_, _>, Map<_, _>) =
            keys.into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
        let common: Common = read(common)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if common.name.is_empty() || !common.name.chars().all(plain) {
            return Err(format!("`name` is `{}`, expected letters, digits, `-` and `_`", common.name));
        }
        Ok(Self { common, design: read(own)? })
    }
}

fn read<T: DeserializeOwned>(keys: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(keys)).map_err(|error| error.to_string())
}

impl From<Intervene> for Map<String, Value> {
    fn from(intervene: Intervene) -> Self {
        let keys = |value: Result<Value, _>| match value {
            Ok(Value::Object(keys)) => keys,
            Ok(_) | Err::<_, serde_json::Error>(_) => Self::new(),
        };
        let mut all = keys(serde_json::to_value(&intervene.common));
        all.extend(keys(serde_json::to_value(&intervene.design)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "name = \"cross\"\ndesign = \"patch\"\npairing = \"cross\"\nsites = [\"lm.*.resid\"]\ngroups = [\"object\", \"ring_1\"]\n";

    #[test]
    fn what_run_json_keeps_is_read_back_as_it_was() {
        let intervene: Intervene = toml::from_str(&format!("{PATCH}limit = 3\nwindows = [1, 3]\n")).unwrap();
        assert_eq!((intervene.common.seed, intervene.common.limit.unwrap().get()), (1, 3));
        let kept = serde_json::to_string(&intervene).unwrap();
        assert_eq!(serde_json::from_str::<Intervene>(&kept).unwrap(), intervene);
    }

    #[test]
    fn unknown_keys_and_values_are_told() {
        let refused = |text: &str| toml::from_str::<Intervene>(text).unwrap_err().message().to_string();
        assert!(refused(&format!("{PATCH}grops = []\n")).contains("unknown field `grops`"));
        assert!(refused(&PATCH.replace("\"patch\"", "\"pach\"")).contains("unknown variant `pach`"));
        assert!(refused(&PATCH.replace("ring_1", "rnig_1")).contains("rnig_1"));
        assert!(refused(&PATCH.replace("name = \"cross\"", "name = \"a b\"")).contains("letters, digits"));
    }
}
