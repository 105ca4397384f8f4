//! Language decoders.

mod llama;
mod stream;

pub use llama::{Llama, LlamaConfig};
pub use stream::Stream;
