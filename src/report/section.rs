//! What a report consists of: a section a family of analyses, shown where its tables exist.

use std::path::Path;

use image::RgbImage;

use crate::error::Result;
use crate::figure::frames::Shown;
use crate::figure::rows::Headline;
use crate::figure::table;
use crate::figure::{Figure, Undrawn};

/// A part of the report that knows what it needs and what it says.
pub struct Section {
    /// Its heading where a report has several.
    pub title: &'static str,
    /// A run that has none of these tables has no such section; one that has some of them is broken.
    pub tables: &'static [&'static str],
    /// None where its tables are there but hold nothing of this section.
    pub read: fn(&Run) -> Result<Option<Content>>,
}

/// A run folder, and the pictures of its items as far as they are at hand.
pub struct Run<'a> {
    pub folder: &'a Path,
    pub images: &'a dyn Fn(&Shown) -> Option<RgbImage>,
}

/// What a section says in one run, before it has a format.
pub struct Content {
    pub verdict: Verdict,
    /// What to read first, with a short label each.
    pub lead: Vec<(String, String)>,
    /// Each figure, or why there is none; the main one first.
    pub drawings: Vec<Result<Figure, Undrawn>>,
    /// Its numbers with their controls, beyond those of `tables/headline`.
    pub findings: Vec<Headline>,
    /// What no reader should take from its figures.
    pub limits: Vec<&'static str>,
}

/// The answer that a section opens with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// A few words.
    pub short: String,
    /// The sentence or two that they stand for.
    pub long: String,
}

impl Section {
    /// Its content, or None where the run did not ask for it.
    ///
    /// # Errors
    /// A table that is missing while others of the section are there; one that cannot be read.
    pub fn of(&self, run: &Run) -> Result<Option<Content>> {
        let asked = self.tables.iter().any(|name| table::exists(run.folder, name));
        if asked { (self.read)(run) } else { Ok(None) }
    }
}
