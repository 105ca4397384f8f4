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
//! # A published benchmark takes four keys more; see `docs/benchmarks.md`.
//! root = "data"                      # the folder with its files
//! split = "test"                     # or "validation", or "all" (the default)
//! prompts = "template"               # or "published"
//! boxes = "instances_val2017.json"   # or a list of files
//!
//! [record]
//! attention = ["lm.*.attn"]          # sites; a number, a range as lm.14..21.attn, a share of the depth as lm.50%.attn, or *
//!                                    # for the layer; may be empty
//! query = "last"                     # which query row
//! heads = "all"                      # or "mean"
//! batch = 16
//! answer = "options"                 # or "generate": greedy text beside the option scores
//! max_new_tokens = 8
//! seed = 1                           # of what is drawn at random: groups such as random_background_1, noise images
//! cross_frame = ["spatial.*.global.frames"]     # how frames of a video attend to frames; none by default
//!
//! [[record.hidden]]                  # any number of these; none by default
//! sites = ["lm.*.resid"]             # or "pixels": the mean colour of each patch that the model sees
//! groups = ["last", "object_1"]      # see `processor::Group`
//! states = "mean"                    # over each group; or "tokens": each of its positions
//! dtype = "f32"                      # or "f16"
//! variants = ["original"]            # also "blank", "noise", "shifted_16" (see `dataset::Counterpart`), "untrained_1"
//!
//! [[probe]]                          # any number of these; see `Probe`
//! name = "answer"
//! target = "relation_at_text"
//! groups = ["last"]
//!
//! [[intervene]]                      # any number of these; see `intervene::Intervene` and the designs
//! name = "cross"
//! design = "patch"
//! pairing = "cross"
//! sites = ["lm.*.resid"]
//! groups = ["object", "strip"]
//!
//! [[intervene]]
//! name = "scaled"
//! design = "scale"                   # attention to the image; see `intervene::ScaleSpec`
//! operators = ["raw"]                # also "temperature", "mass"
//! alphas = [0.5, 2.0]
//!
//! [analysis]                         # see `analysis::Params`; its seed seeds every resampling
//! seed = 1
//! compat = "adaptvis"                # count as this released code does; left out: as is right
//!
//! [[analysis.gate]]                  # any number of these; see `analysis::scaling::GateSpec`
//! name = "gate"
//! threshold = 0.4                    # of the untouched model's confidence
//! low = 0.5                          # alpha below it
//! high = 1.5                         # and elsewhere
//! ```
//!
//! Every key is checked: an unknown one, or a value that does not fit, is an error that shows the line. The study as it
//! was carried out, after the flags of the command line, is kept in `run.json`.

mod compat;
mod files;
mod fingerprint;
mod hidden;
mod manifest;
mod pattern;
mod probe;
mod read;
mod run_folder;
mod shipped;
mod sources;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dataset::Joined;
use crate::dataset::benchmarks::{self, Choice, Prompts};
use crate::error::Result;
pub use crate::processor::Group;
pub use compat::Compat;
pub use files::Files;
pub use fingerprint::fingerprint_checkpoint;
pub use hidden::{HiddenStates, Precision, States, Variant};
pub use manifest::{CheckpointIdentity, DatasetIdentity, ImportIdentity, Manifest, Skipped};
pub use pattern::SitePattern;
pub use probe::{FitMode, LayoutLabel, Probe, ProbeSite, Split, Target};
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
    /// What is to be read from the recorded hidden states.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "probe::all")]
    pub probe: Vec<Probe>,
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
    /// Of a published benchmark: the folder with its files. Without it, that of `VLMSCOPE_DATA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Of a published benchmark: all rows, or those on which the attention-location study tuned or tested.
    #[serde(default, skip_serializing_if = "is_default")]
    pub split: benchmarks::Split,
    /// Of a published benchmark: questions made from the annotations, or those of the study's prompt files.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prompts: Prompts,
    /// Of a published benchmark: files with boxes.
    #[serde(default, skip_serializing_if = "Files::is_empty")]
    pub boxes: Files,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl DatasetChoice {
    /// All items of one dataset.
    pub fn of(reference: &str) -> Self {
        Self {
            source: reference.into(),
            limit: None,
            root: None,
            split: benchmarks::Split::default(),
            prompts: Prompts::default(),
            boxes: Files::default(),
        }
    }

    /// How the benchmarks among its sources are read.
    pub fn benchmark(&self) -> Choice {
        let (root, boxes) = (self.root.clone(), self.boxes.0.clone());
        Choice { root, split: self.split, prompts: self.prompts, boxes }
    }

    /// Opens its sources, one after the other.
    ///
    /// # Errors
    /// As [`Joined::open`].
    pub fn open(&self) -> Result<Joined> {
        Joined::open_with(self.source.references(), self.limit.map(NonZeroUsize::get), &self.benchmark())
    }
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
    /// Attention from frames to frames of a spatial encoder, once a video.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cross_frame: Vec<SitePattern>,
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
            cross_frame: Vec::new(),
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
