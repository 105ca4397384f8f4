//! Language decoders.

mod llama;
mod position;
mod stream;

pub use llama::{Biases, Defaults, LLAMA, Llama, LlamaConfig, QWEN2_VL};
pub use position::{Clip, Position, farthest, positions};
pub use stream::Stream;
