//! Which answers were given: `tables/scaling_confusion`, `tables/scaling_confidence`, `tables/scaling_yes_no`.

use super::case::Case;
use super::method::Method;
use super::tally::{confusion, rounding};
use crate::analysis::Table;
use crate::analysis::scoring::{Named, Released, Rule, YesNo};

/// Bars of the histogram of confidence.
pub const BINS: usize = 20;

/// How often each option was answered where another was right, by method; "(none)" and "(several)" are texts that name no
/// option, or more than one.
pub fn confusions(cases: &[(Case<'_>, Vec<Method<'_>>)]) -> Table {
    let mut rows: Vec<([String; 6], u32)> = Vec::new();
    for (case, methods) in cases {
        let all: Vec<usize> = (0..case.items.len()).collect();
        for method in methods {
            let Ok(by) = method.answered_by(Rule::Word) else { continue };
            let Some(found) = confusion(case, &all, by) else { continue };
            let answers = (0..found.options.len()).map(Named::One).chain([Named::Nothing, Named::Several]);
            for (gold, answer) in (0..found.options.len()).flat_map(|gold| answers.clone().map(move |one| (gold, one)))
            {
                let said = match answer {
                    Named::One(option) => found.options[option].clone(),
                    Named::Nothing => "(none)".into(),
                    Named::Several => "(several)".into(),
                };
                let labels = [case.design, case.dataset, &method.name, rounding(method.rounding)].map(str::to_owned);
                let [design, dataset, method, rounding] = labels;
                let key = [design, dataset, method, rounding, found.options[gold].clone(), said];
                rows.push((key, found.count(gold, answer) as u32));
            }
        }
    }
    let names = ["design", "dataset", "method", "rounding", "gold", "answered"];
    let texts = |table: Table, (at, name): (usize, &&str)| table.text(name, rows.iter().map(|(key, _)| &key[at]));
    names.iter().enumerate().fold(Table::new(), texts).count("n", rows.iter().map(|(_, n)| *n))
}

/// How many right and wrong answers of the untouched model have which confidence, by familiarity.
pub fn confidences(cases: &[(Case<'_>, Vec<Method<'_>>)]) -> Table {
    let mut rows: Vec<([String; 3], bool, usize, u32)> = Vec::new();
    for (case, _) in cases {
        let Some(untouched) = case.scalings.first() else { continue };
        for (place, &item) in case.items.iter().enumerate() {
            let Some(confidence) = untouched.said[place].confidence else { continue };
            let familiarity = case.frame.familiarity[item].clone().unwrap_or_default();
            let key = [case.design.to_owned(), case.dataset.to_owned(), familiarity];
            let right = case.is_right(Rule::Word, place, &untouched.said[place].text);
            let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
            match rows.iter_mut().find(|row| row.0 == key && row.1 == right && row.2 == bin) {
                Some(row) => row.3 += 1,
                None => rows.push((key, right, bin, 1)),
            }
        }
    }
    rows.sort_by(|a, b| (&a.0, !a.1, a.2).cmp(&(&b.0, !b.1, b.2)));
    let edge = |bin: usize| Some(bin as f64 / BINS as f64);
    Table::new()
        .text("design", rows.iter().map(|row| &row.0[0]))
        .text("dataset", rows.iter().map(|row| &row.0[1]))
        .text("familiarity", rows.iter().map(|row| &row.0[2]))
        .text("answer", rows.iter().map(|row| if row.1 { "right" } else { "wrong" }))
        .number("from", rows.iter().map(|row| edge(row.2)))
        .number("to", rows.iter().map(|row| edge(row.2 + 1)))
        .count("n", rows.iter().map(|row| row.3))
}

/// Precision, recall and the rest, for questions of yes and no; None where there are none. "released_" are the numbers that
/// the released code prints, under what they are.
pub fn yes_no(cases: &[(Case<'_>, Vec<Method<'_>>)]) -> Option<Table> {
    let mut rows: Vec<([String; 4], &str, Option<f64>)> = Vec::new();
    for (case, methods) in cases {
        let is_yes_no = case.options().is_some_and(|options| {
            let lower: Vec<String> = options.iter().map(|option| option.to_lowercase()).collect();
            lower == ["yes", "no"]
        });
        for method in methods.iter().filter(|_| is_yes_no) {
            let Ok(by) = method.answered_by(Rule::Word) else { continue };
            let answer = |place: usize| {
                (case.frame.gold[case.items[place]].eq_ignore_ascii_case("yes"), case.text(place, by[place]))
            };
            let answers = || (0..case.items.len()).map(answer);
            let (found, released) = (YesNo::of(answers()), Released::of(answers()));
            let key = [case.design, case.dataset, &method.name, rounding(method.rounding)].map(str::to_owned);
            let measures = [
                ("accuracy", found.accuracy()),
                ("precision", found.precision()),
                ("recall", found.recall()),
                ("specificity", found.specificity()),
                ("f1", found.f1()),
                ("balanced_accuracy", found.balanced_accuracy()),
                ("released_accuracy", released.map(|one| one.accuracy)),
                ("released_precision_is_sensitivity", released.map(|one| one.sensitivity)),
                ("released_recall_is_specificity", released.map(|one| one.specificity)),
                ("released_f1_is_harmonic_mean_of_these", released.map(|one| one.harmonic_mean)),
            ];
            rows.extend(measures.map(|(measure, value)| (key.clone(), measure, value)));
        }
    }
    let names = ["design", "dataset", "method", "rounding"];
    let texts = |table: Table, (at, name): (usize, &&str)| table.text(name, rows.iter().map(|row| &row.0[at]));
    (!rows.is_empty()).then(|| {
        let table = names.iter().enumerate().fold(Table::new(), texts);
        table.text("measure", rows.iter().map(|row| row.1)).number("value", rows.iter().map(|row| row.2))
    })
}
