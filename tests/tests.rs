//! One test binary, so that it links once.

/// Copies of the fixtures that a test may spoil.
mod support;

/// Checkpoints as published, and as they arrive broken.
mod checkpoint;
/// Equal to `transformers`, tensor by tensor.
mod parity;
/// Pixels, prompts and positions against references.
mod processor;
/// The walk: rows on demand, padding, hooks.
mod walk;
