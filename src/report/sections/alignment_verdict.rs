//! What the alignment table says to the study's question: a reading of its p-values and ranges, by a fixed rule.

use super::super::section::Verdict;
use crate::figure::rows::{Alignment, MEAN_HEAD};
use crate::figure::wording;

/// Below this, corrected over layers, a layer counts.
const LEVEL: f64 = 0.05;

/// What one stratum says.
#[derive(Clone, Copy, Debug)]
enum Finding<'a> {
    /// No layer has both right and wrong answers to compare.
    Undefined,
    /// No layer passes; one of them, for its counts.
    Nothing(&'a Alignment),
    /// The most telling layer.
    Layer(&'a Alignment),
}

/// Reads one metric, all objects, mean over heads, pooled and within relation.
pub fn of(rows: &[Alignment], metric: &str) -> Verdict {
    let name = wording::metric_in_text(metric);
    let (pooled, within) = (Finding::of(rows, metric, "all"), Finding::of(rows, metric, "within relation"));
    let (short, long) = match (pooled, within) {
        (Finding::Undefined, _) => {
            ("Undefined.".to_owned(), "There are no right and wrong answers with boxes to compare.".to_owned())
        }
        (pooled, Finding::Layer(best)) => (
            direction(best),
            format!("Among items of the same relation, the {name} {}.{}", tells(best), contradiction(pooled, best)),
        ),
        (Finding::Layer(best), Finding::Nothing(layer)) => (
            "Pooled only.".to_owned(),
            format!(
                "Over all items, the {name} {}. Among items of the same relation ({}) that is not shown in any layer: it \
                 may only tell relations apart.",
                tells(best),
                counts(layer)
            ),
        ),
        (Finding::Layer(best), Finding::Undefined) => (
            direction(best),
            format!("Over all items, the {name} {}. Within a relation it cannot be tested.", tells(best)),
        ),
        (Finding::Nothing(layer), _) => (
            "Not shown.".to_owned(),
            format!(
                "In no layer does the {name} tell right from wrong answers, after correction over layers ({}).",
                counts(layer)
            ),
        ),
    };
    Verdict { short, long }
}

impl<'a> Finding<'a> {
    fn of(rows: &'a [Alignment], metric: &str, stratum: &str) -> Self {
        let here = rows.iter().filter(|row| {
            row.head == MEAN_HEAD && row.metric == metric && row.target == "objects" && row.stratum == stratum
        });
        let defined: Vec<(&Alignment, f64)> =
            here.filter_map(|row| Some((row, (row.auroc?.value - 0.5).abs()))).collect();
        let Some((any, _)) = defined.first().copied() else { return Self::Undefined };
        let passing = defined.into_iter().filter(|(row, _)| row.p_max.is_some_and(|p| p < LEVEL));
        // The first of equals.
        let best = passing.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(Self::Nothing(any), |(row, _)| Self::Layer(row))
    }
}

fn is_reversed(row: &Alignment) -> bool {
    row.auroc.is_some_and(|auroc| auroc.value < 0.5)
}

/// Whether the boxes have to be in the right place for it.
fn is_beyond(row: &Alignment) -> bool {
    row.auroc.zip(row.null).is_some_and(|(auroc, (low, high))| auroc.value < low || auroc.value > high)
}

/// Never more than the layer says for which it holds.
fn direction(row: &Alignment) -> String {
    match row.null {
        Some(_) if !is_beyond(row) => format!("Not about the objects’ places, as far as layer {} shows.", row.layer),
        _ if is_reversed(row) => format!("In layer {}, reversed: wrong answers look more at the objects.", row.layer),
        _ => format!("In layer {}, yes: right answers look more at the objects.", row.layer),
    }
}

/// "is higher where the answer is right, most clearly in layer 4 (512 right, 88 wrong), beyond …".
fn tells(row: &Alignment) -> String {
    let side = if is_reversed(row) { "wrong" } else { "right" };
    let beyond = match row.null {
        None => "",
        Some(_) if is_beyond(row) => ", beyond what random boxes of the same size give",
        Some(_) => ", but not beyond what random boxes of the same size give",
    };
    format!("is higher where the answer is {side}, most clearly in layer {} ({}){beyond}", row.layer, counts(row))
}

/// A pooled effect of the other sign is worth a sentence: it is what a study without strata would have reported.
fn contradiction(pooled: Finding, within: &Alignment) -> String {
    match pooled {
        Finding::Layer(pooled) if is_reversed(pooled) != is_reversed(within) => {
            format!(" Pooled over relations, the most telling layer, {}, says the opposite.", pooled.layer)
        }
        _ => String::new(),
    }
}

fn counts(row: &Alignment) -> String {
    format!("{} right, {} wrong", wording::grouped(row.n_right), wording::grouped(row.n_wrong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::table::Estimate;

    fn row(stratum: &str, layer: i64, auroc: f64, p_max: f64) -> Alignment {
        Alignment {
            layer,
            head: MEAN_HEAD,
            metric: "cosine".into(),
            target: "objects".into(),
            stratum: stratum.into(),
            n_right: 30,
            n_wrong: 10,
            value: None,
            right: None,
            wrong: None,
            null_value: None,
            other_value: None,
            auroc: Some(Estimate { value: auroc, interval: None }),
            null: Some((0.4, 0.6)),
            other: None,
            p_max: Some(p_max),
        }
    }

    fn of(rows: &[Alignment]) -> Verdict {
        super::of(rows, "cosine")
    }

    #[test]
    fn within_relation_decides() {
        let rows =
            [row("all", 1, 0.9, 0.001), row("within relation", 1, 0.7, 0.01), row("within relation", 2, 0.8, 0.01)];
        let verdict = of(&rows);
        assert_eq!(verdict.short, "In layer 2, yes: right answers look more at the objects.");
        assert!(verdict.long.contains("layer 2 (30 right, 10 wrong), beyond what random boxes"), "{}", verdict.long);
        let verdict = of(&[row("all", 1, 0.1, 0.001), row("within relation", 1, 0.7, 0.2)]);
        assert_eq!(verdict.short, "Pooled only.");
        assert!(verdict.long.contains("higher where the answer is wrong"), "{}", verdict.long);
    }

    #[test]
    fn a_reversed_or_absent_effect_is_not_sold_as_one() {
        let rows = [row("all", 1, 0.2, 0.001), row("within relation", 1, 0.25, 0.01)];
        assert!(of(&rows).short.contains("reversed"));
        let rows = [row("all", 1, 0.62, 0.2), row("within relation", 1, 0.6, 0.3)];
        assert_eq!(of(&rows).short, "Not shown.");
        let rows = [row("all", 1, 0.59, 0.01), row("within relation", 1, 0.58, 0.01)];
        assert!(of(&rows).long.contains("not beyond what random boxes"));
        assert!(of(&rows).short.starts_with("Not about the objects"));
        let rows = [row("all", 1, 0.2, 0.001), row("within relation", 2, 0.8, 0.01)];
        assert!(of(&rows).long.contains("Pooled over relations, the most telling layer, 1, says the opposite"));
    }

    #[test]
    fn one_class_is_undefined() {
        let none = Alignment { auroc: None, p_max: None, ..row("all", 0, 0.5, 1.0) };
        assert_eq!(of(&[none]).short, "Undefined.");
        assert_eq!(of(&[]).short, "Undefined.");
    }
}
