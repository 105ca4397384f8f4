//! What the controls allow to conclude, in one sentence, by a rule that was fixed before the numbers were seen.
//!
//! Where `tables/probe_claims` judges a probe, its verdicts are the sentence. Elsewhere a number *supports* its claim if its margin over every control that decides lies above zero with its whole interval;
//! it *refutes* it if the margin over any of them lies at or below zero with its whole interval, or if what is left after
//! a shift is no more than chance; anything else leaves it *undecided*, and so does a number without a control.

use super::super::table::Estimate;
use super::family::Family;
use super::rows::{Claim, Measure};
use super::wording;

/// The controls that decide: they hold everything that gives a label away without the network. A coordinate *is* geometry, and
/// is given away by nothing else: whether it can be read is asked of permuted images. What is far away is small and high in the
/// frame: a distance must be read better than that gives it away.
pub fn deciding(target: &str) -> &'static [&'static str] {
    match target {
        "abs_xy" => &["shuffled"],
        "distance" => &["shuffled", "geometry_only"],
        _ => &["control_content", "control_location", "geometry_only"],
    }
}

/// Controls that do not decide, but that a reader has to know of where they reach as far.
const TELLING: [&str; 2] = ["untrained", "pixels"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Supports,
    Refutes,
    Undecided,
}

impl Verdict {
    /// From the lower and upper end of each margin.
    pub fn of(margins: &[(f64, f64)]) -> Self {
        if margins.is_empty() {
            Self::Undecided
        } else if margins.iter().any(|(_, high)| *high <= 0.0) {
            Self::Refutes
        } else if margins.iter().all(|(low, _)| *low > 0.0) {
            Self::Supports
        } else {
            Self::Undecided
        }
    }

    /// "this supports that …".
    pub fn say(self, claim: &str) -> String {
        match self {
            Self::Supports => format!("this supports that {claim}"),
            Self::Refutes => format!("this refutes that {claim}"),
            Self::Undecided => format!("this leaves undecided whether {claim}"),
        }
    }
}

/// A number less its control: as the table has it, else from the number's own interval.
pub fn margin(row: &Measure) -> Option<Estimate> {
    row.selectivity.filter(|margin| margin.interval.is_some()).or_else(|| {
        let (value, control) = (row.value?, row.control?.value);
        let interval = value.interval.map(|(low, high)| (low - control, high - control));
        Some(Estimate { value: value.value - control, interval })
    })
}

/// What the claims table says of this probe at the sites that stand for all, as sentences; None where it says nothing.
pub fn by_rule(family: &Family) -> Option<String> {
    let several = family.axes().len() > 1;
    let judged = |site: &&str| {
        let judged = verdicts(&family.claims(site), several);
        (!judged.is_empty()).then(|| format!("at {site} this {judged}"))
    };
    let told: Vec<String> = family.sites().iter().filter_map(judged).collect();
    (!told.is_empty()).then(|| format!("By the rule fixed beforehand, {}.", told.join("; ")))
}

/// "supports that … and refutes that … (above pixels −0.06 [−0.11, −0.01])", one part a claim and verdict.
///
/// What was not supported comes with the conditions that failed; the table has those of the others.
pub fn verdicts(claims: &[&Claim], several_axes: bool) -> String {
    let mut told: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for claim in claims {
        let axis = several_axes.then(|| claim.axis.clone());
        let reason = Some(claim.reason.clone()).filter(|reason| claim.verdict != "supported" && !reason.is_empty());
        let why: Vec<String> = axis.into_iter().chain(reason).collect();
        let statement = wording::judged(&claim.claim).unwrap_or(&claim.test);
        match told.iter_mut().find(|(verdict, known, _)| *verdict == claim.verdict && *known == statement) {
            Some((.., known)) => known.push(why.join(": ")),
            None => told.push((&claim.verdict, statement, vec![why.join(": ")])),
        }
    }
    let say = |(verdict, statement, why): (&str, &str, Vec<String>)| {
        let verb = match verdict {
            "supported" => "supports that",
            "refuted" => "refutes that",
            _ => "leaves undecided whether",
        };
        let why = why.into_iter().filter(|why| !why.is_empty()).collect::<Vec<_>>().join("; ");
        format!("{verb} {statement}{}", if why.is_empty() { why } else { format!(" ({why})") })
    };
    wording::list(&told.into_iter().map(say).collect::<Vec<_>>())
}

