//! The sections of a report, one a file. To add one: write the file, then add its line to [`SECTIONS`].

mod ablation;
mod alignment_verdict;
mod attention_location;
mod benchmark;
mod claims;
mod dual;
mod enhancement;
mod erasure;
mod lens;
mod patching;
mod probes;
mod scaling;

use super::section::Section;

/// Every section, in the order in which a report shows them.
pub const SECTIONS: &[Section] = &[
    claims::SECTION,
    benchmark::SECTION,
    attention_location::SECTION,
    scaling::SECTION,
    dual::SECTION,
    probes::SECTION,
    patching::SECTION,
    ablation::SECTION,
    enhancement::SECTION,
    erasure::SECTION,
    lens::SECTION,
];
