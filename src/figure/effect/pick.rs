//! Rows of the effects table, narrowed step by step.

use super::super::dual::is_of_addends;
use super::super::probe::family::distinct;
use super::super::table::Estimate;
use super::super::wording::count_range;
use super::rows::Measured;

/// Some rows, in the order of the table.
#[derive(Clone)]
pub struct Pick<'a>(Vec<&'a Measured>);

impl<'a> Pick<'a> {
    pub fn all(rows: &'a [Measured]) -> Self {
        Self(rows.iter().collect())
    }

    pub fn only(&self, keep: impl Fn(&Measured) -> bool) -> Self {
        Self(self.0.iter().copied().filter(|row| keep(row)).collect())
    }

    pub fn kind(&self, kind: &str) -> Self {
        self.only(|row| row.kind == kind)
    }

    /// Without the designs that rewrite an addend of the image tokens.
    pub fn without_addends(&self) -> Self {
        self.only(|row| !is_of_addends(row, &self.0))
    }

    pub fn design(&self, design: &str) -> Self {
        self.only(|row| row.design == design)
    }

    pub fn group(&self, group: &str) -> Self {
        self.only(|row| row.group == group)
    }

    pub fn control(&self, control: &str) -> Self {
        self.only(|row| row.control == control)
    }

    /// The thing itself.
    pub fn real(&self) -> Self {
        self.control("none")
    }

    /// One measure, over all items.
    pub fn measure(&self, measure: &str) -> Self {
        self.only(|row| row.measure == measure && row.stratum == "all")
    }

    pub fn rows(&self) -> &[&'a Measured] {
        &self.0
    }

    pub fn first(&self) -> Option<&'a Measured> {
        self.0.first().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each value of a column once, in the order of the table.
    pub fn distinct(&self, of: impl Fn(&'a Measured) -> &'a String) -> Vec<&'a str> {
        distinct(self.0.iter().map(|row| of(row).as_str()))
    }

    pub fn designs(&self) -> Vec<&'a str> {
        self.distinct(|row| &row.design)
    }

    pub fn windows(&self) -> Vec<i64> {
        let mut windows: Vec<i64> = self.0.iter().map(|row| row.window).collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// Another measure of what a row is about.
    pub fn beside(&self, row: &Measured, measure: &str) -> Option<&'a Measured> {
        self.0.iter().copied().find(|other| other.measure == measure && other.same(row))
    }

    /// Its estimate.
    pub fn value(&self, row: &Measured, measure: &str) -> Option<Estimate> {
        self.beside(row, measure)?.value
    }

    /// "n = 180 to 200 units on 60 images".
    pub fn n(&self) -> String {
        format!(
            "n = {} units on {} images",
            count_range(self.0.iter().map(|row| row.n)),
            count_range(self.0.iter().map(|row| row.images))
        )
    }
}
