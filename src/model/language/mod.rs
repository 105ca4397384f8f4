//! Language decoders.

mod bonds;
mod class;
mod config;
mod llama;
mod position;
mod stream;
mod streamed;

pub use bonds::{Bonds, runs};
pub use class::{
    Biases, Defaults, Embeddings, GEMMA, GEMMA3, LLAMA, MISTRAL, NearDefaults, Norms, QWEN2, QWEN2_VL, Style,
};
pub use config::{LlamaConfig, Near, Rope};
pub use llama::Llama;
pub use position::{Clip, Position, farthest, positions};
pub use stream::{Sight, Stream};
