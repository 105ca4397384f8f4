//! Videos: where frames come from, and which of them a model is shown.
//!
//! | file | what it does |
//! |---|---|
//! | `source` | frames from a folder, an animated image, or through `ffmpeg` |
//! | `indices` | which frames, evenly spaced in time, as published pipelines take them |
//! | `point_maps` | where in space every pixel lies, as an encoder estimated it or as a renderer knows it |
//! | `sampling` | which frames see most of a room |

mod ffmpeg;
mod indices;
mod point_maps;
mod point_maps_file;
mod sampling;
mod source;

pub use indices::{Delivery, SIDE, even, evened, floored, rounded};
pub use point_maps::{Lens, PointMapper, PointMaps};
pub use point_maps_file::Head;
pub use sampling::{Pick, Sampling, Voxels, candidates};
pub use source::{Outline, Take, check_frames, outline, read};
