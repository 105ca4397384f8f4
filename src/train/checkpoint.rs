//! What a training needs to go on: weights, the optimiser's state, the step.

use std::path::{Path, PathBuf};

use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Serialize};

use super::student::Student;
use crate::error::{Error, Result};
use crate::model::checkpoint::{ParamKeys, save};

/// How far a training has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub step: usize,
    #[serde(skip)]
    work: PathBuf,
}

const STATE: &str = "state.json";

impl Progress {
    pub fn at(step: usize) -> Self {
        Self { step, work: PathBuf::new() }
    }

    /// The checkpoint in a training folder, if there is one.
    pub fn find(work: &Path) -> Result<Option<Self>> {
        let path = work.join(STATE);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source))?;
        let found: Self = serde_json::from_str(&text)
            .map_err(|error| Error::data(format!("{}: not a training state: {error}", path.display())))?;
        Ok(Some(Self { work: work.to_path_buf(), ..found }))
    }

    /// Writes everything beside the checkpoint before, points to it, and only then removes that one.
    pub fn save(&self, work: &Path, model: &Student, keys: &ParamKeys, optimiser: &ModuleOptimizer) -> Result<()> {
        let before = Self::find(work)?;
        let folder = work.join(self.name());
        std::fs::create_dir_all(&folder).map_err(|source| Error::io("create", &folder, source))?;
        save(model, keys, &folder.join("model.safetensors"))?;
        let path = folder.join("optimiser.bpk");
        optimiser.save(&path).map_err(|error| Error::data(format!("{}: {error}", path.display())))?;
        let state = serde_json::to_string(self).map_err(|error| Error::data(error.to_string()))?;
        let (part, path) = (work.join("state.json.part"), work.join(STATE));
        std::fs::write(&part, state).map_err(|source| Error::io("write", &part, source))?;
        std::fs::rename(&part, &path).map_err(|source| Error::io("replace", &path, source))?;
        match before.filter(|before| before.step != self.step) {
            Some(before) => {
                let old = work.join(before.name());
                std::fs::remove_dir_all(&old).map_err(|source| Error::io("remove", &old, source))
            }
            None => Ok(()),
        }
    }

    /// Fills an optimiser with the saved state.
    pub fn optimiser(&self, optimiser: ModuleOptimizer) -> Result<ModuleOptimizer> {
        let path = self.work.join(self.name()).join("optimiser.bpk");
        optimiser.load(&path).map_err(|error| Error::data(format!("{}: {error}", path.display())))
    }

    /// A folder that the model loader reads: the saved weights with the configuration of `folder`.
    pub fn model_folder(&self, folder: &Path) -> Result<PathBuf> {
        let saved = self.work.join(self.name());
        let config = saved.join("config.json");
        std::fs::copy(folder.join("config.json"), &config).map_err(|source| Error::io("write", &config, source))?;
        Ok(saved)
    }

    fn name(&self) -> String {
        format!("step-{:06}", self.step)
    }
}
