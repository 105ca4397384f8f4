//! A run folder to `figures/`, `report.html` and `summary.md`.
//!
//! Everything printed stands in a table of the run already; the report chooses, words and lays out, and computes nothing.
//! It opens with the study's question, shows the [`sections`] whose tables the run has, and closes with how the run was
//! made.

mod html;
mod manifest;
mod page;
mod section;
mod sections;
mod summary;

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::error::{Error, Result};
use crate::figure::frames::Shown;
use crate::figure::rows::{Answers, Headline};
use crate::figure::{Figure, Surround, Undrawn, png, table};
use manifest::Manifest;
use section::{Content, Run};
use sections::SECTIONS;

/// What a report says, before it has a format.
struct Report {
    manifest: Manifest,
    /// Title and content, at least one.
    sections: Vec<(&'static str, Content)>,
    headlines: Vec<Headline>,
    answers: Vec<Answers>,
}

impl Report {
    fn drawings(&self) -> impl Iterator<Item = &Result<Figure, Undrawn>> {
        self.sections.iter().flat_map(|(_, content)| &content.drawings)
    }
}

/// Writes `figures/`, `report.html` and `summary.md` from `run.json`, `tables/` and, for the gallery, `frames/`.
///
/// `images` gives the picture of an item, or None where it is not at hand: then the grid is drawn alone.
///
/// # Errors
/// A run without the tables of any section; a table or frame that is missing or not of this version; a folder that cannot
/// be written.
pub fn write(run: &Path, images: &dyn Fn(&Shown) -> Option<RgbImage>) -> Result<PathBuf> {
    let report = read(&Run { folder: run, images })?;
    let folder = run.join("figures");
    fs::create_dir_all(&folder).map_err(|source| Error::io("create", &folder, source))?;
    let mut pictures = Vec::new();
    for drawing in report.drawings() {
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

fn read(run: &Run) -> Result<Report> {
    let manifest = Manifest::read(run.folder)?;
    let mut sections = Vec::new();
    for section in SECTIONS {
        sections.extend(section.of(run)?.map(|content| (section.title, content)));
    }
    if sections.is_empty() {
        let tables: Vec<&str> = SECTIONS.iter().flat_map(|section| section.tables).copied().collect();
        return Err(Error::data(format!(
            "`{}` has no tables to report on: none of {}",
            run.folder.display(),
            tables.join(", ")
        ))
        .with_help(format!("make them with `vlmscope analyze {}`", run.folder.display())));
    }
    let headlines = if table::exists(run.folder, "headline") { Headline::read(run.folder)? } else { Vec::new() };
    Ok(Report { manifest, sections, headlines, answers: Answers::read(run.folder)? })
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|source| Error::io("write", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::effect::synthetic as effects;
    use crate::figure::probe::synthetic as probes;
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

    /// Takes the tables away that make the section of attention location.
    fn forget_attention(run: &Path) {
        for table in ["alignment", "attention_share", "gallery", "headline"] {
            fs::remove_file(run.join(format!("tables/{table}.parquet"))).unwrap();
        }
    }

    #[test]
    fn a_run_of_probes_alone_has_a_report_of_probes_alone() {
        let run = tempfile::tempdir().unwrap();
        synthetic::write(run.path(), SMALL);
        forget_attention(run.path());
        probes::write(run.path(), probes::SMALL);
        let html = fs::read_to_string(write(run.path(), &|_| None).unwrap()).unwrap();
        let summary = fs::read_to_string(run.path().join("summary.md")).unwrap();
        assert_eq!(html.matches("src=\"data:image/png;base64,").count(), 8);
        for text in [&html, &summary] {
            assert!(text.contains("Of 3 tests of claims 1 are supported, 1 refuted, 1 undecided."));
            assert!(text.contains("Readable is not used.") && !text.contains("Attention is not use."));
            assert!(!text.contains("Attention location:") && text.contains("accuracy of slot (objects, horizontal"));
        }
        assert!(
            summary.contains("figures/probe-slot-depth.png") && run.path().join("figures/probe-slot-mdl.svg").is_file()
        );
    }

    #[test]
    fn sections_stand_one_after_the_other_under_their_titles() {
        let run = tempfile::tempdir().unwrap();
        synthetic::write(run.path(), SMALL);
        probes::write(run.path(), probes::SMALL);
        write(run.path(), &|_| None).unwrap();
        let summary = fs::read_to_string(run.path().join("summary.md")).unwrap();
        let place = |part: &str| summary.find(part).unwrap_or_else(|| panic!("no {part}"));
        let order =
            ["*Attention location*", "*Probes*", "figures/correctness", "figures/gallery", "figures/probe-slot-depth"];
        assert!(order.map(place).is_sorted());
        assert!(place("Attention is not use.") < place("Readable is not used."));
    }

    #[test]
    fn a_run_of_interventions_opens_with_its_claims() {
        let run = tempfile::tempdir().unwrap();
        synthetic::write(run.path(), SMALL);
        forget_attention(run.path());
        effects::write(run.path(), effects::SMALL);
        let html = fs::read_to_string(write(run.path(), &|_| None).unwrap()).unwrap();
        let summary = fs::read_to_string(run.path().join("summary.md")).unwrap();
        assert_eq!(html.matches("src=\"data:image/png;base64,").count(), 24);
        let place = |part: &str| summary.find(part).unwrap_or_else(|| panic!("no {part}"));
        let titles =
            ["*Claims*", "*Patching*", "*Ablation and knockout*", "*Enhancement*", "*Erasure*", "*Logit lens*"];
        assert!(titles.map(place).is_sorted());
        for part in [
            "**Supported: C3 and C4. Refuted: C2. Undecided: C5 and C6.**",
            "**Objects’ tokens do not suffice where the language model begins.",
            "**Without place, accuracy stays above chance.",
            "**Enhancement raises accuracy and more than random directions do.**",
            "**12 of 12 erasures cost accuracy beyond random subspaces",
            "**At the last token the right answer leads from slot 2 on.**",
            "Golden pairs: 180 of 200",
            "A dormant pathway",
        ] {
            assert!(summary.to_lowercase().contains(&part.to_lowercase()), "no {part} in {summary}");
        }
    }

    #[test]
    fn an_intervention_brings_its_own_section_and_no_other() {
        let run = tempfile::tempdir().unwrap();
        synthetic::write(run.path(), SMALL);
        forget_attention(run.path());
        effects::write(run.path(), effects::SMALL);
        for table in ["effects", "claims"] {
            fs::remove_file(run.path().join(format!("tables/{table}.parquet"))).unwrap();
        }
        write(run.path(), &|_| None).unwrap();
        let summary = fs::read_to_string(run.path().join("summary.md")).unwrap();
        assert!(summary.contains("figures/lens-slots.png") && !summary.contains("Patching"));
    }

    #[test]
    fn a_run_without_any_section_and_half_a_section_are_told() {
        let run = tempfile::tempdir().unwrap();
        synthetic::write(run.path(), SMALL);
        forget_attention(run.path());
        let problem = write(run.path(), &|_| None).unwrap_err();
        assert!(problem.to_string().contains("no tables to report on") && problem.help().unwrap().contains("analyze"));
        probes::write(run.path(), probes::SMALL);
        fs::remove_file(run.path().join("tables/probe_claims.parquet")).unwrap();
        let problem = write(run.path(), &|_| None).unwrap_err().to_string();
        assert!(problem.contains("the table `probe_claims` is missing"), "{problem}");
    }
}
