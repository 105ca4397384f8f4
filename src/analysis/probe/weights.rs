//! Fitted probes as `tables/probe_weights.safetensors`, for whoever steers, erases or swaps along them.
//!
//! `{probe}/{axis}/{site}/{group}/{full|fold_k}/{W,b,mean,scale}`, f32: W `[width, classes]` and b `[classes]` in the units of
//! the recorded states, mean and scale `[width]` those of the training rows. A probe of one cell has the group
//! `{group}@{row}_{col}`. Metadata: `model` (BLAKE3 of the checkpoint), and for each probe and axis its `classes`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};

use super::outcome::Here;
use crate::error::{Error, Result};
use crate::stats::probe::Probe;
use crate::study::write_atomically;

/// Tensors under construction.
#[derive(Default)]
pub struct Weights {
    /// By name: shape and f32 little endian.
    tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
    metadata: BTreeMap<String, String>,
}

impl Weights {
    pub fn add(&mut self, here: &Here, fold: &str, probe: &Probe) {
        let (problem, sample) = (&here.context.problem, here.sample);
        let name = &here.context.asked.name;
        let group = match sample.cell {
            Some(cell) => format!("{}@{}_{}", sample.group, cell.row, cell.col),
            None => sample.group.clone(),
        };
        let prefix = format!("{name}/{}/{}/{group}/{fold}", problem.axis_name(), here.site);
        let bytes =
            |values: &mut dyn Iterator<Item = &f64>| values.flat_map(|value| (*value as f32).to_le_bytes()).collect();
        let width = probe.mean.len();
        let mut put = |name: &str, shape: Vec<usize>, bytes: Vec<u8>| {
            self.tensors.insert(format!("{prefix}/{name}"), (shape, bytes));
        };
        put("W", vec![width, probe.b.len()], bytes(&mut probe.w.iter()));
        put("b", vec![probe.b.len()], bytes(&mut probe.b.iter()));
        put("mean", vec![width], bytes(&mut probe.mean.iter()));
        put("scale", vec![width], bytes(&mut probe.scale.iter()));
        let classes = problem.classes.join(",");
        self.metadata.insert(format!("{name}/{}/classes", problem.axis_name()), classes);
        self.metadata.insert(format!("{name}/{}/{}/width", problem.axis_name(), here.site), width.to_string());
    }

    pub fn absorb(&mut self, other: Self) {
        self.tensors.extend(other.tensors);
        self.metadata.extend(other.metadata);
    }

    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Writes `{folder}/probe_weights.safetensors`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(mut self, folder: &Path, model: &str) -> Result<PathBuf> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        let path = folder.join("probe_weights.safetensors");
        self.metadata.insert("model".into(), model.to_owned());
        let views = self
            .tensors
            .iter()
            .map(|(name, (shape, bytes))| {
                let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
                view.map(|view| (name.as_str(), view))
                    .map_err(|error| Error::data(format!("weights `{name}`: {error}")))
            })
            .collect::<Result<Vec<_>>>()?;
        // Sorted by name above; the metadata of a map of random order would make the bytes differ from run to run.
        let metadata = std::iter::once(("vlmscope".to_owned(), json(&self.metadata))).collect();
        let bytes = safetensors::serialize(views, Some(metadata))
            .map_err(|error| Error::data(format!("`{}`: {error}", path.display())))?;
        write_atomically(&path, |file| {
            std::io::Write::write_all(file, &bytes).map_err(|error| crate::study::write_error(&path, error))
        })?;
        Ok(path)
    }
}

/// All metadata in one entry, keys in order.
fn json(metadata: &BTreeMap<String, String>) -> String {
    serde_json::to_string(metadata).unwrap_or_default()
}
