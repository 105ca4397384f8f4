//! What arms, groups, controls and measures of the effects table are called in figures and report.

use super::super::probe::wording as probe;
use super::rows::Counted;

pub use probe::{capital, estimate, list, number};

/// A group of tokens.
pub fn group(name: &str) -> String {
    match name {
        "object" => "objects".into(),
        "strip" => "strips".into(),
        "strip_minus_object" => "strips without objects".into(),
        "random_background" => "random, object-sized".into(),
        "random_as_strip" => "random, strip-sized".into(),
        "word" => "object words".into(),
        other => match (other.strip_prefix("random_as_ring_"), other.strip_prefix("ring_")) {
            (Some(width), _) => format!("random, as ring {width}"),
            (_, Some(width)) if width.parse::<u32>().is_ok() => format!("ring {width}"),
            _ => probe::group(other),
        },
    }
}

/// Whether a group was drawn at random, as many tokens as another has.
pub fn is_random(group: &str) -> bool {
    group.starts_with("random_")
}

pub fn control(name: &str) -> &str {
    match name {
        "other_item" => "another pair’s states",
        "identity" => "its own states",
        "random" => "random",
        "shuffled" => "shuffled labels",
        "wrong_axis" => "other axis",
        other => other,
    }
}

/// What tokens were replaced by, or how they were changed.
pub fn arm(name: &str) -> String {
    match name {
        "zero" => "zeros".into(),
        "mean_global" => "mean token".into(),
        "mean_cell" => "mean of the place".into(),
        "resample" => "another image".into(),
        "noise" => "matched noise".into(),
        "reference" => "alone in the middle, blank".into(),
        "reference_own" => "alone in place, blank".into(),
        "leace" => "LEACE".into(),
        "inlp" => "INLP".into(),
        other => match other.strip_suffix("+onwards") {
            Some(method) => format!("{} from there on", arm(method)),
            None => other.replace("+norm_keep", ", norm kept").replace('_', " "),
        },
    }
}

/// Where the directions of an enhancement come from.
pub fn basis(name: &str) -> String {
    match name {
        "pca" => "PCA".into(),
        "file" => "another run’s probes".into(),
        other => other.replace('_', " "),
    }
}

pub fn direction(name: &str) -> &str {
    match name {
        "clean<-cf" => "Counterfactual into clean",
        "cf<-clean" => "Clean into counterfactual",
        other => other,
    }
}

/// "object->last" as "objects → last token".
pub fn edge(name: &str) -> String {
    let end = |name: &str| if name == "other_text" { "other text".to_owned() } else { group(name) };
    match name.split_once("->") {
        Some((from, to)) => format!("{} → {}", end(from), end(to)),
        None => name.replace('_', " "),
    }
}

/// A dose; None: the one chosen on other images.
pub fn dose(of: Option<f64>) -> String {
    of.map_or("chosen".into(), |dose| dose.to_string().replace('-', "−"))
}

/// "0.03", "< 0.001".
pub fn p(value: f64) -> String {
    if value < 0.001 { "p < 0.001".into() } else { format!("p = {value:.3}") }
}

/// How many pairs were right on both sides, of one intervention: "Golden pairs: 180 of 200 (0.90, 0.85 to 0.93)."; how many
/// items were right, where there are no pairs; empty where that was not counted.
pub fn golden(counts: &[Counted], design: &str) -> String {
    let of = |what: &str| -> Vec<&Counted> {
        counts.iter().filter(|count| count.design == design && count.what == what).collect()
    };
    let say = |name: &str, rows: Vec<&Counted>| {
        let several = rows.len() > 1;
        let told: Vec<String> = rows
            .iter()
            .map(|row| {
                let whose = if several { format!(" {}", row.direction) } else { String::new() };
                let share = row.share.map_or(String::new(), |share| {
                    let interval = share.interval.map(|(low, high)| format!(", {} to {}", number(low), number(high)));
                    format!(" ({}{})", number(share.value), interval.unwrap_or_default())
                });
                format!("{} of {}{share}{whose}", row.n, row.of)
            })
            .collect();
        (!told.is_empty()).then(|| format!(" {name}: {}.", list(&told)))
    };
    // What has no other side is not a pair.
    let pairs = of("golden").iter().all(|count| count.kind == "patch");
    let golden = say(if pairs { "Golden pairs" } else { "Right before" }, of("golden"));
    golden.or_else(|| say("Used", of("used"))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_table_read_as_words() {
        assert_eq!(edge("object->last"), "objects → last token");
        assert_eq!(edge("other_text->last"), "other text → last token");
        assert_eq!(group("ring_1"), "ring 1");
        assert_eq!(group("random_as_ring_2"), "random, as ring 2");
        assert_eq!(arm("leace+onwards"), "LEACE from there on");
        assert_eq!(dose(Some(-0.5)), "−0.5");
    }

    #[test]
    fn hit_rates_are_told_by_direction() {
        let count = |direction: &str, what: &str, n| Counted {
            design: "cross".into(),
            kind: "patch".into(),
            direction: direction.into(),
            what: what.into(),
            reason: String::new(),
            n,
            of: 200,
            share: None,
        };
        assert_eq!(golden(&[count("", "golden", 180), count("", "used", 170)], "cross"), " Golden pairs: 180 of 200.");
        assert_eq!(golden(&[count("", "used", 170)], "cross"), " Used: 170 of 200.");
        let alone = Counted { kind: "knockout".into(), ..count("", "golden", 180) };
        assert_eq!(golden(&[alone], "cross"), " Right before: 180 of 200.");
        assert_eq!(golden(&[], "cross"), "");
        let both = [count("a", "golden", 180), count("b", "golden", 20)];
        assert_eq!(golden(&both, "cross"), " Golden pairs: 180 of 200 a and 20 of 200 b.");
    }
}
