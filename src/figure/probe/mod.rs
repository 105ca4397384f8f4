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
    let predictions = if table::exists(run, "probe_pred") { Some(Table::open(run, "probe_pred")?) } else { None };
    let mut figures = Vec::new();
    for family in Family::all(&measures, &claims) {
        figures.push(depth::figure(&family));
        figures.extend(selectivity::figure(&family));
        figures.extend(layout::figure(&family));
        figures.extend(strips::figures(&family, &maps, predictions.as_ref())?);
        figures.extend(confusion::figure(&family, &confusions, predictions.as_ref())?);
        figures.extend(curve::figure(&family, &curves));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files_are_sound, texts_stand_apart, well_formed};
    use super::super::{Surround, svg};
    use super::synthetic::{LARGE, MANY_GROUPS, ONE_GROUP, SMALL, Shape};
    use super::*;

    fn drawn(run: &Path, shape: Shape) -> Vec<Figure> {
        synthetic::write(run, shape);
        figures(run).unwrap().into_iter().map(|drawing| drawing.unwrap()).collect()
    }

    fn named<'a>(figures: &'a [Figure], name: &str) -> &'a Figure {
        figures.iter().find(|figure| figure.name == name).unwrap()
    }

    #[test]
    fn every_probe_has_the_figures_of_its_target() {
        let run = tempfile::tempdir().unwrap();
        let figures = drawn(run.path(), SMALL);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "probe-slot-depth",
                "probe-slot-selectivity",
                "probe-slot-strips-horizontal",
                "probe-slot-strips-vertical",
                "probe-slot-confusion",
                "probe-slot-mdl",
                "probe-layout-depth",
                "probe-layout-layout",
            ]
        );
    }

    #[test]
    fn no_text_overlaps_another_or_leaves_the_page() {
        for shape in [SMALL, LARGE, ONE_GROUP, MANY_GROUPS] {
            let run = tempfile::tempdir().unwrap();
            for figure in drawn(run.path(), shape) {
                for surround in [Surround::Captioned, Surround::Bare] {
                    texts_stand_apart(&figure.canvas(surround), &format!("{} of {shape:?}", figure.name));
                }
            }
        }
    }

    #[test]
    fn files_are_not_blank_and_the_same_every_time() {
        let run = tempfile::tempdir().unwrap();
        for figure in drawn(run.path(), SMALL) {
            files_are_sound(&figure, run.path());
            well_formed(&svg::encode(&figure.canvas(Surround::Captioned), &figure.title).unwrap());
        }
    }

    #[test]
    fn captions_give_n_and_one_conclusion_from_the_numbers() {
        let run = tempfile::tempdir().unwrap();
        let figures = drawn(run.path(), SMALL);
        for figure in &figures {
            let verdicts = ["this supports that", "this refutes that", "this leaves undecided whether"];
            let told: usize = verdicts.iter().map(|verdict| figure.caption.matches(verdict).count()).sum();
            let deferred = figure.name == "probe-layout-depth";
            assert_eq!(told, usize::from(!deferred), "{}: {}", figure.name, figure.caption);
        }
        for name in ["probe-slot-depth", "probe-layout-layout"] {
            assert!(named(&figures, name).caption.contains("n = 120 test images"));
        }
        let layout = &named(&figures, "probe-layout-layout").caption;
        assert!(layout.contains("this supports that the layout of the scene can be read at fixed places"), "{layout}");
        let strips = &named(&figures, "probe-slot-strips-vertical").caption;
        assert!(
            strips.contains("is 0.93 (0.90 to 0.96) with the objects and 0.55 (0.51 to 0.59) on the blank"),
            "{strips}"
        );
    }

    #[test]
    fn towers_are_named_under_their_sites_and_a_shift_marks_both_readings() {
        let run = tempfile::tempdir().unwrap();
        let figures = drawn(run.path(), LARGE);
        let depth = named(&figures, "probe-slot-depth").canvas(Surround::Bare);
        for name in ["pixels", "encoder", "projector", "LM slot"] {
            assert!(depth.texts().any(|text| text.content == name), "{name}");
        }
        let confusion = named(&figures, "probe-slot-confusion");
        assert_eq!(confusion.keys.len(), 2);
        assert!(confusion.caption.contains("Dashed"));
    }

    #[test]
    fn figures_of_tables_that_are_not_there_are_left_out() {
        let run = tempfile::tempdir().unwrap();
        synthetic::write(run.path(), ONE_GROUP);
        for table in ["probe_map", "probe_pred", "probe_confusion", "probe_curve", "probe_claims"] {
            std::fs::remove_file(run.path().join(format!("tables/{table}.parquet"))).unwrap();
        }
        let names: Vec<String> =
            figures(run.path()).unwrap().into_iter().map(|drawing| drawing.unwrap().name).collect();
        assert_eq!(names, ["probe-slot-depth", "probe-slot-selectivity", "probe-layout-depth", "probe-layout-layout"]);
    }
}
