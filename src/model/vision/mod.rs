//! Image encoders.

mod clip;
mod patching;
mod qwen;

pub use clip::{ClipConfig, ClipTower};
pub use patching::{PatchGrid, Patching};
pub use qwen::{QwenTower, QwenTowerConfig};
