//! T6: the standard probe of a study.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use safetensors::SafeTensors;
use vlmscope::stats::probe::{Fit, Fold, Inner, Labels, Rows, cross_validate, metrics};

use super::Arm;
use crate::Fallible;
use crate::inputs::read_i64;
use crate::task::Outputs;

pub struct Probes {
    path: PathBuf,
    layers: usize,
}

impl Probes {
    pub fn open(folder: &Path) -> Fallible<Self> {
        let path = folder.join("features.safetensors");
        let bytes = std::fs::read(&path)?;
        let layers = SafeTensors::deserialize(&bytes)?.tensor("x")?.shape()[0];
        Ok(Self { path, layers })
    }

    /// Held-out accuracy.
    fn probe(&self, layer: usize) -> Fallible<f64> {
        let bytes = std::fs::read(&self.path)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let all = file.tensor("x")?;
        let (rows, width) = (all.shape()[1], all.shape()[2]);
        let of_layer = all.data()[4 * layer * rows * width..][..4 * rows * width].chunks_exact(4);
        let x = of_layer.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default())).collect();
        let x = Array2::from_shape_vec((rows, width), x)?;
        let y: Vec<usize> = read_i64(&file, "y")?.1.into_iter().map(|y| y as usize).collect();
        let fold_of = read_i64(&file, "fold")?.1;
        let groups: Vec<usize> = (0..rows).collect();
        let outer = 0..=fold_of.iter().copied().max().unwrap_or(0);
        let folds =
            outer.map(|fold| Fold::holding_out(&groups, |row| fold_of[row] == fold)).collect::<Result<Vec<_>, _>>()?;
        let labels = Labels { y: &y, classes: 1 + y.iter().copied().max().unwrap_or(0) };
        let fitted =
            cross_validate(Rows { x: x.view(), groups: &groups }, labels, &folds, Fit::Standard, &Inner::default())?;
        Ok(metrics::accuracy(fitted.prob.view(), &fitted.truth(&y)))
    }
}

impl Arm for Probes {
    fn run(&mut self, first: usize, count: usize) -> Fallible<u64> {
        (first..first + count).try_for_each(|layer| self.probe(layer % self.layers).map(drop))?;
        Ok(0)
    }

    /// Of the middle layer, which is neither at chance nor at the ceiling.
    fn outputs(&mut self) -> Fallible<Outputs> {
        let accuracy = self.probe(self.layers / 2)? as f32;
        Ok(Outputs::from([("accuracy".into(), (vec![1], vec![accuracy]))]))
    }
}
