//! From which slot on a state, read out as if it were the last, says the right answer.

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::effect::rows::{LensCell, LensRow};
use crate::figure::effect::{lens, lenses, wording};
use crate::figure::rows::Headline;

pub const SECTION: Section = Section { title: "Logit lens", tables: &["lens"], read };

fn read(run: &Run) -> Result<Option<Content>> {
    let (rows, cells) = (LensRow::read(run.folder)?, LensCell::read(run.folder)?);
    if rows.is_empty() {
        return Ok(None);
    }
    let settled = lens::settled(&rows);
    let short = settled.first().map_or("No item was answered rightly.".into(), |first| {
        format!("{}.", first.split(';').next().unwrap_or_default().trim_end_matches('.'))
    });
    Ok(Some(Content {
        verdict: Verdict { short, long: settled.join(" ") },
        lead: Vec::new(),
        drawings: lenses(&rows, &cells),
        findings: rows.iter().filter(|row| row.measure == "commitment").map(finding).collect(),
        limits: LIMITS.to_vec(),
    }))
}

fn finding(row: &LensRow) -> Headline {
    Headline {
        name: format!(
            "slot at which the leader settles ({}, {} image, {})",
            wording::group(&row.position),
            row.variant,
            row.stratum
        ),
        value: row.value,
        n: row.n,
        note: "first slot from which on the sign of the lead is that of the last slot, mean over items".into(),
    }
}

const LIMITS: [&str; 3] = [
    "The lens reads states in the last slot’s coordinates. Early slots live in others: where the divergence from the final \
     distribution is large, a wrong or missing answer says little.",
    "That a state says an answer does not show that the model uses that state.",
    "An image token’s state need not be about words at all; a share away from chance is a leaning, not a statement.",
];
