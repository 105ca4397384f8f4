//! What is left of the answers when tokens say nothing, or when some positions may not read others.

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::effect::conclusion::against;
use crate::figure::effect::pick::Pick;
use crate::figure::effect::rows::{Counted, Measured};
use crate::figure::effect::{ablation, ablations, knockout, knockouts, wording};
use crate::figure::rows::Headline;

pub const SECTION: Section = Section { title: "Ablation and knockout", tables: &["effects"], read };

fn read(run: &Run) -> Result<Option<Content>> {
    let rows = Measured::read(run.folder)?;
    let all = Pick::all(&rows);
    let (ablated, cut) = (all.kind("ablate").without_addends(), all.kind("knockout"));
    if ablated.is_empty() && cut.is_empty() {
        return Ok(None);
    }
    let counts = Counted::read(run.folder)?;
    let parts: Vec<(String, String)> = without_place(&ablated)
        .into_iter()
        .chain(ablated.designs().into_iter().filter_map(|design| groups(&ablated.design(design))))
        .chain(cut.designs().into_iter().map(|design| edges(&cut.design(design))))
        .collect();
    let mut drawings = ablations(&all, &counts);
    drawings.extend(knockouts(&all, &counts));
    Ok(Some(Content {
        verdict: Verdict {
            short: parts
                .iter()
                .map(|(short, _)| short.as_str())
                .filter(|short| !short.is_empty())
                .collect::<Vec<_>>()
                .join(" "),
            long: parts.iter().map(|(_, long)| long.as_str()).collect::<Vec<_>>().join(" "),
        },
        lead: Vec::new(),
        drawings,
        findings: findings(&ablated),
        limits: LIMITS.to_vec(),
    }))
}

/// What is left with every object alone in the middle on a blank image, in short and at length.
fn without_place(ablated: &Pick) -> Option<(String, String)> {
    let real = ablated.real();
    let crossed = |row: &Measured| row.group == "middle+blank" || row.arm == "reference";
    let above = real.measure("above_chance").only(crossed);
    let row = above.first()?;
    let left = row.value?;
    let short = match against(left, 0.0) {
        Some(std::cmp::Ordering::Greater) => "Without place, accuracy stays above chance.",
        Some(_) => "Without place, accuracy is below chance.",
        None => "Without place, accuracy is not told from chance.",
    };
    let number = |measure: &str| real.value(row, measure).map_or("undefined".into(), wording::estimate);
    Some((
        short.into(),
        format!(
            "With every object as it looks alone in the middle of a blank image, accuracy is {} (before: {}), {} above chance; \
             {} of what was above chance is gone (n = {}).",
            number("accuracy"),
            number("accuracy_before"),
            wording::estimate(left),
            number("share_removed"),
            row.n
        ),
    ))
}

fn groups(design: &Pick) -> Option<(String, String)> {
    Some((String::new(), ablation::told(design)?))
}

fn edges(design: &Pick) -> (String, String) {
    let all = design.real().measure("relative_change");
    let (said, count) = knockout::needed(&all);
    (
        format!(
            "Without any of {count} of {} edges of attention the right answer loses.",
            all.distinct(|row| &row.edge).len()
        ),
        said,
    )
}

fn findings(ablated: &Pick) -> Vec<Headline> {
    let accuracy = ablated.real().measure("accuracy");
    let line = |row: &&Measured| {
        let before = ablated.value(row, "accuracy_before").map_or("unknown".into(), wording::estimate);
        let removed = ablated.value(row, "share_removed").map_or("undefined".into(), wording::estimate);
        Headline {
            name: format!(
                "accuracy of {} ({}, {}, {})",
                row.design,
                wording::arm(&row.arm),
                wording::group(&row.group),
                row.site
            ),
            value: row.value,
            n: row.n,
            note: format!("before {before}; share removed of what is above chance {removed}"),
        }
    };
    accuracy.rows().iter().map(line).collect()
}

const LIMITS: [&str; 5] = [
    "An ablation may hurt because it takes information away, or because it leaves what the model has ever seen. Zeros do the \
     latter most, another image’s tokens least.",
    "Alone in the middle takes the vision side’s place away, not the place that the token order gives the language model.",
    "A cut edge says that those positions were read in those layers, not what was read there; what another path carries as \
     well is not missed.",
    "Windows overlap, and each was looked at by itself.",
    "Accuracy is over all items, those answered wrongly before among them.",
];
