//! What an analysis can be asked for.

use super::alignment::Metric;
use super::scaling::GateSpec;
use crate::error::{Error, Result};
use crate::study::Compat;

/// The `[analysis]` table of a study file; every key may be left out.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Which query's attention: the `query` column of the attention frame.
    pub query: String,
    /// Draws of area-matched random boxes, and as many of other items' boxes. At least 40, or a 95 % range means nothing.
    pub draws: usize,
    /// Bootstrap replicates, images drawn with replacement. At least 40.
    pub bootstrap: usize,
    /// Label permutations; no p-value can be smaller than 1 / (permutations + 1). At least 40.
    pub permutations: usize,
    /// The same seed and frames give the same tables.
    pub seed: u64,
    /// Items of each kind in the gallery.
    pub gallery: usize,
    /// What ranks the gallery.
    pub gallery_metric: Metric,
    /// Choices between two scalings of attention; any number of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gate: Vec<GateSpec>,
    /// Whose released code the main numbers follow where it counts otherwise; both stand in the tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compat: Option<Compat>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            query: "last".into(),
            draws: 200,
            bootstrap: 2000,
            permutations: 1000,
            seed: 1,
            gallery: 2,
            gallery_metric: Metric::Fraction,
            gate: Vec::new(),
            compat: None,
        }
    }
}

impl Params {
    /// # Errors
    /// A number too small for the 95 % range or p-value that is made of it.
    pub fn check(&self) -> Result<()> {
        let enough = |key: &str, count: usize| {
            if count >= 40 {
                return Ok(());
            }
            Err(Error::usage(format!("`analysis.{key}` is {count}; expected at least 40"))
                .with_help("a 95 % range of fewer draws than 40 is not one; leave the key out for the default"))
        };
        enough("draws", self.draws)?;
        enough("bootstrap", self.bootstrap)?;
        enough("permutations", self.permutations)?;
        self.gate.iter().try_for_each(GateSpec::check)?;
        let twice = |(n, gate): (usize, &GateSpec)| self.gate[..n].iter().any(|other| other.name == gate.name);
        match self.gate.iter().enumerate().find(|gate| twice(*gate)) {
            Some((_, gate)) => Err(Error::usage(format!("two gates are named `{}`", gate.name))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_single_keys() {
        let params: Params = toml::from_str("seed = 7\ngallery_metric = \"patch_auroc\"").unwrap();
        assert_eq!(params, Params { seed: 7, gallery_metric: Metric::PatchAuroc, ..Params::default() });
        assert!(params.check().is_ok());
    }

    #[test]
    fn unknown_keys_and_senseless_numbers() {
        assert!(toml::from_str::<Params>("draw = 7").unwrap_err().to_string().contains("draw"));
        let error = Params { draws: 0, ..Params::default() }.check().unwrap_err();
        assert!(error.to_string().contains("`analysis.draws` is 0") && error.exit_code() == 2);
    }
}
