//! Writing modules back as a Hugging Face checkpoint.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use safetensors::tensor::{Dtype, TensorView};

use super::builder::transposed;
use crate::error::{Error, Result};

/// How a parameter lies in the file, relative to memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Plain(Vec<usize>),
    Transposed(Vec<usize>),
    /// One of several equal parts, cut along the first axis, of a tensor that the file holds whole.
    Part {
        number: usize,
        of: usize,
        whole: Box<Layout>,
    },
}

/// Which key of the file each parameter came from.
#[derive(Clone, Debug, Default)]
pub struct ParamKeys {
    keys: HashMap<ParamId, (String, Layout)>,
}

impl ParamKeys {
    pub(super) fn record(&mut self, id: ParamId, key: String, layout: Layout) {
        self.keys.insert(id, (key, layout));
    }
}

/// Writes the module's parameters as f32 under the keys they were built from.
///
/// # Errors
/// A parameter whose key is unknown, or a file that cannot be written. The file is replaced only once it is complete.
pub fn save<M: Module>(module: &M, keys: &ParamKeys, path: &Path) -> Result<()> {
    let mut collected = Collected { keys, tensors: Vec::new(), parts: BTreeMap::new(), stray: None };
    module.visit(&mut collected);
    collected.join()?;
    if let Some(id) = collected.stray {
        return Err(Error::data(format!("parameter {id} was not built from a checkpoint key and cannot be saved")));
    }
    let views = collected
        .tensors
        .iter()
        .map(|(key, shape, bytes)| TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (key.as_str(), view)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| Error::data(format!("{}: {error}", path.display())))?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let temporary = path.with_extension("safetensors.part");
    safetensors::serialize_to_file(views, Some(metadata), &temporary)
        .map_err(|error| Error::data(format!("{}: {error}", temporary.display())))?;
    std::fs::rename(&temporary, path).map_err(|source| Error::io("replace", path, source))
}

/// Of a tensor that the file holds whole: its shape there, and its parts in their order.
struct Parts {
    shape: Vec<usize>,
    bytes: Vec<Option<Vec<u8>>>,
}

struct Collected<'k> {
    keys: &'k ParamKeys,
    tensors: Vec<(String, Vec<usize>, Vec<u8>)>,
    parts: BTreeMap<String, Parts>,
    stray: Option<ParamId>,
}

impl Collected<'_> {
    /// Puts the parts together.
    fn join(&mut self) -> Result<()> {
        for (key, Parts { shape, bytes }) in std::mem::take(&mut self.parts) {
            let missing = || Error::data(format!("a part of `{key}` is not in the module, which cannot be saved"));
            let bytes = bytes.into_iter().collect::<Option<Vec<_>>>().ok_or_else(missing)?;
            self.tensors.push((key, shape, bytes.concat()));
        }
        Ok(())
    }
}

impl ModuleVisitor for Collected<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some((key, layout)) = self.keys.keys.get(&param.id) else {
            self.stray = Some(param.id);
            return;
        };
        let dims = param.val().dims();
        let values: Vec<f32> = param.val().into_data().iter::<f32>().collect();
        let in_file = |layout: &Layout, values: Vec<f32>| match layout {
            Layout::Transposed(shape) => (shape.clone(), transposed(&values, dims[0], dims[1])),
            Layout::Plain(shape) => (shape.clone(), values),
            Layout::Part { .. } => (Vec::new(), values),
        };
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        if let Layout::Part { number, of, whole } = layout {
            let (shape, values) = in_file(whole, values);
            let parts = self.parts.entry(key.clone()).or_insert_with(|| Parts { shape, bytes: vec![None; *of] });
            parts.bytes[*number] = Some(bytes(&values));
            return;
        }
        let (shape, values) = in_file(layout, values);
        self.tensors.push((key.clone(), shape, bytes(&values)));
    }
}
