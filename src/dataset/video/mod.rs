//! Videos: where frames come from, and which of them a model is shown.

mod point_maps;

pub use point_maps::PointMaps;
