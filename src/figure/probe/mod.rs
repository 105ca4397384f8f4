//! Figures of the probe tables; one set a `[[probe]]` of the study.
//!
//! | file | what it shows |
//! |---|---|
//! | [`depth`] | the held-out number by depth: encoder, projector, language model on one axis |
//! | [`selectivity`] | what is left of it beyond a control, site by group |
//! | [`strips`] | what a slot probe says of every patch, with the objects, without them, and the difference |
//! | [`layout`] | how well each fixed patch tells a property of the whole image |
//! | [`curve`] | how few bits the labels cost, and how that falls with more images |
//! | [`confusion`] | true against predicted slot, also after the objects were shifted |
//!
//! [`family`] picks the rows that a figure shows first, by name and never by size; [`conclusion`] words what the controls
//! allow one to conclude.

pub mod conclusion;
pub mod confusion;
pub mod curve;
pub mod depth;
pub mod family;
pub mod layout;
pub mod rows;
pub mod selectivity;
pub mod strips;
pub mod wording;

use std::path::Path;

use super::table::{self, Table};
use super::{Figure, Undrawn};
use crate::error::Result;
use family::Family;
use rows::{Claim, Coded, Confused, Mapped, Measure};

#[cfg(test)]
pub(crate) mod synthetic;

/// Every figure of a run's probes, in the order of the study: for each probe those that its target has.
///
/// # Errors
/// A table that is missing or not of this version.
pub fn figures(run: &Path) -> Result<Vec<Result<Figure, Undrawn>>> {
    let measures = Measure::read(run)?;
    let claims = if table::exists(run, "probe_claims") { Claim::read(run)? } else { Vec::new() };
    let maps = if table::exists(run, "probe_map") { Mapped::read(run)? } else { Vec::new() };
    let confusions = if table::exists(run, "probe_confusion") { Confused::read(run)? } else { Vec::new() };
    let curves = if table::exists(run, "probe_curve") { Coded::read(run)? } else { Vec::new() };
    let predictions =
        if table::exists(run, "probe_pred") { Some(Table::open(run, "probe_pred")?) } else { None };
    let mut figures = Vec::new();
    for family in Family::all(&measures) {
        figures.push(depth::figure(&family));
        figures.extend(selectivity::figure(&family));
        figures.extend(layout::figure(&family, &claims));
        figures.extend(strips::figures(&family, &maps, predictions.as_ref())?);
        figures.extend(confusion::figure(&family, &confusions, predictions.as_ref())?);
        figures.extend(curve::figure(&family, &curves));
    }
    Ok(figures)
}