/// Of the site and group that stand for all, over all axes: by the claims table, else by the rule of this file.
pub fn at_site(family: &Family) -> String {
    let (site, group) = (family.site(), family.group());
    let judged = by_rule(family);
    let split = if judged.is_some() { family.split() } else { family.control_split() };
    let values = family.axes().into_iter().flat_map(|axis| family.values(axis, group, split));
    let values: Vec<&Measure> = values.filter(|row| row.site == site && row.value.is_some()).collect();
    let several = family.axes().len() > 1;
    let read: Vec<String> = values
        .iter()
        .filter_map(|row| {
            let axis = if several { format!("{} ", row.axis) } else { String::new() };
            Some(format!("{axis}{}", wording::estimate(row.value?)))
        })
        .collect();
    if read.is_empty() {
        return format!("At {site} there is no number, so nothing can be concluded.");
    }
    let number = format!(
        "{} at {site} ({}, {}) is {}",
        wording::capital(wording::metric(family.metric)),
        wording::group(group),
        wording::split(split),
        wording::list(&read),
    );
    match judged {
        Some(judged) => format!("{number}. {judged}"),
        None => format!("{number} and {}.", by_margins(family)),
    }
}

/// "its smallest margin, over …, is …: this supports that …".
fn by_margins(family: &Family) -> String {
    let (site, split, group) = (family.site(), family.control_split(), family.group());
    let here = |kind: &'static str| {
        let rows = family.axes().into_iter().flat_map(move |axis| family.controlled(axis, group, split, kind));
        rows.filter(|row| row.site == site)
    };
    let several = family.axes().len() > 1;
    let on = |row: &Measure| if several { format!(" ({})", row.axis) } else { String::new() };
    let decided: Vec<(&Measure, Estimate, (f64, f64))> =
        deciding(family.target).iter().flat_map(|kind| here(kind)).filter_map(with_margin).collect();
    let ends: Vec<(f64, f64)> = decided.iter().map(|(.., ends)| *ends).collect();
    let lost = here("shift_ordinal").find(|row| {
        let high = row.control.and_then(|control| control.interval).map(|(_, high)| high);
        high.zip(row.chance).is_some_and(|(high, chance)| high <= chance)
    });
    let verdict = if lost.is_some() { Verdict::Refutes } else { Verdict::of(&ends) };
    let end = |(_, _, (low, high)): &&(&Measure, Estimate, (f64, f64))| {
        if verdict == Verdict::Refutes { *high } else { *low }
    };
    let smallest = decided.iter().min_by(|a, b| end(a).total_cmp(&end(b)));
    let because = match (lost, smallest) {
        (Some(row), _) => format!(
            "after a shift {} is left by order{}, no more than chance",
            row.control.map(wording::estimate).unwrap_or_default(),
            on(row)
        ),
        (None, Some((row, margin, _))) => format!(
            "its smallest margin, over “{}”{}, is {}",
            wording::control(&row.control_kind),
            on(row),
            wording::estimate(*margin)
        ),
        (None, None) => "no control was made that could decide".into(),
    };
    let as_far: Vec<String> = TELLING
        .into_iter()
        .flat_map(here)
        .filter_map(with_margin)
        .filter(|(.., (low, _))| *low <= 0.0)
        .map(|(row, ..)| {
            let reached = row.control.map(|control| wording::number(control.value)).unwrap_or_default();
            format!("“{}” reaches {reached}{}", wording::control(&row.control_kind), on(row))
        })
        .collect();
    let though = if as_far.is_empty() { String::new() } else { format!(", though {}", wording::list(&as_far)) };
    format!("{because}: {}{though}", verdict.say(wording::claim(family.target)))
}

