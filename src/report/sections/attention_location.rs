//! Where the last query's attention goes, how well it meets the objects, and whether that predicts a right answer.

use super::super::section::{Content, Run, Section};
use super::alignment_verdict;
use crate::error::Result;
use crate::figure::dual::moments;
use crate::figure::dual::rows::Moment;
use crate::figure::rows::{Alignment, Choice, Headline, Share};
use crate::figure::wording::MAIN_METRIC;
use crate::figure::{NO_BOXES, Undrawn, alignment, attention_share, correctness, frames, gallery, heads, table};

pub const SECTION: Section =
    Section { title: "Attention location", tables: &["alignment", "attention_share", "gallery"], read };

fn read(run: &Run) -> Result<Option<Content>> {
    let rows = Alignment::read(run.folder)?;
    let shares = Share::read(run.folder)?;
    let choices = Choice::read(run.folder)?;
    let gallery = if choices.is_empty() {
        Err(Undrawn::new(gallery::NAME, gallery::TITLE, NO_BOXES))
    } else {
        Ok(gallery::figure(&frames::look_up(run.folder, &choices)?, run.images)?)
    };
    // Of videos alone.
    let moments = match table::exists(run.folder, "moments") {
        true => Some(moments::figure(&Moment::read(run.folder)?)),
        false => None,
    };
    Ok(Some(Content {
        verdict: alignment_verdict::of(&rows, MAIN_METRIC),
        lead: lead(&Headline::read(run.folder)?),
        drawings: [correctness::figure(&rows, MAIN_METRIC), attention_share::figure(&shares)]
            .into_iter()
            .chain(moments)
            .chain([alignment::figure(&rows), heads::figure(&rows, MAIN_METRIC), gallery])
            .collect(),
        findings: Vec::new(),
        limits: LIMITS.to_vec(),
    }))
}

/// The headlines for the first screen, with a short label; those that the run has not are left out.
fn lead(headlines: &[Headline]) -> Vec<(String, String)> {
    let wanted = [
        ("Within relation", format!("AUROC of {MAIN_METRIC} (within relation)")),
        ("Pooled", format!("AUROC of {MAIN_METRIC} (all)")),
        ("Relation alone", "AUROC of relation_only (all)".into()),
        ("Answers", "accuracy".into()),
    ];
    let note = |name: &str| headlines.iter().find(|line| line.name == name).map(|line| line.note.clone());
    wanted.iter().filter_map(|(label, name)| Some(((*label).to_owned(), note(name)?))).collect()
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
