//! What every family is built of, written once.

mod across;
mod activation;
mod attention;
mod host;
mod mlp;
mod norm;
mod rotary;
mod windows;

pub use across::Across;
pub use activation::Activation;
pub use attention::{Attention, AttentionShape, HeadNorms, KeyValue, Mask, Tap};
pub use mlp::{FeedForward, GatedMlp, Mlp};
pub use norm::{Gain, Norm, NormKind};
pub use rotary::{Rotary, Wheels};
pub use windows::Windows;
