//! Frames in, result tables out: no model, no image, no drawing.
//!
//! An analysis is one file with one function that reads the frames of a run (and, if it needs them, the rows of analyses
//! before it) and returns one table. Its module documentation says, always in these sections, what it measures, the
//! formula, the columns it reads and writes, the controls and the paper it follows. To add one: write the file, then add
//! its line to [`ANALYSES`].

pub mod addends;
pub mod adjusted;
pub mod alignment;
pub mod answers;
pub mod attention_share;
pub mod benchmark;
pub mod compare;
mod condition;
pub mod coverage;
pub mod cross_frame;
pub mod decoded;
pub mod effects;
pub mod frames;
pub mod gallery;
pub mod golden;
pub mod headline;
pub mod lens;
pub mod moments;
mod params;
#[cfg(test)]
mod planted;
pub mod probe;
pub mod scaling;
pub mod scoring;
mod table;

use std::path::{Path, PathBuf};

pub use frames::{Frames, Needs};
pub use params::Params;
pub use table::Table;

use crate::error::Result;
use crate::study::{Manifest, Probe, Study};

/// One analysis: a name, what it answers, and how.
pub struct Analysis {
    /// Also the name of its table: `tables/{name}.parquet`.
    pub name: &'static str,
    /// The question it answers, in one line.
    pub about: &'static str,
    /// It is left out, and so is its table, where a run did not record this.
    pub needs: Needs,
    pub run: fn(&Frames, &Params, &mut Results) -> Result<Table>,
}

/// Rows that later analyses read from earlier ones.
#[derive(Debug, Default)]
pub struct Results {
    pub attention_share: Vec<attention_share::Row>,
    pub alignment: Vec<alignment::Row>,
    pub adjusted: Vec<adjusted::Row>,
    pub answers: Vec<answers::Row>,
}

/// Every analysis, in the order in which they run.
pub const ANALYSES: &[Analysis] = &[
    Analysis {
        name: "attention_share",
        about: "how much of the last query's attention goes where, per layer and head",
        needs: Needs::Attention,
        run: attention_share::run,
    },
    Analysis {
        name: "alignment",
        about: "does attention fall on the objects, and does that go with a right answer",
        needs: Needs::Attention,
        run: alignment::run,
    },
    Analysis {
        name: "adjusted",
        about: "does attention on the objects say more about the answer than relation, image share and object size",
        needs: Needs::Attention,
        run: adjusted::run,
    },
    Analysis {
        name: "answers",
        about: "how often the model is right, and how sure",
        needs: Needs::Items,
        run: answers::run,
    },
    Analysis {
        name: "gallery",
        about: "which items to look at: best and worst aligned, right and wrong",
        needs: Needs::Attention,
        run: gallery::run,
    },
    Analysis { name: "headline", about: "the numbers a report opens with", needs: Needs::Items, run: headline::run },
];

/// What a run's tables are made with.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub params: &'a Params,
    pub probes: &'a [Probe],
    /// BLAKE3 of the checkpoint; empty where it is unknown.
    pub model: &'a str,
}

impl<'a> From<&'a Manifest> for Asked<'a> {
    fn from(manifest: &'a Manifest) -> Self {
        let Study { analysis, probe, .. } = &manifest.study;
        Self { params: analysis, probes: probe, model: manifest.model.blake3.as_deref().unwrap_or_default() }
    }
}

/// Without probes.
impl<'a> From<&'a Params> for Asked<'a> {
    fn from(params: &'a Params) -> Self {
        Self { params, probes: &[], model: "" }
    }
}

/// Runs every analysis and every probe on a run folder: reads `frames/`, writes `tables/`, and returns the files written.
///
/// # Errors
/// A parameter out of range; a frame that is missing, unreadable or not as documented; a table that cannot be written.
pub fn run<'a>(run_dir: &Path, asked: impl Into<Asked<'a>>) -> Result<Vec<PathBuf>> {
    let Asked { params, probes, model } = asked.into();
    params.check()?;
    let frames = Frames::read(&run_dir.join("frames"), &params.query)?;
    let mut results = Results::default();
    let mut written = Vec::new();
    for analysis in ANALYSES.iter().filter(|analysis| frames.have(analysis.needs)) {
        tracing::debug!(analysis = analysis.name, "analysing");
        let table = (analysis.run)(&frames, params, &mut results)?;
        written.extend(table.write(&run_dir.join("tables"), analysis.name)?);
    }
    if !probes.is_empty() {
        written.extend(probe::run(&frames, params, probes, model, &run_dir.join("tables"))?);
    }
    if benchmark::applies(&frames) {
        written.extend(benchmark::run(&frames, params, &run_dir.join("tables"))?);
    }
    if addends::applies(&frames) {
        written.extend(addends::run(&frames, params, &run_dir.join("tables"))?);
    }
    if frames.cross_frame {
        written.extend(cross_frame::run(&frames, params, &run_dir.join("tables"))?);
    }
    if moments::applies(&frames) {
        written.extend(moments::run(&frames, params, &run_dir.join("tables"))?);
    }
    if frames.effects {
        written.extend(effects::run(&frames, params, &run_dir.join("tables"))?);
        written.extend(golden::run(&frames, &run_dir.join("tables"))?);
    }
    if frames.decoded {
        written.extend(decoded::run(&frames, params, &run_dir.join("tables"))?);
    }
    if frames.lens {
        written.extend(lens::run(&frames, params, &run_dir.join("tables"))?);
    }
    if frames.scaling {
        written.extend(scaling::run(&frames, params, &run_dir.join("tables"))?);
    }
    Ok(written)
}
