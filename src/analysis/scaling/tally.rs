//! `tables/scaling`: how often each method is right.

use super::case::Case;
use super::method::{Kind, Method, RULES};
use crate::analysis::Table;
use crate::analysis::scoring::{Confusion, GroupAccuracy, Named, Rounding, Rule, group_accuracy, named};
use crate::stats::{Changes, Interval, mean, wilson};
use crate::study::Compat;

/// One method, scored by one rule, over some items of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub design: String,
    pub dataset: String,
    pub compat: String,
    pub method: String,
    pub kind: &'static str,
    pub operator: String,
    pub alpha: Option<f64>,
    pub signal: &'static str,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub threshold_lo: Option<f64>,
    pub threshold_hi: Option<f64>,
    pub rounding: &'static str,
    pub rule: &'static str,
    /// "all", "relation=left", "familiarity=familiar".
    pub stratum: String,
    pub n: u32,
    pub right: u32,
    /// Of a gate: items answered by its low side.
    pub unsure: Option<f64>,
    /// Against the untouched model.
    pub changes: Changes,
    /// Share of answers that would have to be others for the untouched model's favour of each option.
    pub shift: Option<f64>,
    pub confidence: Option<f64>,
    /// Only over all items, and where the dataset has such groups.
    pub pairs: Option<GroupAccuracy>,
    pub sets: Option<GroupAccuracy>,
    /// Why there are no numbers; empty where there are.
    pub undefined: String,
}

/// Every method by every rule, over all items and within each relation and familiarity.
pub fn rows(case: &Case<'_>, methods: &[Method<'_>]) -> Vec<Row> {
    let strata = strata(case);
    let mut rows = Vec::new();
    for method in methods {
        for rule in RULES {
            let by = match method.answered_by(rule) {
                Ok(by) => by,
                Err(reason) => {
                    rows.push(Row { undefined: reason.into(), ..labels(case, method, rule) });
                    continue;
                }
            };
            let before = case.right(rule, &vec![0; case.items.len()]);
            let after = case.right(rule, by);
            for (stratum, members) in &strata {
                let whole = stratum == "all";
                let right = members.iter().filter(|&&place| after[place]).count();
                let low = method.gate.and_then(|gate| case.find(gate.operator.name(), gate.low.get()));
                let unsure = low.map(|low| members.iter().filter(|&&place| by[place] == low).count() as f64);
                let sure = members.iter().filter_map(|&place| case.scalings[by[place]].said[place].confidence);
                rows.push(Row {
                    stratum: stratum.clone(),
                    n: members.len() as u32,
                    right: right as u32,
                    unsure,
                    changes: Changes::of(members.iter().map(|&place| (before[place], after[place]))),
                    shift: shift(case, members, by),
                    confidence: mean(&sure.collect::<Vec<_>>()),
                    pairs: whole.then(|| groups(case, &case.frame.pair, &after, 2)).flatten(),
                    sets: whole.then(|| groups(case, &case.frame.set, &after, 4)).flatten(),
                    ..labels(case, method, rule)
                });
            }
        }
    }
    rows
}

fn labels(case: &Case<'_>, method: &Method<'_>, rule: Rule) -> Row {
    let gate = method.gate;
    Row {
        design: case.design.into(),
        dataset: case.dataset.into(),
        compat: case.compat.unwrap_or_default().into(),
        method: method.name.clone(),
        kind: method.kind.name(),
        operator: method.operator.clone(),
        alpha: method.alpha,
        signal: gate.map_or("", |gate| gate.signal.name()),
        low: gate.map(|gate| gate.low.get()),
        high: gate.map(|gate| gate.high.get()),
        threshold_lo: method.thresholds.map(|(lo, _)| lo),
        threshold_hi: method.thresholds.map(|(_, hi)| hi),
        rounding: rounding(method.rounding),
        rule: rule.name(),
        stratum: "all".into(),
        n: 0,
        right: 0,
        unsure: None,
        changes: Changes::default(),
        shift: None,
        confidence: None,
        pairs: None,
        sets: None,
        undefined: String::new(),
    }
}

/// As tables name it.
pub fn rounding(of: Rounding) -> &'static str {
    match of {
        Rounding::None => "none",
        Rounding::TwoDecimals => "two_decimals",
    }
}

/// Names and members, as places in the case.
fn strata(case: &Case<'_>) -> Vec<(String, Vec<usize>)> {
    let mut strata = vec![("all".to_string(), (0..case.items.len()).collect::<Vec<usize>>())];
    for (key, values) in [("relation", &case.frame.relation), ("familiarity", &case.frame.familiarity)] {
        for (place, &item) in case.items.iter().enumerate() {
            let Some(value) = &values[item] else { continue };
            let name = format!("{key}={value}");
            match strata.iter_mut().find(|(known, _)| *known == name) {
                Some((_, members)) => members.push(place),
                None => strata.push((name, vec![place])),
            }
        }
    }
    strata
}

