//! A run folder to `figures/`, `report.html` and `summary.md`.
//!
//! Everything printed stands in a table of the run already; the report chooses, words and lays out, and computes nothing.
//! To add a figure, write it in [`crate::figure`] and add it to `drawings` below.

mod html;
mod manifest;
mod page;
mod summary;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::error::{Error, Result};
use crate::figure::frames::Shown;
use crate::figure::rows::{Alignment, Answers, Choice, Headline, Share};
use crate::figure::wording::MAIN_METRIC;
use crate::figure::{
    Figure, NO_BOXES, Surround, Undrawn, alignment, attention_share, correctness, frames, gallery, heads, png,
};
use manifest::Manifest;
use verdict::Verdict;

/// What a report says, before it has a format.
struct Report {
    manifest: Manifest,
    verdict: Verdict,
    headlines: Vec<Headline>,
    answers: Vec<Answers>,
    /// Each figure, or why there is none.
    drawings: Vec<Result<Figure, Undrawn>>,
}

/// Writes `figures/`, `report.html` and `summary.md` from `run.json`, `tables/` and, for the gallery, `frames/`.
///
/// `images` gives the picture of an item, or None where it is not at hand: then the grid is drawn alone.
///
/// # Errors
/// A table or frame that is missing or not of this version; a folder that cannot be written.
pub fn write(run: &Path, images: &dyn Fn(&Shown) -> Option<RgbImage>) -> Result<PathBuf> {
    let alignment = Alignment::read(run)?;
    let report = Report {
        manifest: Manifest::read(run)?,
        verdict: Verdict::of(&alignment, MAIN_METRIC),
        headlines: Headline::read(run)?,
        answers: Answers::read(run)?,
        drawings: drawings(run, &alignment, images)?,
    };
    let folder = run.join("figures");
    fs::create_dir_all(&folder).map_err(|source| Error::io("create", &folder, source))?;
    let mut pictures = Vec::new();
    for drawing in &report.drawings {
        let Ok(figure) = drawing else {
            pictures.push(None);
            continue;
        };
        figure.write(&folder)?;
        pictures.push(Some(png::encode(&figure.canvas(Surround::Bare))?));
    }
    save(&run.join("summary.md"), &summary::render(&report)?)?;
    let path = run.join("report.html");
    save(&path, &html::render(&report, &pictures)?)?;
    Ok(path)
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|source| Error::io("write", path, source))
}

/// All figures of a report, the main one first.
fn drawings(
    run: &Path,
    rows: &[Alignment],
    images: &dyn Fn(&Shown) -> Option<RgbImage>,
) -> Result<Vec<Result<Figure, Undrawn>>> {
    let choices = Choice::read(run)?;
    let gallery = if choices.is_empty() {
        Err(Undrawn { name: gallery::NAME, title: gallery::TITLE, reason: NO_BOXES })
    } else {
        Ok(gallery::figure(&frames::look_up(run, &choices)?, images)?)
    };
    Ok(vec![
        correctness::figure(rows, MAIN_METRIC),
        attention_share::figure(&Share::read(run)?),
        alignment::figure(rows),
        heads::figure(rows, MAIN_METRIC),
        gallery,
    ])
}

/// What no reader should take from these figures.
const LIMITS: [&str; 6] = [
    "Attention is not use. A weight says from where a layer reads, not what it does with what it reads. Whether the answer \
     depends on it can only be shown by changing it.",
    "An AUROC is an association over items. Small objects, rare relations or crowded images can make an item both hard to \
     answer and hard to look at. Comparing within a relation takes out the relation, and nothing else.",
    "The layer with the most telling AUROC was chosen after looking at all of them. Its interval does not know that; the \
     p-value corrected over layers does.",
    "The mean over heads can hide heads that do opposite things; see the figure by head.",
    "Only the attention of the prompt’s last token is shown. What earlier tokens gathered from the image, and handed on, is \
     not seen here.",
    "Boxes are rectangles: part of what lies in them is background, and part of what matters may lie outside. One model, one \
     set of questions and one wording of the prompt were asked.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::synthetic::{self, SMALL};

    fn report(run: &Path) -> (String, String) {
        synthetic::write(run, SMALL);
        let path = write(run, &|shown| synthetic::image(SMALL, &shown.choice.item)).unwrap();
        (fs::read_to_string(path).unwrap(), fs::read_to_string(run.join("summary.md")).unwrap())
    }

    #[test]
    fn the_report_holds_every_figure_and_headline_and_needs_no_other_file() {
        let run = tempfile::tempdir().unwrap();
        let (html, summary) = report(run.path());
        let plain = html.replace("&#x27;", "'").replace("&#x2f;", "/");
        assert_eq!(html.matches("src=\"data:image/png;base64,").count(), 5);
        assert!(!html.contains("<script") && !html.contains("src=\"figures") && !html.contains("http://"));
        for headline in Headline::read(run.path()).unwrap() {
            assert!(plain.contains(&headline.note) && summary.contains(&headline.note), "{}", headline.note);
        }
        for name in ["correctness", "attention-share", "alignment", "heads", "gallery"] {
            assert!(summary.contains(&format!("figures/{name}.png")), "{name}");
            for extension in ["png", "svg"] {
                assert!(run.path().join(format!("figures/{name}.{extension}")).is_file(), "{name}.{extension}");
            }
        }
        assert!(plain.contains("vlmscope run analyses/attention-location.toml --out runs/demo"));
        assert!(html.contains("Attention is not use."));
    }

    #[test]
    fn the_same_tables_give_the_same_bytes() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(report(run.path()), report(run.path()));
    }

    #[test]
    fn what_is_missing_is_named() {
        let run = tempfile::tempdir().unwrap();
        synthetic::write(run.path(), SMALL);
        for table in ["alignment", "attention_share", "answers", "gallery", "headline"] {
            let path = run.path().join(format!("tables/{table}.parquet"));
            let away = run.path().join("away");
            fs::rename(&path, &away).unwrap();
            let problem = write(run.path(), &|_| None).unwrap_err().to_string();
            assert!(problem.contains(&format!("the table `{table}` is missing")), "{problem}");
            fs::rename(&away, &path).unwrap();
        }
        fs::remove_file(run.path().join("run.json")).unwrap();
        assert!(write(run.path(), &|_| None).unwrap_err().to_string().contains("run.json"));
    }

    #[test]
    fn without_boxes_the_report_says_what_it_cannot_show() {
        let run = tempfile::tempdir().unwrap();
        synthetic::write(run.path(), SMALL);
        synthetic::forget_boxes(run.path());
        let html = fs::read_to_string(write(run.path(), &|_| None).unwrap()).unwrap();
        assert_eq!(html.matches("src=\"data:image/png;base64,").count(), 1);
        assert_eq!(html.matches("Not drawn: no item has boxes that the model sees.").count(), 4);
    }
}
