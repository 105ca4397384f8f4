//! The published spatial benchmarks, read from the files as their authors publish them. Nothing of them is shipped: a user
//! names a *data root* with the annotations and photographs, laid out as below.
//!
//! | source | annotations | photographs | boxes from |
//! |---|---|---|---|
//! | `whatsup/controlled-a` | `controlled_images_dataset.json` | `controlled_images/` | a detector |
//! | `whatsup/controlled-b` | `controlled_clevr_dataset.json` | `controlled_clevr/` | a detector |
//! | `coco-spatial/one`, `/two` | `coco_qa_one_obj.json`, `coco_qa_two_obj.json` | `val2017/` | COCO instances |
//! | `vg-spatial/one`, `/two` | `vg_qa_one_obj.json`, `vg_qa_two_obj.json` | `vg_images/` | Visual Genome objects |
//! | `vsr/zeroshot-test`, `-dev`, `-train`, `vsr/random-…` | `vsr/zeroshot/test.jsonl`, … | `train2017/`, `val2017/` | COCO instances |
//!
//! | `vsi-bench/test` | `vsi-bench/test.jsonl` | `vsi-bench/DATASET/SCENE.mp4` | |
//! | `scanqa/val` | `scanqa/ScanQA_v1.0_val.json` | `scannet/SCENE.mp4` | |
//! | `sqa3d/test` | `sqa3d/v1_balanced_questions_test_scannetv2.json` and its annotations | `scannet/SCENE.mp4` | |
//!
//! A video may also be a folder of its frames, under its name without `.mp4`. Of either, 16 frames are taken, evenly spaced.
//!
//! Questions and options are made from the annotations by the templates of the attention-location study, or read from its
//! prompt files (`prompts/*.jsonl`), which deviate from them here and there. What is known to be wrong with an item is told
//! by [`Dataset::notes`](super::Dataset::notes) and never mended silently.
//!
//! Sources: Kamath et al., "What's 'up' with vision-language models?", EMNLP 2023; Liu et al., "Visual spatial reasoning",
//! TACL 2023; Yang et al., "Thinking in space", CVPR 2025 (VSI-Bench); Azuma et al., "ScanQA", CVPR 2022; Ma et al., "SQA3D",
//! ICLR 2023; prompts and split: Chen et al., ICML 2025 (AdaptVis).

mod benchmark;
mod boxes;
mod choice;
mod coco_spatial;
mod note;
mod published;
mod python_random;
mod rows;
mod scanqa;
mod source;
mod split;
mod sqa3d;
mod triples;
mod vg_spatial;
mod vsi_bench;
mod vsr;
mod whatsup;
mod words;

pub use benchmark::Benchmark;
pub use choice::{Choice, Prompts, ROOT_VARIABLE};
pub use note::Note;
pub use source::{Missing, Source};
pub use split::Split;
pub use whatsup::{Contrast, named_contrast};

use super::{Familiarity, Item, Object};
use note::Notes;

/// Every benchmark, in the order in which they are listed.
pub fn sources() -> impl Iterator<Item = &'static Source> {
    whatsup::SOURCES
        .iter()
        .chain(&coco_spatial::SOURCES)
        .chain(&vg_spatial::SOURCES)
        .chain(&vsr::SOURCES)
        .chain(&vsi_bench::SOURCES)
        .chain(&scanqa::SOURCES)
        .chain(&sqa3d::SOURCES)
}

/// The benchmark of this name.
pub fn find(reference: &str) -> Option<&'static Source> {
    sources().find(|source| source.name == reference)
}

/// All rows of an annotation file as items, without boxes.
struct Rows {
    items: Vec<Item>,
    notes: Notes,
}

/// `controlled_a_014`: the source and the row, from 0, which is also the number in the study's prompt files.
fn id(prefix: &str, row: usize, rows: usize) -> String {
    let width = rows.saturating_sub(1).to_string().len().max(3);
    format!("{prefix}_{row:0width$}")
}

/// An object that nobody has boxed yet.
fn unboxed(name: String) -> Object {
    Object::new(name, Vec::new())
}

/// As the study's page has it: left and right are familiar relations; the others are not.
fn familiarity(relation: &str) -> Familiarity {
    match relation {
        "left" | "right" => Familiarity::Familiar,
        _ => Familiarity::Unfamiliar,
    }
}
