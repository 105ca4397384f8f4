//! What every family is built of, written once.

mod activation;
mod attention;
mod mlp;
mod rotary;

pub use activation::Activation;
pub use attention::{Attention, AttentionShape, KeyValue, Mask, Tap};
pub use mlp::{GatedMlp, Mlp};
pub use rotary::Rotary;
