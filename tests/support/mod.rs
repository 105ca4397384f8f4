//! Copies of the fixtures that a test may spoil.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value;

pub const FIXTURES: [&str; 2] = ["transformers-5.23-llava15", "transformers-4.51-llava15"];

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// One tensor of a file: type, shape, bytes.
pub type Stored = (Dtype, Vec<usize>, Vec<u8>);

/// A copy of a fixture.
pub struct Copy {
    pub folder: tempfile::TempDir,
}

impl Copy {
    pub fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(fixture(name)).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
            }
        }
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Sets a value in a JSON file, by a pointer such as `/text_config/rms_norm_eps`.
    pub fn set(&self, file: &str, pointer: &str, value: Value) {
        let path = self.path().join(file);
        let mut json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        *json.pointer_mut(pointer).unwrap_or_else(|| panic!("{file} has no {pointer}")) = value;
        std::fs::write(path, json.to_string()).unwrap();
    }

    pub fn tensors(&self) -> HashMap<String, Stored> {
        let bytes = std::fs::read(self.path().join("model.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let stored = |view: &TensorView| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        file.tensors().iter().map(|(name, view)| (name.clone(), stored(view))).collect()
    }

    /// Rewrites the weights.
    pub fn write(&self, tensors: &HashMap<String, Stored>) {
        write(&self.path().join("model.safetensors"), tensors);
    }

    /// Changes the weights in place.
    pub fn edit(&self, change: impl FnOnce(&mut HashMap<String, Stored>)) {
        let mut tensors = self.tensors();
        change(&mut tensors);
        self.write(&tensors);
    }
}

pub fn write(path: &Path, tensors: &HashMap<String, Stored>) {
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, path).unwrap();
}
