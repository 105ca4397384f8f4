//! What can fill a panel: one kind of plot a file.

pub mod bars;
pub mod heatmap;
pub mod line;
pub mod overlay;
pub mod patches;
pub mod picture;
pub mod stacked;
pub mod verdicts;
