//! vlmscope, a microscope for vision-language models.
//!
//! A study goes through seven rooms, always in this order, and never back:
//!
//! ```text
//! dataset -> processor -> model -> record | intervene -> analysis -> figure -> report
//! items      inputs +      Burn      frames (Parquet)      tables      PNG/SVG   folder + HTML
//!            token map
//! ```
//!
//! | room | what it does |
//! |---|---|
//! | [`dataset`] | questions about images, with boxes and answers |
//! | [`processor`] | image to pixels, chat to tokens, and which position is which patch or word |
//! | [`model`] | vision-language models as walks over blocks, with named sites and hooks |
//! | [`record`] | what a run saw, as Parquet frames |
//! | [`intervene`] | what the answer becomes when states are rewritten on their way |
//! | [`analysis`] | frames to result tables, with [`stats`] for the uncertainty |
//! | [`figure`] | tables to PNG and SVG |
//! | [`report`] | a run folder to `report.html` and `summary.md` |
//!
//! Beside them: [`study`] reads the TOML that asks for all this and keeps the run folder, [`parity`] compares a model with
//! its reference implementation, [`import`](mod@import) brings in what another program recorded, [`look`](mod@look) takes one attention row without a study, [`train`] makes the bundled model
//! organisms, and [`cli`] is the thin front door.

#![deny(unsafe_code)]

pub mod analysis;
pub mod cli;
pub mod dataset;
pub mod error;
pub mod figure;
pub mod import;
pub mod intervene;
pub mod look;
pub mod model;
pub mod parity;
pub mod processor;
pub mod record;
pub mod report;
pub mod stats;
pub mod study;
pub mod train;
