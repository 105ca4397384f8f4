//! Image encoders.

mod connector;
mod patching;
mod qwen;
mod vit;
mod vit_config;

pub use connector::{Connector, ConnectorConfig, ConnectorKind, Join};
pub use patching::{PatchGrid, Patching};
pub use qwen::{QwenTower, QwenTowerConfig};
pub use vit::VitTower;
pub use vit_config::{CLIP, IDEFICS3, INTERN, SIGLIP, VitClass, VitConfig, VitKind};
