//! One test binary, so that it links once.

/// Copies of the fixtures that a test may spoil.
mod support;

/// Checkpoints as published, and as they arrive broken.
mod checkpoint;
/// The command line: help, lists, exit codes, requests that are wrong.
mod cli;
/// A synthetic dump, from its logits to the tables, by hand.
mod import;
/// Verbs that look at a model without a study.
mod lenses;
/// Equal to `transformers`, tensor by tensor.
mod parity;
/// Pixels, prompts and positions against references.
mod processor;
/// Qwen2-VL and Qwen2.5-VL: windows, frames, sides of any length.
mod qwen;
/// Recording with the bundled model: killed, interrupted, on a full disk, with broken items.
mod recording;
/// The walk: rows on demand, padding, hooks.
mod walk;
