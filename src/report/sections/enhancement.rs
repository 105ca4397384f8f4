//! Whether answers get better when the layout’s directions are made stronger.

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::effect::conclusion::against;
use crate::figure::effect::pick::Pick;
use crate::figure::effect::rows::{Counted, Measured};
use crate::figure::effect::{enhance, enhancements, wording};
use crate::figure::rows::Headline;

pub const SECTION: Section = Section { title: "Enhancement", tables: &["effects"], read };

/// Below this a random direction is beaten.
const LEVEL: f64 = 0.05;

fn read(run: &Run) -> Result<Option<Content>> {
    let rows = Measured::read(run.folder)?;
    let all = Pick::all(&rows);
    let enhanced = all.kind("enhance");
    if enhanced.is_empty() {
        return Ok(None);
    }
    let counts = Counted::read(run.folder)?;
    let told = enhanced
        .designs()
        .into_iter()
        .filter_map(|design| Some(format!("“{design}”: {}", enhance::of_design(&enhanced.design(design))?)));
    let chosen = enhanced.real().only(|row| row.dose.is_none());
    Ok(Some(Content {
        verdict: Verdict { short: short(&chosen.measure("net")), long: told.collect::<Vec<_>>().join(" ") },
        lead: Vec::new(),
        drawings: enhancements(&all, &counts),
        findings: chosen.measure("net").rows().iter().map(|row| finding(&chosen, row)).collect(),
        limits: LIMITS.to_vec(),
    }))
}

/// Of the sweeps that were held against random directions; else of all.
fn short(net: &Pick) -> String {
    let tested = net.only(|row| row.p_null.is_some());
    let of = if tested.is_empty() { net } else { &tested };
    let helps = |row: &&&Measured| {
        row.value.and_then(|of| against(of, 0.0)) == Some(std::cmp::Ordering::Greater)
            && row.p_null.is_none_or(|p| p < LEVEL)
    };
    let count = of.rows().iter().filter(helps).count();
    let (beyond, any) = match tested.is_empty() {
        true => ("", ""),
        false => (" and more than random directions do", " beyond random directions"),
    };
    match (of.rows().len(), count) {
        (0, _) => "No dose was chosen on other images, so nothing is concluded.".into(),
        (_, 0) => format!("Enhancement does not raise accuracy{any}."),
        (1, _) => format!("Enhancement raises accuracy{beyond}."),
        (all, some) => format!("{some} of {all} enhancements raise accuracy{beyond}."),
    }
}

fn finding(all: &Pick, row: &Measured) -> Headline {
    let number = |measure: &str| all.value(row, measure).map_or("undefined".into(), wording::estimate);
    let null = row
        .p_null
        .map_or(String::new(), |p| format!("; {} against {} random directions", wording::p(p), row.null_draws));
    let mcnemar = row.p_mcnemar.map_or(String::new(), |p| format!("; McNemar {}", wording::p(p)));
    Headline {
        name: format!(
            "net of {} ({}, {}, {}, {})",
            row.design,
            wording::arm(&row.arm),
            row.basis.replace('_', " "),
            wording::group(&row.group),
            row.site
        ),
        value: row.value,
        n: row.n,
        note: format!(
            "dose chosen on other images; fixed {}, broken {}{null}{mcnemar}",
            number("fixed"),
            number("broken")
        ),
    }
}

const LIMITS: [&str; 4] = [
    "That a stronger direction helps does not show that the model reads it unaided; that it does not help does not show that \
     the model ignores it: the answer may be limited elsewhere.",
    "Doses were chosen on other images than those they are judged on; the doses and operators tried were not.",
    "A direction that pushes every answer to one word fixes wrong items of that word. See the figure by relation.",
    "Random directions move each item’s states exactly as far; they need not lie where image tokens vary.",
];
