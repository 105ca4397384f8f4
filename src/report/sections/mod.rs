//! The sections of a report, one a file. To add one: write the file, then add its line to [`SECTIONS`].

mod alignment_verdict;
mod attention_location;
mod probes;

use super::section::Section;

/// Every section, in the order in which a report shows them.
pub const SECTIONS: &[Section] = &[attention_location::SECTION, probes::SECTION];
