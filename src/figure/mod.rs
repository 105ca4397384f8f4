//! Tables to pictures: PNG and SVG, with no arithmetic that a reader would want to check.
//!
//! Each figure is a function from table rows to a [`page::Figure`] in a file of its own:
//!
//! | file | what it shows |
//! |---|---|
//! | [`attention_share`] | where the last query's attention goes, by layer |
//! | [`alignment`] | how well it meets the boxes, right and wrong answers apart, with null |
//! | [`benchmark`] | a run beside published models |
//! | [`correctness`] | whether alignment predicts a right answer, one panel a stratum |
//! | [`heads`] | the same for every head of every layer |
//! | [`coverage`] | how much of a room so many frames see |
//! | [`gallery`] | single attention rows on their images |
//! | [`probe`] | what linear probes read, where, and beside which controls: a figure a file |
//! | [`dual`] | what each of two encoders adds to image tokens, and what it is worth: a figure a file |
//! | [`scaling`] | what scaled attention did to the answers: a figure a file |
//! | [`effect`] | what interventions did to the answers: a figure a file |
//!
//! A figure puts [`panels`] on a [`page`]; panels leave marks on a [`canvas`], which [`png`] and [`svg`] turn into files
//! through plotters. [`theme`], [`font`] and [`wording`] keep colours, type and names the same everywhere.
//! To add a figure, write one such file and add it to its section of the report.

pub mod alignment;
pub mod attention_share;
pub mod axis;
pub mod benchmark;
pub mod canvas;
pub mod correctness;
pub mod coverage;
pub mod dual;
pub mod effect;
pub mod font;
pub mod frames;
pub mod gallery;
pub mod heads;
pub mod page;
mod paint;
pub mod panels;
pub mod png;
pub mod probe;
pub mod rows;
pub mod scaling;
pub mod svg;
pub mod table;
pub mod theme;
pub mod wording;

pub use page::{Figure, Surround};

/// The commonest reason.
pub const NO_BOXES: &str = "no item has boxes that the model sees";

/// Why a figure that the data could not fill was left out: not an error, but a thing to tell the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undrawn {
    pub name: String,
    pub title: String,
    pub reason: String,
}

impl Undrawn {
    pub fn new(name: impl Into<String>, title: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), reason: reason.into() }
    }
}
pub use panels::overlay::Overlay;

