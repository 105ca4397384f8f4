//! `run.json`: what a run folder holds and how it came to be. Nothing in it depends on the time or the machine's speed.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Study;
use crate::error::{Error, Result};

/// What a run folder holds and how it came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of vlmscope that recorded it.
    pub vlmscope: String,
    /// The exact command, quoted for a shell.
    pub command: String,
    /// Where the model ran: "cpu", "gpu"; "elsewhere" for an import.
    pub device: String,
    /// As it was carried out: the study file after the flags of the command line.
    pub study: Study,
    pub dataset: DatasetIdentity,
    /// None for an import that does not say which model it looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<CheckpointIdentity>,
    /// Where the frames come from, if not from our own model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportIdentity>,
}

/// Which checkpoint ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointIdentity {
    /// As the study names it.
    pub path: String,
    /// See [`super::fingerprint_checkpoint`].
    pub blake3: String,
}

/// Which items were asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetIdentity {
    pub name: String,
    /// A blake3 hash over everything that defines the items.
    pub blake3: String,
    /// How many items the study takes from it.
    pub items: usize,
}

/// Where imported frames come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportIdentity {
    pub path: String,
    /// How an answer was held against the gold one: "words" or "adaptvis".
    pub scoring: String,
    /// The folder with the images, if they are at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<String>,
    /// What the import had to decide, for the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An item that could not be recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    pub item: String,
    pub reason: String,
}

impl Manifest {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        serde_json::from_str(&text).map_err(|error| {
            Error::data(format!("`{}` is not a manifest of this version of vlmscope: {error}", path.display()))
                .with_help("record into another folder with --out")
        })
    }

    /// What another recording differs in: frames of the two must not be mixed. The analysis may differ, and so may the
    /// command.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        let model = |manifest: &Self| match &manifest.model {
            Some(model) => format!("{} ({})", model.path, short(&model.blake3)),
            None => "elsewhere".into(),
        };
        let dataset = |manifest: &Self| format!("{} ({})", manifest.dataset.name, short(&manifest.dataset.blake3));
        let record = |manifest: &Self| serde_json::to_string(&manifest.study.record).unwrap_or_default();
        let import = |manifest: &Self| match &manifest.import {
            Some(import) => format!("{} scored by {}", import.path, import.scoring),
            None => "nothing".into(),
        };
        let hash = |manifest: &Self| manifest.model.as_ref().map(|model| model.blake3.clone());
        let aspects = [
            ("the study", self.study.title.clone(), other.study.title.clone(), self.study.title == other.study.title),
            ("the model", model(self), model(other), hash(self) == hash(other)),
            ("the dataset", dataset(self), dataset(other), self.dataset.blake3 == other.dataset.blake3),
            (
                "the number of items",
                self.dataset.items.to_string(),
                other.dataset.items.to_string(),
                self.dataset.items == other.dataset.items,
            ),
            ("[record]", record(self), record(other), self.study.record == other.study.record),
            ("the device", self.device.clone(), other.device.clone(), self.device == other.device),
            ("the import", import(self), import(other), import(self) == import(other)),
            ("the version", self.vlmscope.clone(), other.vlmscope.clone(), self.vlmscope == other.vlmscope),
        ];
        let told = aspects.into_iter().filter(|(.., same)| !same);
        told.map(|(aspect, here, there, _)| format!("{aspect}: {here} there, {there} asked")).collect()
    }
}

#[cfg(test)]
impl Manifest {
    /// A run of a study with this title.
    pub(crate) fn example(title: &str) -> Self {
        let study = format!("title = \"{title}\"\nquestion = \"Q?\"\n[dataset]\nsource = \"scenes/pairs\"\n");
        Self {
            vlmscope: "0.0.0".into(),
            command: "vlmscope run study.toml".into(),
            device: "cpu".into(),
            study: toml::from_str(&study).unwrap(),
            dataset: DatasetIdentity { name: "scenes/pairs".into(), blake3: "d".repeat(64), items: 600 },
            model: Some(CheckpointIdentity { path: "m".into(), blake3: "c".repeat(64) }),
            import: None,
        }
    }
}
