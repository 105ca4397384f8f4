//! From a Hugging Face folder to modules: mapped files, key layouts, strict loading.

mod builder;
mod config;
#[cfg(feature = "hub")]
pub mod download;
mod files;
pub mod hub;
mod random;
mod save;

pub use builder::{Builder, Later, Role, Source};
pub use config::{field, read_json};
pub use files::{Checkpoint, Files, KeyLayout, Sizes, Weights, holds, sizes};
pub use random::Random;
pub use save::{ParamKeys, save};
