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
    /// The command that makes this run anew, quoted for a shell.
    pub command: String,
    /// Where the model ran: "cpu", "gpu"; "elsewhere" for an import.
    pub device: String,
    /// As it was carried out: the study file after the flags of the command line.
    pub study: Study,
    pub dataset: DatasetIdentity,
    pub model: CheckpointIdentity,
    /// What the recording had to leave out, for the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Where the frames come from, if not from our own model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportIdentity>,
}

/// Which checkpoint ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointIdentity {
    /// As the study names it, or the recording that was imported.
    pub path: String,
    /// See [`super::fingerprint_checkpoint`]; None for an import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
}

/// Which items were asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetIdentity {
    pub name: String,
    /// A blake3 hash over everything that defines the items.
    pub blake3: String,
    /// How many items the study takes from it.
    pub items: usize,
    /// What is known to be wrong with items, for the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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
    pub(super) fn differences(&self, asked: &Self) -> Vec<String> {
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        let model = |of: &Self| match &of.model.blake3 {
            Some(blake3) => format!("{} ({})", of.model.path, short(blake3)),
            None => of.model.path.clone(),
        };
        let import = |of: &Self| match &of.import {
            Some(import) => format!("{} scored by {}", import.path, import.scoring),
            None => "nothing".into(),
        };
        let mut told = Vec::new();
        let mut hold = |aspect: &str, show: &dyn Fn(&Self) -> String, same: bool| {
            if !same {
                told.push(format!("{aspect}: {} there, {} asked", show(self), show(asked)));
            }
        };
        hold("the study", &|of| of.study.title.clone(), self.study.title == asked.study.title);
        // The same checkpoint may lie elsewhere by now.
        hold("the model", &model, self.model.blake3 == asked.model.blake3);
        hold(
            "the dataset",
            &|of| format!("{} ({})", of.dataset.name, short(&of.dataset.blake3)),
            self.dataset.blake3 == asked.dataset.blake3,
        );
        hold("the items", &|of| of.dataset.items.to_string(), self.dataset.items == asked.dataset.items);
        hold(
            "[record]",
            &|of| serde_json::to_string(&of.study.record).unwrap_or_default(),
            self.study.record == asked.study.record,
        );
        hold(
            "[[intervene]]",
            &|of| serde_json::to_string(&of.study.intervene).unwrap_or_default(),
            self.study.intervene == asked.study.intervene,
        );
        hold("the device", &|of| of.device.clone(), self.device == asked.device);
        hold("the import", &import, import(self) == import(asked));
        hold("the version", &|of| of.vlmscope.clone(), self.vlmscope == asked.vlmscope);
        told
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
            dataset: DatasetIdentity {
                name: "scenes/pairs".into(),
                blake3: "d".repeat(64),
                items: 600,
                notes: Vec::new(),
            },
            model: CheckpointIdentity { path: "m".into(), blake3: Some("c".repeat(64)) },
            notes: vec![],
            import: None,
        }
    }
}