/// Gold against answer, over some items; `None` where they do not all have the same options.
pub fn confusion(case: &Case<'_>, members: &[usize], by: &[usize]) -> Option<Confusion> {
    let options = case.options()?;
    let answer = |&place: &usize| {
        let gold = options.iter().position(|option| *option == case.frame.gold[case.items[place]])?;
        Some((gold, named(case.text(place, by[place]), options)))
    };
    let answers: Vec<(usize, Named)> = members.iter().filter_map(answer).collect();
    Some(Confusion::of(options, answers))
}

fn shift(case: &Case<'_>, members: &[usize], by: &[usize]) -> Option<f64> {
    let untouched = vec![0; case.items.len()];
    confusion(case, members, by)?.shift_from(&confusion(case, members, &untouched)?)
}

/// `None` where no item has such a group.
fn groups(case: &Case<'_>, of: &[Option<String>], right: &[bool], size: usize) -> Option<GroupAccuracy> {
    let all = case.items.iter().map(|&item| of[item].as_deref());
    all.clone().any(|group| group.is_some()).then(|| group_accuracy(all.zip(right.iter().copied()), size))
}

/// The rows as a table.
///
/// `compat`: whose counting the main numbers follow.
pub fn table(rows: &[Row], compat: Option<Compat>) -> Table {
    let (rule, rounded) = match compat {
        None => (Rule::Word, Rounding::None),
        Some(Compat::Adaptvis) => (Rule::Substring, Rounding::TwoDecimals),
    };
    let main = |row: &Row| {
        let of_gate = row.kind == Kind::Gate.name() && row.undefined.is_empty();
        row.rule == rule.name() && (!of_gate || row.rounding == rounding(rounded))
    };
    let there = |row: &&Row| row.n > 0;
    let fair = |row: &&Row| row.kind != Kind::Oracle.name();
    let number = |of: fn(&Row) -> f64| rows.iter().map(move |row| Some(row).filter(there).map(of)).collect::<Vec<_>>();
    let group = |of: fn(&Row) -> Option<GroupAccuracy>| rows.iter().map(of).collect::<Vec<_>>();
    let interval = |row: &Row| wilson(row.right as usize, row.n as usize);
    let mut table = Table::new()
        .text("design", rows.iter().map(|row| &row.design))
        .text("dataset", rows.iter().map(|row| &row.dataset))
        .text("compat", rows.iter().map(|row| &row.compat))
        .text("method", rows.iter().map(|row| &row.method))
        .text("kind", rows.iter().map(|row| row.kind))
        .text("operator", rows.iter().map(|row| &row.operator))
        .number("alpha", rows.iter().map(|row| row.alpha))
        .text("signal", rows.iter().map(|row| row.signal))
        .number("low", rows.iter().map(|row| row.low))
        .number("high", rows.iter().map(|row| row.high))
        .number("threshold_lo", rows.iter().map(|row| row.threshold_lo))
        .number("threshold_hi", rows.iter().map(|row| row.threshold_hi))
        .text("rounding", rows.iter().map(|row| row.rounding))
        .text("rule", rows.iter().map(|row| row.rule))
        .count("main", rows.iter().map(|row| u32::from(main(row))))
        .text("stratum", rows.iter().map(|row| &row.stratum))
        .count("n", rows.iter().map(|row| row.n))
        .count("n_right", rows.iter().map(|row| row.right))
        .number("accuracy", number(|row| f64::from(row.right) / f64::from(row.n)))
        .interval("ci_", rows.iter().map(interval))
        .number("unsure", rows.iter().map(|row| row.unsure))
        .number("fixed", number(|row| row.changes.fixed as f64))
        .number("broken", number(|row| row.changes.broken as f64))
        // Whoever knows the answers beats any test.
        .number(
            "p_mcnemar",
            rows.iter().map(|row| Some(row).filter(there).filter(fair).map(|row| row.changes.p_value())),
        )
        .number("shift", rows.iter().map(|row| row.shift))
        .number("confidence_mean", rows.iter().map(|row| row.confidence));
    for (name, groups) in [("pair", group(|row| row.pairs)), ("set", group(|row| row.sets))] {
        let of = |of: fn(GroupAccuracy) -> Option<f64>| {
            groups.iter().map(move |group| group.and_then(of)).collect::<Vec<_>>()
        };
        table = table
            .number(&format!("{name}_right"), of(|group| Some(group.right as f64)))
            .number(&format!("{name}_complete"), of(|group| Some(group.complete as f64)))
            .number(&format!("{name}_accuracy"), of(GroupAccuracy::accuracy))
            .interval(&format!("{name}_"), groups.iter().map(|group| group.and_then(GroupAccuracy::interval)))
            .number(&format!("{name}_released"), of(GroupAccuracy::released))
            .number(&format!("{name}_ceiling"), of(GroupAccuracy::released_ceiling));
    }
    table.text("undefined", rows.iter().map(|row| &row.undefined))
}

/// Wilson's interval of a row.
pub fn interval(row: &Row) -> Option<Interval> {
    wilson(row.right as usize, row.n as usize)
}
