//! What groups, metrics and strata of the tables are called in figures and report.

use super::axis::Unit;
use super::rows::MEAN_HEAD;

/// How a metric is written on paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As in the tables.
    pub name: &'static str,
    pub title: &'static str,
    /// The axis label, with its unit.
    pub axis: &'static str,
    pub unit: Unit,
}

/// The metrics of alignment, in the order in which they are shown.
pub const METRICS: [Metric; 6] = [
    Metric { name: "mass", title: "Attention mass in the boxes", axis: "% of all attention", unit: Unit::Percent },
    Metric { name: "fraction", title: "Fraction in the boxes", axis: "% of image attention", unit: Unit::Percent },
    Metric { name: "cosine", title: "Cosine with the box mask", axis: "cosine", unit: Unit::Plain },
    Metric { name: "patch_auroc", title: "Patch-level AUROC", axis: "AUROC over patches", unit: Unit::Plain },
    Metric { name: "pointing", title: "Pointing game", axis: "% of items with a hit", unit: Unit::Percent },
    Metric { name: "topk_iou", title: "Top-k IoU", axis: "intersection over union", unit: Unit::Plain },
];

/// What the published study correlates with correctness, and so what the main figures show.
pub const MAIN_METRIC: &str = "cosine";

/// The metric of that name, if it is one of [`METRICS`].
pub fn metric(name: &str) -> Option<Metric> {
    METRICS.into_iter().find(|metric| metric.name == name)
}

/// A metric inside a sentence.
pub fn metric_in_text(name: &str) -> String {
    match name {
        "mass" => "attention mass in the boxes".into(),
        "fraction" => "fraction of image attention in the boxes".into(),
        "cosine" => "cosine with the box mask".into(),
        "patch_auroc" => "patch-level AUROC".into(),
        "pointing" => "pointing game".into(),
        "topk_iou" => "top-k IoU".into(),
        other => other.replace('_', " "),
    }
}

/// A group of an attention row.
pub fn group(name: &str) -> String {
    match name {
        "bos" => "BOS token".into(),
        "text" => "text".into(),
        "last" => "last token".into(),
        "image" => "whole image".into(),
        "objects" => "objects".into(),
        "background" => "background".into(),
        other => match other.strip_prefix("object_") {
            Some(number) => format!("object {number}"),
            None => other.into(),
        },
    }
}

/// A stratum as a panel's title.
pub fn stratum(name: &str) -> String {
    match name.split_once('=') {
        Some(("familiarity", "familiar")) => "Familiar relations".into(),
        Some(("familiarity", "unfamiliar")) => "Unfamiliar relations".into(),
        Some(("relation", relation)) => format!("Relation: {}", relation.replace('_', " ")),
        Some((key, value)) => format!("{key}: {value}"),
        None => match name {
            "all" => "All items, pooled".into(),
            "within relation" => "Within relation".into(),
            other => other.into(),
        },
    }
}

/// Strata from the widest to the narrowest; those of one kind stay in their order.
pub fn stratum_rank(name: &str) -> usize {
    match name.split_once('=') {
        None if name == "all" => 0,
        None if name == "within relation" => 1,
        Some(("familiarity", "familiar")) => 2,
        Some(("familiarity", _)) => 3,
        Some(("relation", _)) => 4,
        _ => 5,
    }
}

/// Which heads a row stands for.
pub fn head(number: i64) -> String {
    if number == MEAN_HEAD { "mean over heads".into() } else { format!("head {number}") }
}

/// "600", or "480 to 600" where it differs between rows.
pub fn count_range(counts: impl IntoIterator<Item = i64>) -> String {
    let mut counts: Vec<i64> = counts.into_iter().collect();
    counts.sort_unstable();
    match (counts.first(), counts.last()) {
        (Some(least), Some(most)) if least == most => grouped(*most),
        (Some(least), Some(most)) => format!("{} to {}", grouped(*least), grouped(*most)),
        _ => "0".into(),
    }
}

/// 12345 as "12,345".
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("−{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_tables_read_as_words() {
        assert_eq!(stratum("relation=left_of"), "Relation: left of");
        assert_eq!(group("object_2"), "object 2");
        assert_eq!(head(-1), "mean over heads");
        let mut strata = ["relation=left", "within relation", "familiarity=unfamiliar", "all"];
        strata.sort_by_key(|name| stratum_rank(name));
        assert_eq!(strata, ["all", "within relation", "familiarity=unfamiliar", "relation=left"]);
    }

    #[test]
    fn counts_are_grouped_and_ranged() {
        assert_eq!(count_range([600, 600]), "600");
        assert_eq!(count_range([1200, 480]), "480 to 1,200");
        assert_eq!(grouped(-1234567), "−1,234,567");
        assert_eq!(grouped(999), "999");
    }
}
