//! Image encoders.

mod clip;

pub use clip::{ClipConfig, ClipTower};