#[cfg(test)]
pub(crate) mod synthetic;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::canvas::{Area, Canvas};
    use super::synthetic::{LARGE, SMALL, Shape};
    use super::wording::MAIN_METRIC;
    use super::*;

    /// Every figure of a made-up run.
    fn figures(run: &Path, shape: Shape) -> Vec<Figure> {
        synthetic::write(run, shape);
        let alignment_rows = rows::Alignment::read(run).unwrap();
        let shown = frames::look_up(run, &rows::Choice::read(run).unwrap()).unwrap();
        vec![
            attention_share::figure(&rows::Share::read(run).unwrap()).unwrap(),
            alignment::figure(&alignment_rows).unwrap(),
            correctness::figure(&alignment_rows, MAIN_METRIC).unwrap(),
            heads::figure(&alignment_rows, MAIN_METRIC).unwrap(),
            gallery::figure(&shown, &|shown| synthetic::image(shape, &shown.choice.item)).unwrap(),
            gallery::figure(&shown, &|_| None).unwrap(),
        ]
    }

    pub(super) fn texts_stand_apart(canvas: &Canvas, name: &str) {
        let page = Area::new(0.0, 0.0, canvas.width, canvas.height);
        let texts: Vec<_> = canvas.texts().map(|text| (text.extent(), &text.content)).collect();
        for (index, (area, content)) in texts.iter().enumerate() {
            let inside = area.left >= 0.0 && area.top >= 0.0 && area.right <= page.right && area.bottom <= page.bottom;
            assert!(inside, "{name}: {content:?} leaves the page: {area:?}");
            for (other, more) in &texts[..index] {
                assert!(!area.overlaps(other), "{name}: {content:?} overlaps {more:?}");
            }
        }
    }

    #[test]
    fn no_text_overlaps_another_or_leaves_the_page() {
        let one = Shape { layers: 1, heads: 1, grid: 1, ..SMALL };
        let deep = Shape { layers: 64, heads: 40, grid: 48, image: (300, 900), seen: [-300.0, 0.0, 600.0, 900.0] };
        for shape in [SMALL, LARGE, one, deep] {
            let run = tempfile::tempdir().unwrap();
            for figure in figures(run.path(), shape) {
                for surround in [Surround::Captioned, Surround::Bare] {
                    texts_stand_apart(&figure.canvas(surround), &format!("{} of {shape:?}", figure.name));
                }
            }
        }
    }

    #[test]
    fn files_have_two_pixels_a_point_are_not_blank_and_the_same_every_time() {
        let run = tempfile::tempdir().unwrap();
        for figure in figures(run.path(), SMALL) {
            files_are_sound(&figure, run.path());
        }
    }

    pub(super) fn files_are_sound(figure: &Figure, folder: &Path) {
        let [png, svg] = figure.write(folder).unwrap();
        let picture = image::open(&png).unwrap().to_rgb8();
        let canvas = figure.canvas(Surround::Captioned);
        assert_eq!(picture.dimensions(), ((2.0 * canvas.width) as u32, (2.0 * canvas.height) as u32));
        let inked = picture.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
        assert!(inked * 50 > picture.len() / 3, "{}: {inked} pixels", figure.name);
        let before = (std::fs::read(&png).unwrap(), std::fs::read(&svg).unwrap());
        figure.write(folder).unwrap();
        assert_eq!(before, (std::fs::read(&png).unwrap(), std::fs::read(&svg).unwrap()));
    }

    #[test]
    fn svg_names_its_axes_and_is_well_formed() {
        let run = tempfile::tempdir().unwrap();
        let all = figures(run.path(), SMALL);
        let labels = ["% of the last query’s attention", "cosine", "AUROC", "% of image attention", "red circle"];
        for (figure, label) in all.iter().zip(labels) {
            let document = svg::encode(&figure.canvas(Surround::Captioned), &figure.title).unwrap();
            assert!(document.contains(&format!("{label}\n</text>")), "{}: no {label}", figure.name);
            well_formed(&document);
        }
    }

    /// Every tag closed in order, every attribute quoted.
    pub(super) fn well_formed(document: &str) {
        let mut open = Vec::new();
        let mut rest = document;
        while let Some((_, after)) = rest.split_once('<') {
            let (tag, after) = after.split_once('>').expect("a tag ends");
            assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
            let name = tag.trim_matches('/').split_whitespace().next().unwrap_or_default();
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) => assert_eq!(open.pop(), Some(name)),
                (false, false) => open.push(name),
                (false, true) => {}
            }
            rest = after;
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn a_stratum_with_one_class_says_so() {
        let run = tempfile::tempdir().unwrap();
        let canvas = figures(run.path(), SMALL)[2].canvas(Surround::Bare);
        let says = |part: &str| canvas.texts().any(|text| text.content.contains(part));
        assert!(says("150 right, 0 wrong") && says("undefined"));
    }

    #[test]
    fn a_missing_table_and_a_missing_column_are_named() {
        let run = tempfile::tempdir().unwrap();
        let problem = rows::Share::read(run.path()).unwrap_err();
        assert!(problem.to_string().contains("`attention_share`") && problem.help().unwrap().contains("analyze"));

        synthetic::write(run.path(), SMALL);
        let frame = polars::prelude::df!("layer" => [0i16], "head" => [-1i16]).unwrap();
        let table = table::Table::new("tables/attention_share.parquet".into(), frame);
        let problem = rows::Share::rows(&table).unwrap_err().to_string();
        assert!(problem.contains("`group`") && problem.contains("attention_share.parquet"), "{problem}");
    }
}
