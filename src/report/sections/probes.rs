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

fn read(run: &Run) -> Result<Option<Content>> {
    let (measures, claims) = (Measure::read(run.folder)?, Claim::read(run.folder)?);
    let families = Family::all(&measures, &claims);
    Ok(Some(Content {
        verdict: verdict(&families),
        lead: families.iter().flat_map(lead).collect(),
        drawings: probe::figures(run.folder)?,
        findings: families.iter().flat_map(findings).collect(),
        limits: LIMITS.to_vec(),
    }))
}

/// The claims of a probe that a report opens with: at the sites that stand for all, and between towers.
fn claims<'a>(family: &Family<'a>) -> Vec<&'a Claim> {
    family.sites().into_iter().flat_map(|site| family.claims(site)).chain(family.comparisons()).collect()
}

/// How many claims went which way, and which ones: the table below says by how much and against what.
fn verdict(families: &[Family]) -> Verdict {
    let all: Vec<&Claim> = families.iter().flat_map(claims).collect();
    if all.is_empty() {
        return Verdict { short: "Nothing decided.".into(), long: "The study’s probes test no claim.".into() };
    }
    let of = |verdict: &str| all.iter().filter(|claim| claim.verdict == verdict).count();
    let short = format!(
        "Of {} tests of claims {} are supported, {} refuted, {} undecided.",
        all.len(),
        of("supported"),
        of("refuted"),
        of("undecided")
    );
    let supported: Vec<String> = families.iter().filter_map(supported).collect();
    let long = match supported.is_empty() {
        true => "None is supported.".into(),
        false => format!("Supported are, by probe: {}", supported.join(" ")),
    };
    Verdict { short, long }
}

/// Which claims hold, and at which sites of all.
fn supported(family: &Family) -> Option<String> {
    let mut said: Vec<(&str, Vec<String>)> = Vec::new();
    for claim in distinct(family) {
        let sites = family.course(&claim.claim, &claim.axis, &claim.group, SUPPORTED);
        let place = match claim.site.as_str() {
            CHOSEN if claim.verdict == SUPPORTED => claim.axis.clone(),
            CHOSEN => continue,
            _ if sites.is_empty() => continue,
            _ => format!("{}: {}", claim.axis, family.stretches(&sites)),
        };
        let statement = wording::judged(&claim.claim).unwrap_or(&claim.test);
        match said.iter_mut().find(|(known, _)| *known == statement) {
            Some((_, places)) => places.push(place),
            None => said.push((statement, vec![place])),
        }
    }
    let said: Vec<String> =
        said.into_iter().map(|(statement, places)| format!("{statement} ({})", places.join("; "))).collect();
    (!said.is_empty()).then(|| format!("“{}”: {}.", family.name, said.join("; ")))
}

const SUPPORTED: &str = "supported";
/// What the table calls the site of a layer that was chosen without the test images.
const CHOSEN: &str = "chosen";

/// Every claim once, as it was judged at the first of the sites that stand for all.
fn distinct<'a>(family: &Family<'a>) -> Vec<&'a Claim> {
    let mut known: Vec<&Claim> = Vec::new();
    for claim in claims(family) {
        let same = |other: &&Claim| {
            (&other.claim, &other.axis, &other.group) == (&claim.claim, &claim.axis, &claim.group)
                && (other.site == CHOSEN) == (claim.site == CHOSEN)
        };
        if !known.iter().any(same) {
            known.push(claim);
        }
    }
    known
}

/// A line a claim: which test, what came out at which sites, and why at the one that stands for all.
fn lead(family: &Family) -> Vec<(String, String)> {
    let line = |claim: &Claim| {
        let label = format!(
            "{}, {} ({}, {})",
            claim.claim.replace('_', " "),
            family.name,
            claim.axis,
            wording::group(&claim.group)
        );
        let course: Vec<String> = [SUPPORTED, "refuted", "undecided"]
            .into_iter()
            .filter_map(|verdict| {
                let sites = family.course(&claim.claim, &claim.axis, &claim.group, verdict);
                (!sites.is_empty()).then(|| format!("{verdict} at {}", family.stretches(&sites)))
            })
            .collect();
        let course = if course.is_empty() { claim.verdict.clone() } else { course.join("; ") };
        let at = if claim.site == CHOSEN { String::new() } else { format!("At {}: ", claim.site) };
        (label, format!("{}: {course}. {at}{}", claim.test, claim.reason))
    };
    distinct(family).into_iter().map(line).collect()
}

/// The number of each group at the site that stands for all, with every control; and that of the chosen layers.
fn findings(family: &Family) -> Vec<Headline> {
    let (site, split) = (family.site(), family.control_split());
    let mut lines = Vec::new();
    for axis in family.axes() {
        for group in family.groups() {
            let Some(row) = family.values(axis, group, split).into_iter().find(|row| row.site == site) else {
                continue;
            };
            let controls: Vec<String> = family
                .kinds(split)
                .into_iter()
                .flat_map(|kind| family.controlled(axis, group, split, kind))
                .filter(|row| row.site == site)
                .filter_map(|row| {
                    let variant = if row.variant.is_empty() { String::new() } else { format!(" ({})", row.variant) };
                    Some(format!(
                        "{}{variant} {}",
                        wording::control(&row.control_kind),
                        wording::estimate(row.control?)
                    ))
                })
                .collect();
            lines.push(finding(family, row, &controls));
        }
    }
    lines.extend(family.chosen().into_iter().map(|row| {
        let tower = if row.tower.is_empty() { "all towers" } else { wording::tower(&row.tower) };
        finding(family, row, &[format!("the layer chosen inside the training images, out of {tower}")])
    }));
    lines.extend(patches(family));
    lines
}

fn finding(family: &Family, row: &Measure, notes: &[String]) -> Headline {
    let p = row.p_max.map(|p| format!("p = {p:.3} corrected over depth"));
    let p = p.or(row.p_perm.map(|p| format!("p = {p:.3}")));
    let chance = row.chance.map(|chance| format!("chance {}", wording::number(chance)));
    let notes: Vec<String> = chance.into_iter().chain(notes.iter().cloned()).chain(p).collect();
    Headline {
        name: format!(
            "{} of {} ({}, {}, {}, {})",
            wording::metric(family.metric),
            family.name,
            wording::group(&row.group),
            row.axis,
            row.site,
            wording::split(&row.split)
        ),
        value: row.value,
        n: row.images.unwrap_or(0),
        note: notes.join("; "),
    }
}

/// Of a layout probe: the range over its patches.
fn patches(family: &Family) -> Option<Headline> {
    let (site, split) = (family.site(), family.split());
    let cells = family.axes().into_iter().flat_map(|axis| family.cells(axis, split, site));
    let cells: Vec<&Measure> = cells.filter(|row| row.value.is_some()).collect();
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