fn with_margin(row: &Measure) -> Option<(&Measure, Estimate, (f64, f64))> {
    let margin = margin(row)?;
    Some((row, margin, margin.interval?))
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::measure;
    use super::*;

    fn row(kind: &str, control: (f64, f64, f64), selectivity: Option<(f64, f64)>) -> Measure {
        let estimate = |(value, low, high): (f64, f64, f64)| Estimate { value, interval: Some((low, high)) };
        let value = Some(estimate((0.95, 0.92, 0.98)));
        Measure {
            value,
            chance: Some(0.33),
            control_kind: kind.into(),
            control: Some(estimate(control)),
            selectivity: selectivity.map(|(low, high)| estimate(((low + high) / 2.0, low, high))),
            ..measure("slot", "projector.out", "objects")
        }
    }

    fn says(rows: &[Measure]) -> String {
        at_site(&Family::all(rows, &[])[0])
    }

    #[test]
    fn all_margins_above_zero_support() {
        let content = row("control_content", (0.4, 0.3, 0.5), Some((0.5, 0.6)));
        let said = says(&[content.clone(), row("geometry_only", (0.7, 0.6, 0.8), Some((0.15, 0.35)))]);
        assert!(said.contains("this supports that these tokens carry"), "{said}");
        assert!(
            said.contains("0.95 (0.92 to 0.98)") && said.contains("geometry alone”, is 0.25 (0.15 to 0.35)"),
            "{said}"
        );
        let untrained = row("untrained", (0.94, 0.9, 0.97), Some((-0.02, 0.04)));
        let said = says(&[content, untrained]);
        assert!(said.contains("this supports") && said.contains("though “untrained model” reaches 0.94"), "{said}");
    }

    #[test]
    fn a_control_that_does_as_well_refutes() {
        let content = row("control_content", (0.4, 0.3, 0.5), Some((0.5, 0.6)));
        let said = says(&[content.clone(), row("control_location", (0.99, 0.98, 1.0), Some((-0.08, -0.01)))]);
        assert!(said.contains("this refutes that") && said.contains("random label by place"), "{said}");
        let said = says(&[content, row("shift_ordinal", (0.0, 0.0, 0.02), None)]);
        assert!(said.contains("this refutes that") && said.contains("after a shift 0.00 (0.00 to 0.02)"), "{said}");
    }

    #[test]
    fn anything_else_is_undecided() {
        let said = says(&[row("control_content", (0.9, 0.8, 1.0), Some((-0.05, 0.15)))]);
        assert!(said.contains("this leaves undecided whether"), "{said}");
        let said = says(&[row("shuffled", (0.33, 0.3, 0.36), Some((0.5, 0.7)))]);
        assert!(said.contains("no control was made that could decide") && said.contains("undecided"), "{said}");
        let none = Measure { value: None, ..row("control_content", (0.9, 0.8, 1.0), None) };
        assert!(says(&[none]).contains("nothing can be concluded"));
    }

    #[test]
    fn the_claims_table_has_the_last_word() {
        let claim = |claim: &str, verdict: &str| Claim {
            claim: claim.into(),
            probe: "slot".into(),
            axis: "horizontal".into(),
            site: "projector.out".into(),
            group: "objects".into(),
            test: String::new(),
            number: Some(Estimate { value: 0.4, interval: Some((0.3, 0.5)) }),
            control: String::new(),
            verdict: verdict.into(),
            reason: String::new(),
        };
        let claims = [
            claim("slot_absolute", "supported"),
            claim("slot_ordinal", "refuted"),
            Claim { site: "lm.0.resid".into(), ..claim("slot_absolute", "undecided") },
        ];
        let rows = [row("control_content", (0.9, 0.8, 1.0), Some((-0.05, 0.15)))];
        let said = at_site(&Family::all(&rows, &claims)[0]);
        let expected = "at projector.out this supports that the slot code is one of absolute positions and refutes that the \
                        slot code is one of order.";
        assert!(said.contains(expected) && !said.contains("undecided"), "{said}");
        let upright =
            Claim { axis: "vertical".into(), reason: "moved objects +0.01".into(), ..claim("slot_ordinal", "refuted") };
        let said = verdicts(&[&claims[1], &upright], true);
        assert_eq!(said, "refutes that the slot code is one of order (horizontal; vertical: moved objects +0.01)");
    }

    #[test]
    fn without_a_paired_interval_the_number_s_own_is_held_against_the_control() {
        let margin = margin(&row("geometry_only", (0.5, 0.5, 0.5), None)).unwrap();
        let (low, high) = margin.interval.unwrap();
        assert!((low - 0.42).abs() < 1e-12 && (high - 0.48).abs() < 1e-12);
    }
}
