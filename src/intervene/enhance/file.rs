//! Directions from the probes of another run: its `tables/probe_weights.safetensors`.
//!
//! The file says of which checkpoint and how wide its probes are, and is refused where either differs. It does not say which
//! images they were fitted to: take probes of another dataset than the one that is enhanced, or they have seen its images.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::Array2;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use super::directions::Directions;
use crate::dataset::Axis;
use crate::error::{Error, Result, suggestion};
use crate::model::Site;

/// Which probe of which run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeFile {
    /// As `runs/probes/tables/probe_weights.safetensors`.
    pub path: PathBuf,
    /// The probe's name in its study.
    pub probe: String,
    /// The tokens that it was fitted to.
    #[serde(default = "objects")]
    pub group: String,
}

fn objects() -> String {
    "objects".into()
}

/// The file, opened.
pub(super) struct Probes {
    asked: ProbeFile,
    bytes: Vec<u8>,
}

impl Probes {
    /// Reads the file, for the checkpoint with this hash.
    ///
    /// # Errors
    /// A file that is not there or holds no probes; probes of another checkpoint; no probe of that name.
    pub fn open(asked: &ProbeFile, checkpoint: &str) -> Result<Self> {
        let bytes = std::fs::read(&asked.path).map_err(|source| Error::io("read", &asked.path, source))?;
        let probes = Self { asked: asked.clone(), bytes };
        probes.check(checkpoint)?;
        Ok(probes)
    }

    fn check(&self, checkpoint: &str) -> Result<()> {
        let (_, head) = SafeTensors::read_metadata(&self.bytes).map_err(|problem| self.broken(&problem))?;
        let told = head.metadata().as_ref().and_then(|all| all.get("vlmscope"));
        let told = told.ok_or_else(|| self.broken(&"it does not say of which model they are"))?;
        let told: BTreeMap<String, String> = serde_json::from_str(told).map_err(|problem| self.broken(&problem))?;
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        match told.get("model") {
            Some(model) if model == checkpoint => {}
            other => {
                return Err(Error::usage(format!(
                    "the probes of `{}` are of another checkpoint: {}, here {}",
                    self.asked.path.display(),
                    other.map_or("unknown".into(), |model| short(model)),
                    short(checkpoint)
                ))
                .with_help("directions of one model mean nothing in another: run the probes on this one"));
            }
        }
        let tensors = self.tensors()?;
        let names = tensors.names();
        let known: Vec<&str> = names.iter().filter_map(|name| name.split('/').next()).collect();
        if known.contains(&self.asked.probe.as_str()) {
            return Ok(());
        }
        Err(Error::usage(format!("`{}` holds no probe `{}`", self.asked.path.display(), self.asked.probe))
            .with_help(suggestion(&self.asked.probe, known)))
    }

    fn broken(&self, problem: &dyn std::fmt::Display) -> Error {
        Error::data(format!("`{}` does not hold weights of probes: {problem}", self.asked.path.display()))
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|problem| self.broken(&problem))
    }

    /// The probe of an axis at a site whose states are so wide, fitted to all folds; `None` where it has no such axis.
    ///
    /// # Errors
    /// No probe at this site at all; one of another width.
    pub fn of(&self, site: Site, axis: Axis, width: usize) -> Result<Option<Directions>> {
        let tensors = self.tensors()?;
        let ProbeFile { probe, group, .. } = &self.asked;
        let name = |axis: &str| format!("{probe}/{axis}/{site}/{group}/full/W");
        let Some(tensor) = [axis.word(), "both"].iter().find_map(|axis| tensors.tensor(&name(axis)).ok()) else {
            let elsewhere = |axis: &Axis| tensors.tensor(&name(axis.word())).is_ok();
            if Axis::ALL.iter().any(elsewhere) {
                return Ok(None);
            }
            return Err(Error::usage(format!("probe `{probe}` has no weights for `{group}` at `{site}`"))
                .with_help(format!("it was fitted {}", self.places(&tensors))));
        };
        let (&[rows, columns], Dtype::F32) = (tensor.shape(), tensor.dtype()) else {
            return Err(self.broken(&format!("`{}` is no matrix of f32", name(axis.word()))));
        };
        if rows != width {
            return Err(Error::usage(format!(
                "probe `{probe}` reads states of width {rows}; those at `{site}` are {width} wide"
            )));
        }
        let values: Vec<f64> =
            tensor.data().as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
        let w = Array2::from_shape_vec((rows, columns), values).map_err(|problem| self.broken(&problem))?;
        Ok(Some(Directions::of_places(w)))
    }

    /// "for `objects` at `projector.out`, ..."
    fn places(&self, tensors: &SafeTensors<'_>) -> String {
        let mut places: Vec<String> = tensors
            .names()
            .iter()
            .filter_map(|name| match name.split('/').collect::<Vec<_>>()[..] {
                [probe, _, site, group, "full", "W"] if probe == self.asked.probe => {
                    Some(format!("for `{group}` at `{site}`"))
                }
                _ => None,
            })
            .collect();
        places.sort_unstable();
        places.dedup();
        places.truncate(6);
        places.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// A probe `slot` of the objects at slot 0, horizontal only, `[3, 2]`.
    fn probes(probe: &str) -> Probes {
        let bytes: Vec<u8> = (0..6u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![3, 2], &bytes).unwrap();
        let metadata = [("vlmscope".to_owned(), "{\"model\": \"abc\"}".to_owned())].into();
        let bytes =
            safetensors::serialize([("slot/horizontal/lm.0.resid/objects/full/W", view)], Some(metadata)).unwrap();
        let asked = ProbeFile { path: "weights.safetensors".into(), probe: probe.into(), group: objects() };
        Probes { asked, bytes }
    }

    #[test]
    fn columns_are_places_in_their_order() {
        let found = probes("slot").of(Site::LmResid(0), Axis::Horizontal, 3).unwrap().unwrap();
        assert_eq!(found.columns, ndarray::array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);
        assert_eq!(found.ordered, ndarray::array![-1.0, -1.0, -1.0]);
        assert!(probes("slot").of(Site::LmResid(0), Axis::Vertical, 3).unwrap().is_none());
    }

    #[test]
    fn another_model_width_probe_or_site_is_refused() {
        assert!(probes("slot").check("abc").is_ok());
        assert!(probes("slot").check("def").unwrap_err().to_string().contains("another checkpoint: abc, here def"));
        assert!(probes("place").check("abc").unwrap_err().to_string().contains("no probe `place`"));
        let refused = |site, width| probes("slot").of(site, Axis::Horizontal, width).unwrap_err();
        assert!(refused(Site::LmResid(0), 4).to_string().contains("width 3"));
        assert!(refused(Site::LmResid(1), 3).help().unwrap().contains("`objects` at `lm.0.resid`"));
        let cut = Probes { bytes: vec![1, 2, 3], ..probes("slot") };
        assert!(cut.check("abc").unwrap_err().to_string().contains("does not hold weights of probes"));
    }
}
