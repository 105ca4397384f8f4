//! At which slot does a state, read out as if it were the last, say the right answer?
//!
//! # What it measures
//! At every slot and position: how far the right answer leads, how probable it is and where it ranks, by whether the model's
//! own answer was right; how much of that a blank image gives too; from which slot on the leader stays the same; and, token
//! by token of the image, which answer it favours.
//!
//! # Formula
//! `ld` = logit of the right class - logit of the best other; `ld_less_blank` = ld - ld of the same question over a blank image;
//! `leads`: share of readings with ld > 0; `share_right` = softmax over the options alone, of the right one; `p_right` over the
//! whole vocabulary; `rank_right` among the options, from 1; `entropy` and `kl_to_final` over the vocabulary, nats.
//! `commitment` (its slot is -1): mean over items of the first slot from which on the sign of ld is that of the last slot.
//!
//! # Reads
//! `frames/lens`, all columns but top1; `frames/items`: item, gold, correct.
//!
//! # Writes
//! `tables/lens`: one row a (variant, pos_kind, slot, stratum, measure): value, ci_lo, ci_hi, n (items), images. Strata: "all",
//! "answer=right", "answer=wrong".
//! `tables/lens_map`: one row a (variant, slot, cell, class, stratum) of image tokens: p, share, share_lo, share_hi, n, images.
//! Class "correct answer" is whichever is right for the item; stratum "correct" are the items whose right answer the class is.
//!
//! # Controls
//! 95 % intervals: bootstrap over images, the same draws everywhere. The blank image is the prior of the words. Early slots
//! live in other coordinates, so `kl_to_final` says how far to trust them.
//!
//! # Paper
//! nostalgebraist, "interpreting GPT: the logit lens" (2020); for image tokens Neo et al., "Towards Interpreting Visual
//! Information Processing in Vision-Language Models" (2025).

mod map;
mod mean;
mod profile;

use std::path::{Path, PathBuf};

use super::frames::Lens;
use super::{Frames, Params};
use crate::error::Result;
use crate::stats::Replicates;

/// Judges the readings of a run and writes their tables into `folder`; returns the files.
///
/// # Errors
/// A frame that is not as documented; a table that cannot be written.
pub fn run(frames: &Frames, params: &Params, folder: &Path) -> Result<Vec<PathBuf>> {
    let lens = Lens::open(&frames.folder, &frames.items)?;
    let replicates = Replicates::draw(&(0..lens.images).collect::<Vec<_>>(), params.bootstrap, params.seed);
    let mut written = profile::table(&profile::rows(&lens, &frames.items, &replicates)).write(folder, "lens")?.to_vec();
    let cells = map::rows(&lens, &replicates);
    if !cells.is_empty() {
        written.extend(map::table(&cells).write(folder, "lens_map")?);
    }
    Ok(written)
}
