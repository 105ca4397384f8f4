//! One test binary, so that it links once.

/// Copies of the fixtures that a test may spoil.
mod support;

/// Published benchmarks from a data root in miniature.
mod benchmarks;
/// Checkpoints as published, and as they arrive broken.
mod checkpoint;
/// The command line: help, lists, exit codes, requests that are wrong.
mod cli;
/// Ablation, knockout, enhancement, erasure, lens: what must hold exactly.
mod designs;
/// Families of tower, connector and decoder: equal to their references, geometry, studies.
mod families;
/// Hidden states: the right tokens of the right image; variants; what cannot be is refused.
mod hidden;
/// A synthetic dump, from its logits to the tables, by hand.
mod import;
/// What must hold exactly of interventions, requests that cannot be met, kills.
mod interventions;
/// Verbs that look at a model without a study.
mod lenses;
/// Equal to `transformers`, tensor by tensor.
mod parity;
/// The probe against scikit-learn and planted codes.
mod probe;
/// Pixels, prompts and positions against references.
mod processor;
/// Qwen2-VL and Qwen2.5-VL: windows, frames, sides of any length.
mod qwen;
/// Recording with the bundled model: killed, interrupted, on a full disk, with broken items.
mod recording;
/// Answers recorded elsewhere at several scalings.
mod replay;
/// Attention scaled: the step on the cached prompt is the whole pass.
mod scaling;
/// VGGT and Spatial-MLLM: two encoders, and frames that see each other.
mod spatial;
/// Weights in the file.
mod streaming;
/// What each image token shows: rectangles, a dot, the encoder's patches.
mod views;
/// The walk: rows on demand, padding, hooks.
mod walk;
