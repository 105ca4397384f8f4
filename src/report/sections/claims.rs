//! Every claim that the run decides, by the rules that were fixed beforehand.

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::effect::claims;
use crate::figure::effect::rows::Judged;
use crate::figure::effect::wording as words;
use crate::figure::probe::family::Family;
use crate::figure::probe::rows::{Claim, Measure};
use crate::figure::probe::wording;
use crate::figure::table;

pub const SECTION: Section = Section { title: "Claims", tables: &["claims"], read };

fn read(run: &Run) -> Result<Option<Content>> {
    let mut judged = of_probes(run)?;
    judged.extend(Judged::read(run.folder)?);
    judged.sort_by(|one, other| one.claim.cmp(&other.claim));
    if judged.is_empty() {
        return Ok(None);
    }
    let told = judged.iter().map(|claim| {
        let number = claim.number.map_or("undefined".into(), words::estimate);
        format!("{} ({}): {}, {number}.", claim.claim, claim.says, claim.verdict)
    });
    Ok(Some(Content {
        verdict: Verdict { short: claims::counted(&judged), long: told.collect::<Vec<_>>().join(" ") },
        lead: judged.iter().map(line).collect(),
        drawings: vec![claims::figure(&judged)],
        findings: Vec::new(),
        limits: LIMITS.to_vec(),
    }))
}

/// Test, number, control, verdict and reason of one claim.
fn line(claim: &Judged) -> (String, String) {
    let number = claim.number.map_or("undefined".into(), words::estimate);
    let control = if claim.control.is_empty() { String::new() } else { format!("; against {}", claim.control) };
    (claim.claim.clone(), format!("{}: {}: {number}{control}; {}", claim.verdict, claim.test, claim.reason))
}

/// The numbered claims among those of the probes, at the site that stands for all.
fn of_probes(run: &Run) -> Result<Vec<Judged>> {
    if !(table::exists(run.folder, "probe") && table::exists(run.folder, "probe_claims")) {
        return Ok(Vec::new());
    }
    let (measures, claims) = (Measure::read(run.folder)?, Claim::read(run.folder)?);
    let families = Family::all(&measures, &claims);
    let judged = |claim: &Claim, several: bool| {
        let numbered = claim.claim.starts_with('C') && claim.claim[1..].parse::<u32>().is_ok();
        let axis = if several { format!(", {}", claim.axis) } else { String::new() };
        numbered.then(|| Judged {
            claim: format!("{} (probe{axis})", claim.claim),
            says: wording::judged(&claim.claim).unwrap_or(&claim.test).to_owned(),
            test: format!("{} at {}", claim.test, claim.site),
            number: claim.number,
            control: wording::control(&claim.control).to_owned(),
            verdict: claim.verdict.clone(),
            reason: claim.reason.clone(),
        })
    };
    let of = |family: &Family| {
        let several = family.axes().len() > 1;
        family.claims(family.site()).into_iter().filter_map(|claim| judged(claim, several)).collect::<Vec<_>>()
    };
    Ok(families.iter().flat_map(of).collect())
}

const LIMITS: [&str; 3] = [
    "A claim is decided for one model, one kind of scene and one wording of the question. Another model may be decided \
     otherwise; several that agree are more than one that is certain.",
    "Supported means that every condition of the rule holds with its whole 95 % interval. Six claims are looked at: one in \
     twenty intervals misses its number by chance.",
    "Undecided is not refuted: more pairs would narrow the interval.",
];
