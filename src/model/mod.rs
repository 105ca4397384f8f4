//! Vision-language models as walks over blocks, with named sites and hooks on the way.
//!
//! ```text
//! encode(pixels) -> visual tokens;  embed(ids, visual) -> lm.0.resid;  block(l, residual) -> residual;  readout -> logits
//! ```
//!
//! Because the walk is ours, a hook can read or rewrite any site, a sweep can restart from any residual, and attention
//! weights are computed only for the query rows somebody asked for.

pub mod checkpoint;
mod device;
pub mod families;
mod hook;
mod inputs;
pub mod language;
pub mod layers;
mod memory;
mod site;
pub mod spatial;
pub mod vision;
mod walk;

pub use device::{Compute, Computing, Dtype};
pub use families::Family;
pub use hook::{Effect, Hook, Hooks, Rows};
pub use inputs::Inputs;
pub use language::Stream;
pub use memory::{Need, need};
pub use site::{Site, SiteSpec, at_depth, matches, select};
pub use walk::{Quirks, VisionLanguage};
