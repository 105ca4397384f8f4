//! One test binary, so that it links once.

/// Copies of the fixtures that a test may spoil.
mod support;

/// Checkpoints as published, and as they arrive broken.
mod checkpoint;
/// Equal to `transformers`, tensor by tensor.
mod parity;
/// The walk: rows on demand, padding, hooks.
mod walk;
