//! The reference file.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result};

/// Tensors of one or several reference files.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    tensors: BTreeMap<String, (Vec<usize>, Values)>,
    question: Option<String>,
}

#[derive(Clone, Debug)]
enum Values {
    Floats(Vec<f32>),
    Ids(Vec<i64>),
}

impl Reference {
    /// Reads a safetensors file, and `ref_attn.safetensors` and `ref_mrope.safetensors` beside it if they are there.
    pub fn open(path: &Path) -> Result<Self> {
        let mut reference = Self::default();
        reference.add(path)?;
        for more in ["ref_attn.safetensors", "ref_mrope.safetensors"].map(|name| path.with_file_name(name)) {
            if more.is_file() && more != path {
                reference.add(&more)?;
            }
        }
        let missing = |needed: &str| {
            Err(Error::data(format!("{}: `{needed}` is missing", path.display()))
                .with_help("`scripts/reference.py` writes a complete reference with transformers"))
        };
        if reference.holds("in.video") {
            // Of a VGGT by itself, which reads no prompt.
            return Ok(reference);
        }
        if !reference.tensors.contains_key("in.input_ids") {
            return missing("in.input_ids");
        }
        if reference.pixels().is_none() {
            return missing("in.pixel_values");
        }
        Ok(reference)
    }

    /// The names of the pixels and of the grid of their patches: of an image, or of a video.
    pub fn pixels(&self) -> Option<(&'static str, &'static str)> {
        let names = [("in.pixel_values", "in.image_grid_thw"), ("in.pixel_values_videos", "in.video_grid_thw")];
        names.into_iter().find(|(pixels, _)| self.tensors.contains_key(*pixels))
    }

    pub fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|error| Error::data(format!("{}: not a complete safetensors file: {error}", path.display())))?;
        let metadata = SafeTensors::read_metadata(&bytes).ok().and_then(|(_, metadata)| metadata.metadata().clone());
        if let Some(question) = metadata.and_then(|metadata| metadata.get("question").cloned()) {
            self.question = Some(question);
        }
        for (name, view) in file.tensors() {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F32 => Values::Floats(data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
                Dtype::I64 => Values::Ids(data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
                Dtype::U8 => Values::Ids(data.iter().map(|b| i64::from(*b)).collect()),
                other => {
                    let what = format!("{}: `{name}` is {other:?}; expected f32 or i64", path.display());
                    return Err(Error::data(what));
                }
            };
            self.tensors.insert(name, (view.shape().to_vec(), values));
        }
        Ok(())
    }

    /// The question that the prompt asks, where the file says so.
    pub fn question(&self) -> Option<&str> {
        self.question.as_deref()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    pub fn shape(&self, name: &str) -> Vec<usize> {
        self.tensors.get(name).map(|(shape, _)| shape.clone()).unwrap_or_default()
    }

    pub fn floats(&self, name: &str) -> Result<Vec<f32>> {
        match self.tensors.get(name) {
            Some((_, Values::Floats(values))) => Ok(values.clone()),
            Some(_) => Err(Error::data(format!("reference tensor `{name}` holds integers; expected f32"))),
            None => Err(Error::data(format!("reference tensor `{name}` is missing"))),
        }
    }

    pub fn ids(&self, name: &str) -> Result<Vec<u32>> {
        let values = self.integers(name)?.into_iter();
        values.map(|id| u32::try_from(id).map_err(|_| Error::data(format!("`{name}` holds the id {id}")))).collect()
    }

    pub fn integers(&self, name: &str) -> Result<Vec<i64>> {
        match self.tensors.get(name) {
            Some((_, Values::Ids(values))) => Ok(values.clone()),
            Some(_) => Err(Error::data(format!("reference tensor `{name}` holds floats; expected i64"))),
            None => Err(Error::data(format!("reference tensor `{name}` is missing"))),
        }
    }
}
