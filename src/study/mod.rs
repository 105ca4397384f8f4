//! A study: what is asked, of which model, on which items, what is recorded and how it is analysed. One TOML file.
//!
//! ```toml
//! title = "Attention location"
//! question = "Does attention on the objects predict a right answer?"
//!
//! [model]
//! path = "datasets/scenes-llava"     # a Hugging Face folder; this one, the bundled model, is the default
//!
//! [dataset]
//! source = "scenes/pairs"            # built in, or the path of a dataset; or a list of them
//! limit = 100                        # the first 100 items of each only
//!
//! [record]
//! attention = ["lm.*.attn"]          # sites; a number, a range as lm.14..21.attn, or * for the layer; may be empty
//! query = "last"                     # which query row
//! heads = "all"                      # or "mean"
//! batch = 16
//! answer = "options"                 # or "generate": greedy text beside the option scores
//! max_new_tokens = 8
//! seed = 1                           # of what is drawn at random: groups such as random_background_1, noise images
//!
//! [[record.hidden]]                  # any number of these; none by default
//! sites = ["lm.*.resid"]             # or "pixels": the mean colour of each patch that the model sees
//! groups = ["last", "object_1"]      # see `processor::Group`
//! states = "mean"                    # over each group; or "tokens": each of its positions
//! dtype = "f32"                      # or "f16"
//! variants = ["original"]            # also "blank", "noise", "shifted_16" (see `dataset::Counterpart`), "untrained_1"
//!
//! [[intervene]]                      # any number of these; see `intervene::Intervene` and the designs
//! name = "cross"
//! design = "patch"
//! pairing = "cross"
//! sites = ["lm.*.resid"]
//! groups = ["object", "strip"]
//!
//! [analysis]                         # see `analysis::Params`; its seed seeds every resampling
//! seed = 1
//! ```
//!
//! Every key is checked: an unknown one, or a value that does not fit, is an error that shows the line. The study as it
//! was carried out, after the flags of the command line, is kept in `run.json`.

mod fingerprint;
mod hidden;
mod manifest;
mod pattern;
mod read;
mod run_folder;
mod shipped;
mod sources;

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

pub use crate::processor::Group;
pub use fingerprint::fingerprint_checkpoint;
pub use hidden::{HiddenStates, Precision, States, Variant};
pub use manifest::{CheckpointIdentity, DatasetIdentity, ImportIdentity, Manifest, Skipped};
pub use pattern::SitePattern;
pub use read::StudyText;
pub use run_folder::{Existing, Progress, RunFolder, write_atomically, write_error, write_json};
pub use shipped::{BUNDLED_MODEL, shipped, shipped_studies};
pub use sources::Sources;

/// What is asked, of which model, on which items, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// A few words, the heading of the report.
    pub title: String,
    /// The question that the study answers, one sentence.
    pub question: String,
    #[serde(default)]
    pub model: ModelChoice,
    pub dataset: DatasetChoice,
    #[serde(default)]
    pub record: Recording,
    /// What is changed while the model runs, and asked again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervene: Vec<crate::intervene::Intervene>,
    #[serde(default)]
    pub analysis: crate::analysis::Params,
}

/// Which checkpoint is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// A Hugging Face folder.
    pub path: String,
}

impl Default for ModelChoice {
    fn default() -> Self {
        Self { path: BUNDLED_MODEL.into() }
    }
}

/// Which items are asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetChoice {
    /// A built-in name (`vlmscope datasets` lists them) or the path of a dataset; or a list of them.
    pub source: Sources,
    /// Only the first so many items of each source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroUsize>,
}

/// What is recorded while the model runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// Attention sites of the language model.
    pub attention: Vec<SitePattern>,
    /// Which query row of the attention.
    pub query: Query,
    pub heads: Heads,
    /// Hidden states of groups of positions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<HiddenStates>,
    /// Items a forward pass takes together. Part of the study because the last bits of the numbers depend on it.
    pub batch: NonZeroUsize,
    pub answer: Answering,
    /// Greedy tokens at most, with `answer = "generate"`.
    pub max_new_tokens: NonZeroUsize,
    /// Of what is drawn at random.
    pub seed: u64,
}

const SIXTEEN: NonZeroUsize = NonZeroUsize::new(16).unwrap();

impl Default for Recording {
    fn default() -> Self {
        Self {
            attention: vec![SitePattern::every_lm_attention()],
            query: Query::Last,
            heads: Heads::All,
            hidden: Vec::new(),
            batch: SIXTEEN,
            answer: Answering::Options,
            max_new_tokens: SIXTEEN,
            seed: 1,
        }
    }
}

/// A query row of the attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Query {
    /// The last position of the prompt, from which the answer is read.
    Last,
}

impl Query {
    /// As the frames name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
        }
    }
}

/// Which heads become rows of the attention frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heads {
    /// One row a layer, `head = -1`: the mean over its heads; and one row a head.
    All,
    /// The mean over the heads alone.
    Mean,
}

/// How the model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answering {
    /// The option whose first token is the most probable at the last position.
    Options,
    /// The same, and the greedy text beside it.
    Generate,
}
