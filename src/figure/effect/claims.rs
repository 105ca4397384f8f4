//! Every claim with its number, its interval, what it was held against, and what was decided.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::page::{Figure, Panel, Row};
use super::super::panels::verdicts::{Claim, FOOT, LINE, Verdicts};
use super::rows::Judged;
use super::wording;

const NAME: &str = "claims";
const TITLE: &str = "What this run supports, refutes and leaves open";

/// A line a claim.
pub fn figure(claims: &[Judged]) -> Result<Figure, Undrawn> {
    if claims.is_empty() {
        return Err(Undrawn::new(NAME, TITLE, "the run measured nothing that a claim is decided by"));
    }
    let ends = claims.iter().filter_map(|claim| claim.number).map(|of| of.interval.unwrap_or((of.value, of.value)));
    let (low, high) = ends.fold((0.0f64, 1.0f64), |(low, high), (from, to)| (low.min(from), high.max(to)));
    let (low, high) = (low.max(-1.0), high.min(2.0));
    let line = |claim: &Judged| Claim {
        name: claim.claim.clone(),
        says: wording::capital(&claim.says),
        against: claim.control.clone(),
        estimate: claim.number,
        verdict: claim.verdict.clone(),
        number: claim.number.map_or("undefined".into(), wording::estimate),
    };
    let body = Verdicts {
        x: Axis::linear("the number that decides (see the table)", low - 0.03, high + 0.03, Unit::Plain),
        claims: claims.iter().map(line).collect(),
    };
    let height = claims.len() as f64 * LINE + FOOT;
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "Decided by rules fixed before the numbers were seen, for this model and these scenes. Line: 95 % image-bootstrap \
             interval of the first number of each rule; all conditions of a rule have to hold. Numbers of different claims are \
             different things: shifts, shares and accuracies. {}",
            counted(claims)
        ),
        keys: Vec::new(),
        rows: Row::grid(1, height, vec![Panel::new("Claim", "", body)]),
    })
}

/// "Supported: C1 and C3. Refuted: none. Undecided: C2."
pub fn counted(claims: &[Judged]) -> String {
    let of = |verdict: &str| {
        let mut names: Vec<String> =
            claims.iter().filter(|claim| claim.verdict == verdict).map(|claim| claim.claim.clone()).collect();
        names.dedup();
        format!(
            "{}: {}.",
            wording::capital(verdict),
            if names.is_empty() { "none".into() } else { wording::list(&names) }
        )
    };
    ["supported", "refuted", "undecided"].map(of).join(" ")
}
