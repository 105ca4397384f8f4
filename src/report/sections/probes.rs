//! What linear probes read at each site, and what their controls allow one to conclude.

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::probe;
use crate::figure::probe::family::Family;
use crate::figure::probe::rows::{Claim, Measure};
use crate::figure::probe::wording;
use crate::figure::rows::Headline;
use crate::figure::wording::count_range;

pub const SECTION: Section = Section { title: "Probes", tables: &["probe", "probe_claims"], read };

fn read(run: &Run) -> Result<Content> {
    let measures = Measure::read(run.folder)?;
    let claims = Claim::read(run.folder)?;
    Ok(Content {
        verdict: verdict(&claims),
        lead: claims.iter().map(|claim| (claim.claim.clone(), told(claim))).collect(),
        drawings: probe::figures(run.folder)?,
        findings: Family::all(&measures).iter().flat_map(findings).collect(),
        limits: LIMITS.to_vec(),
    })
}

/// The verdicts of the claims table, as they are.
fn verdict(claims: &[Claim]) -> Verdict {
    let of = |verdict: &str| {
        let names: Vec<String> =
            claims.iter().filter(|claim| claim.verdict == verdict).map(|claim| claim.claim.clone()).collect();
        (!names.is_empty()).then(|| format!("{}: {}.", wording::capital(verdict), wording::list(&names)))
    };
    let short: Vec<String> = ["supported", "refuted", "undecided"].into_iter().filter_map(of).collect();
    if short.is_empty() {
        return Verdict { short: "Nothing decided.".into(), long: "The study’s probes test no claim.".into() };
    }
    let reasons: Vec<String> = claims
        .iter()
        .map(|claim| format!("{} is {}: {}.", claim.claim, claim.verdict, sentence(&claim.reason)))
        .collect();
    Verdict { short: short.join(" "), long: reasons.join(" ") }
}

/// "0.93 (0.90 to 0.96) in held-out content at projector.out, against 0.51".
fn told(claim: &Claim) -> String {
    let number = claim.number.map_or("undefined".into(), wording::estimate);
    let control = claim.control.parse().map_or_else(|_| claim.control.clone(), wording::number);
    let control = if control.is_empty() { String::new() } else { format!(", against {control}") };
    format!("{}: {} {number}{control}", claim.verdict, claim.test)
}

fn sentence(reason: &str) -> &str {
    reason.trim_end_matches('.')
}

/// The number of each group at the site that stands for all, with every control.
fn findings(family: &Family) -> Vec<Headline> {
    let (site, split) = (family.site(), family.split());
    let mut lines = Vec::new();
    for axis in family.axes() {
        for group in family.groups() {
            let Some(row) = family.values(axis, group, split).into_iter().find(|row| row.site == site) else {
                continue;
            };
            let controls: Vec<String> = family
                .kinds()
                .into_iter()
                .filter_map(|kind| {
                    let rows = family.controlled(axis, group, split, kind);
                    let control = rows.into_iter().find(|row| row.site == site)?.control?;
                    Some(format!("{} {}", wording::control(kind), wording::estimate(control)))
                })
                .collect();
            let p = row.p_max.map(|p| format!("p = {p:.3} corrected over depth"));
            let p = p.or(row.p_perm.map(|p| format!("p = {p:.3}")));
            let chance = row.chance.map(|chance| format!("chance {}", wording::number(chance)));
            let notes: Vec<String> = chance.into_iter().chain(controls).chain(p).collect();
            lines.push(Headline {
                name: format!(
                    "{} of {} ({}, {axis}, {site}, {})",
                    wording::metric(family.metric),
                    family.name,
                    wording::group(group),
                    wording::split(split)
                ),
                value: row.value,
                n: row.images.unwrap_or(0),
                note: notes.join("; "),
            });
        }
    }
    lines.extend(patches(family));
    lines
}

/// Of a layout probe: the range over its patches.
fn patches(family: &Family) -> Option<Headline> {
    let (site, split) = (family.site(), family.split());
    let cells: Vec<_> = family
        .axes()
        .into_iter()
        .flat_map(|axis| family.cells(axis, split, site))
        .filter(|row| row.value.is_some())
        .collect();
    let values = || cells.iter().filter_map(|row| row.value).map(|value| value.value);
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    Some(Headline {
        name: format!("patches of {} ({site}, {})", family.name, wording::split(split)),
        value: None,
        n: cells.iter().filter_map(|row| row.images).max().unwrap_or(0),
        note: format!(
            "{} patches, each with a probe of its own: {} from {} to {}; {} images",
            cells.len(),
            wording::metric(family.metric),
            wording::number(low),
            wording::number(high),
            count_range(cells.iter().filter_map(|row| row.images))
        ),
    })
}

const LIMITS: [&str; 6] = [
    "Readable is not used. A probe shows what a linear reader could take from a site, not that any later layer takes it. \
     Whether the answer depends on it can only be shown by changing it.",
    "A slot probe’s label follows from where its token is: without the blank and the shifted images, neither its accuracy \
     nor its strips tell a code of order from a code of place.",
    "The site that the sentences speak of was chosen by name before the numbers were seen. Comparing sites by their best \
     number would need another split; p-values corrected over depth allow for the choice, intervals do not.",
    "A probe that finds nothing may be too weak, or fitted on too few images: absence of evidence at one penalty and one \
     number of images is not evidence of absence.",
    "A control that reaches chance rules out one way of giving a label away, and no other.",
    "One model, one rendering of scenes and one wording of the question were tried; held-out content comes from the same \
     generator as the rest.",
];
