//! Whether answers need a concept that a linear reader can find.

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::effect::pick::Pick;
use crate::figure::effect::rows::{Counted, Decoded, Measured};
use crate::figure::effect::{decoded, dissociation, erase, erasures, wording};
use crate::figure::rows::Headline;

pub const SECTION: Section = Section { title: "Erasure", tables: &["effects"], read };

fn read(run: &Run) -> Result<Option<Content>> {
    let rows = Measured::read(run.folder)?;
    let all = Pick::all(&rows);
    let erased = all.kind("erase");
    if erased.is_empty() {
        return Ok(None);
    }
    let (real, found) = (erased.real(), Decoded::read(run.folder)?);
    let told = erased.designs().into_iter().map(|design| format!("“{design}”: {}", erase::told(&real.design(design))));
    let told = told.chain(dissociation::found(&real)).chain(decoded::found(&found));
    let mut drawings = erasures(&all, &Counted::read(run.folder)?);
    drawings.extend(decoded::figures(&found));
    Ok(Some(Content {
        verdict: Verdict { short: short(&real), long: told.collect::<Vec<_>>().join(" ") },
        lead: Vec::new(),
        drawings,
        findings: real.measure("net").rows().iter().map(|row| finding(&real, row)).collect(),
        limits: LIMITS.to_vec(),
    }))
}

/// Of the design with the most null draws.
fn short(real: &Pick) -> String {
    let most = real.rows().iter().max_by_key(|row| row.null_draws);
    most.map_or(String::new(), |row| erase::told(&real.design(&row.design)))
}

fn finding(real: &Pick, row: &Measured) -> Headline {
    let number = |measure: &str| real.value(row, measure).map_or("undefined".into(), wording::estimate);
    let null = row.p_null.map_or("no random subspaces".into(), |p| {
        format!("{} against {} random subspaces", wording::p(p), row.null_draws)
    });
    Headline {
        name: format!(
            "net of {} (“{}” by {}, {}, {})",
            row.design,
            row.basis,
            wording::arm(&row.arm),
            wording::group(&row.group),
            row.site
        ),
        value: row.value,
        n: row.n,
        note: format!(
            "accuracy {}, before {}; {null}; relative change of states {}",
            number("accuracy"),
            number("accuracy_before"),
            number("dx_rel")
        ),
    }
}

const LIMITS: [&str; 5] = [
    "Readers are fitted anew after erasing: that one finds nothing at a site does not say that nothing is there, only that it \
     is not written where such a reader looks.",
    "An eraser guards against linear readers of its own site. What later layers rebuild, or read otherwise, it leaves.",
    "That answers survive may mean that the concept is not used, or that another path carries it as well; that they suffer may \
     be due to what covaries with the concept.",
    "A concept is what its labels say it is: the slot of the nearest object is not the layout of the scene.",
    "With a handful of random subspaces no p below their number can be reached; those rows are judged by the whole null range.",
];
