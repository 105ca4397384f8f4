//! Figures of a model with two encoders, whose image tokens are the sum of what each of them adds.
//!
//! | file | what it shows |
//! |---|---|
//! | [`addends`] | how long both addends are, and whether they point the same way |
//! | [`worth`] | accuracy without either of them, or both, by kind of question |
//! | [`cross_frame`] | how the spatial encoder's frames attend to each other |
//! | [`moments`] | to which part of the video the last position attends |

pub mod addends;
pub mod cross_frame;
pub mod moments;
pub mod rows;
#[cfg(test)]
mod synthetic;
pub mod worth;

use super::effect::rows::Measured;

/// Sites at which either addend, or the sum of both, is rewritten.
pub const SITES: [&str; 3] = ["connector.2d", "connector.3d", "projector.out"];

/// Whether a row is about an ablation of addends: its design rewrites at least one of them.
pub fn is_of_addends(row: &Measured, rows: &[&Measured]) -> bool {
    let addend = |other: &Measured| other.site == SITES[0] || other.site == SITES[1];
    row.kind == "ablate" && rows.iter().any(|other| other.design == row.design && addend(other))
}
