//! Scalings with planted effects: what is there is found, what is not there is not.

use super::case::{Case, cases};
use super::gate::GateSpec;
use super::method::{Kind, Method, methods};
use super::tally::{Row, rows};
use crate::analysis::frames::{Answered, Items, Run, Scalings};
use crate::stats::mcnemar;

const OPTIONS: [&str; 2] = ["left", "right"];

/// 100 items, each an image of its own, alternately left and right.
fn items() -> Items {
    let each = |of: &dyn Fn(usize) -> String| (0..100).map(of).collect::<Vec<_>>();
    Items {
        id: each(&|n| format!("item_{n:03}")),
        dataset: each(&|_| "made-up".into()),
        image: each(&|n| format!("{n}.png")),
        options: vec![OPTIONS.map(String::from).to_vec(); 100],
        gold: each(&|n| OPTIONS[n % 2].into()),
        relation: (0..100).map(|n| Some(OPTIONS[n % 2].into())).collect(),
        familiarity: vec![None; 100],
        pair: (0..100).map(|n| Some(format!("pair_{}", n / 2))).collect(),
        set: vec![None; 100],
        ..Items::default()
    }
}

/// Answers of every item: right where `right` says so; sure where `sure` does.
fn run(operator: &str, alpha: f64, right: impl Fn(usize) -> bool, sure: impl Fn(usize) -> f64) -> Run {
    let said = |n: usize| Answered {
        text: OPTIONS[if right(n) { n % 2 } else { 1 - n % 2 }].into(),
        confidence: Some(sure(n)),
        ..Answered::default()
    };
    Run {
        design: "made-up".into(),
        operator: operator.into(),
        alpha,
        compat: None,
        items: (0..100).collect(),
        said: (0..100).map(said).collect(),
        map_layer: None,
    }
}

/// Sure items (the first sixty) are right untouched and when sharpened; the others are right when smoothed alone.
fn world() -> Scalings {
    let sure = |n: usize| n < 60;
    let certainty = move |n: usize| if sure(n) { 0.8 } else { 0.3 };
    Scalings {
        runs: vec![
            run("none", 1.0, sure, certainty),
            run("raw", 0.5, move |n| !sure(n), certainty),
            run("raw", 1.5, sure, certainty),
        ],
    }
}

fn gate(keys: &str) -> GateSpec {
    toml::from_str(&format!("name = \"g\"\nlow = 0.5\nhigh = 1.5\n{keys}")).unwrap()
}

fn judged(case: &Case<'_>, gates: &[GateSpec]) -> Vec<Row> {
    let methods: Vec<Method> = methods(case, gates, 1);
    rows(case, &methods).into_iter().filter(|row| row.stratum == "all" && row.rule == "word").collect()
}

fn of(rows: &[Row], kind: Kind) -> Vec<&Row> {
    rows.iter().filter(|row| row.kind == kind.name()).collect()
}

#[test]
fn a_gate_that_knows_finds_everything_and_a_scaling_for_all_does_not() {
    let (items, scalings) = (items(), world());
    let case = cases(&scalings, &items).remove(0);
    let rows = judged(&case, &[gate("threshold = 0.5")]);
    assert_eq!(of(&rows, Kind::Untouched)[0].right, 60);
    assert_eq!(of(&rows, Kind::Alpha).iter().map(|row| row.right).collect::<Vec<_>>(), [40, 60]);
    let gate = of(&rows, Kind::Gate)[0];
    assert_eq!((gate.right, gate.unsure, gate.changes.fixed, gate.changes.broken), (100, Some(40.0), 40, 0));
    assert_eq!(gate.changes.p_value(), mcnemar(40, 0));
    let chosen = of(&rows, Kind::ChosenGate)[0];
    assert_eq!(chosen.right, 100);
    assert!(chosen.threshold_lo.unwrap() > 0.3 && chosen.threshold_hi.unwrap() <= 0.8, "{chosen:?}");
    assert!(of(&rows, Kind::Oracle).iter().all(|row| row.right == 100));
    // No alpha for all is better than none at all, and the choice on other images knows it.
    assert_eq!(of(&rows, Kind::ChosenAlpha)[0].right, 60);
    let pairs = of(&rows, Kind::Untouched)[0].pairs.unwrap();
    assert_eq!((pairs.right, pairs.complete), (30, 50));
}

/// Certainty that has nothing to do with which scaling is right: the chosen threshold gains nothing, the best does.
#[test]
fn a_gate_that_knows_nothing_gains_nothing() {
    let items = items();
    // Neither side is right more often than the other, and not by certainty.
    let noise = |n: usize| ((n * 7919 + 13) % 101) as f64 / 101.0;
    let coin = |n: usize, k: usize| (n * 31 + k * 17 + n * n % 7).is_multiple_of(2);
    let scalings = Scalings {
        runs: vec![
            run("none", 1.0, move |n| coin(n, 0), noise),
            run("raw", 0.5, move |n| coin(n / 2, 1), noise),
            run("raw", 1.5, move |n| coin(n / 3, 2), noise),
        ],
    };
    let case = cases(&scalings, &items).remove(0);
    let rows = judged(&case, &[gate("")]);
    assert!(of(&rows, Kind::Gate).is_empty(), "no threshold was named");
    let chosen = of(&rows, Kind::ChosenGate)[0];
    let best = of(&rows, Kind::Oracle).iter().find(|row| row.method.starts_with("gate")).unwrap().right;
    assert!(chosen.right + 10 < best && (25..=70).contains(&chosen.right), "{} of {best}", chosen.right);
}

#[test]
fn what_was_not_recorded_is_undefined_and_says_why() {
    let (items, mut scalings) = (items(), world());
    let undefined = |scalings: &Scalings, keys: &str| {
        let case = cases(scalings, &items).remove(0);
        let rows = judged(&case, &[gate(keys)]);
        of(&rows, Kind::Gate)[0].undefined.clone()
    };
    assert_eq!(undefined(&scalings, "signal = \"entropy\""), "entropy was not recorded");
    assert_eq!(undefined(&scalings, "operator = \"mass\""), "not both of the alphas 0.5 and 1.5 were measured");
    scalings.runs[0].said[3].confidence = None;
    assert_eq!(undefined(&scalings, "threshold = 0.5"), "confidence was not recorded");
    // Gates of another dataset are none of this one's.
    let case = cases(&scalings, &items).remove(0);
    assert!(of(&judged(&case, &[gate("dataset = \"other\"")]), Kind::Gate).is_empty());
}
