//! Does a model answer better when its attention to the image is scaled, and when it is scaled only where it is unsure?
//!
//! # What it measures
//! For the untouched model, every scaling, and every gate between two of them: accuracy over all items and within each
//! relation and familiarity, which answers were put right and which broken, how far the favour of the options moved, pairs
//! and sets that are right as a whole; how much of the attention goes to the image, and how evenly; what a gate would give
//! at any other threshold.
//!
//! # Formula
//! Right or wrong by three rules ([`Rule`](crate::analysis::scoring::Rule)): the gold option as a word, as the only option, as
//! a substring (the released code's). A gate answers with alpha `low` where the untouched model's certainty is below a
//! threshold, else with `high`; certainty as it is, or rounded to two decimals (the released code's); see [`GateSpec`].
//! *Chosen* alphas and thresholds are the best on the images of the other folds. The *oracle* takes for each item a scaling
//! that gets it right, if there is one. `shift` is the total variation between the shares of the answers given and those of
//! the untouched model. Pairs and sets: right / complete ones, and `_released` as the released code divides, by as many as the
//! items would fill. `entropy` is that of the attention within the image over that of an even one.
//!
//! # Reads
//! `frames/scaling`, all columns but map; `frames/items`: item, dataset, image, options, gold, relation, familiarity, pair, set.
//!
//! # Writes
//! `tables/scaling`: one row a (design, dataset, method, rounding, rule, stratum). `tables/scaling_looks`: (scaling, layer,
//! measure). `tables/scaling_confusion`: (method, gold, answered). `tables/scaling_confidence`: (familiarity, answer, bin).
//! `tables/scaling_thresholds`: (gate, rounding, rule, threshold). `tables/scaling_yes_no`: questions of yes and no.
//! `tables/scaling_published`: the published table beside the run. `tables/scaling_gallery`: items to look at.
//!
//! # Controls
//! Wilson intervals; exact McNemar against the untouched model, item by item; for attention, a bootstrap over images. What was
//! picked after looking at the same items (the best alpha, the best threshold) is never a method of its own: it is chosen on
//! other images, or called oracle.
//!
//! # Paper
//! Chen et al., "Why Is Spatial Reasoning Hard for VLMs? An Attention Mechanism Perspective on Focus Areas" (ICML 2025).

mod answers;
mod case;
mod choose;
mod gallery;
mod gate;
mod looks;
mod method;
#[cfg(test)]
mod planted;
pub mod published;
mod tally;
mod thresholds;

use std::path::{Path, PathBuf};

pub use gate::{GateSpec, Signal};

use super::frames::Scalings;
use super::{Frames, Params, Table};
use crate::error::Result;
use case::Case;
use method::Method;

/// Judges the scalings of a run and writes their tables into `folder`; returns the files.
///
/// # Errors
/// A frame that is not as documented; a table that cannot be written.
pub fn run(frames: &Frames, params: &Params, folder: &Path) -> Result<Vec<PathBuf>> {
    let scalings = Scalings::open(&frames.folder, &frames.items)?;
    let cases = case::cases(&scalings, &frames.items);
    let thresholds = thresholds::table(&cases, &params.gate, params.seed);
    let gallery = gallery::table(&cases, params.gallery);
    let mut looks = Vec::new();
    let mut judged: Vec<(Case, Vec<Method>)> = Vec::with_capacity(cases.len());
    for case in cases {
        looks.extend(looks::rows(&case, params.bootstrap, params.seed));
        let methods = method::methods(&case, &params.gate, params.seed);
        judged.push((case, methods));
    }
    let rows: Vec<tally::Row> = judged.iter().flat_map(|(case, methods)| tally::rows(case, methods)).collect();
    let tables: [(&str, Option<Table>); 8] = [
        ("scaling", Some(tally::table(&rows, params.compat))),
        ("scaling_looks", (!looks.is_empty()).then(|| looks::table(&looks))),
        ("scaling_confusion", Some(answers::confusions(&judged))),
        ("scaling_confidence", Some(answers::confidences(&judged))),
        ("scaling_thresholds", thresholds),
        ("scaling_yes_no", answers::yes_no(&judged)),
        ("scaling_published", published::table(&rows)),
        ("scaling_gallery", gallery),
    ];
    let mut written = Vec::new();
    for (name, table) in tables {
        match table {
            Some(table) => written.extend(table.write(folder, name)?),
            // What an earlier analysis left must not pass for this one's.
            None => forget(folder, name),
        }
    }
    Ok(written)
}

fn forget(folder: &Path, name: &str) {
    for ending in ["parquet", "csv"] {
        std::fs::remove_file(folder.join(format!("{name}.{ending}"))).ok();
    }
}
