//! Whether answers get better when attention to the image is scaled, everywhere or where the model is unsure.

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::effect::wording::p;
use crate::figure::rows::Headline;
use crate::figure::scaling::case::Case;
use crate::figure::scaling::rows::{Beside, Group, Looked, Tallied};
use crate::figure::scaling::wording::percent;
use crate::figure::scaling::{figures, wording};

pub const SECTION: Section = Section { title: "Attention scaling", tables: &["scaling"], read };

/// Below this a change of accuracy is taken for one.
const LEVEL: f64 = 0.05;

fn read(run: &Run) -> Result<Option<Content>> {
    let rows = Tallied::read(run.folder)?;
    let whole: Vec<&Tallied> = rows.iter().filter(|row| row.main && row.stratum == "all").collect();
    let cases = Case::all(&rows);
    let looked = Looked::read(run.folder)?;
    let mut told: Vec<String> = cases
        .iter()
        .flat_map(|case| [Some(sentence(case, &whole)), case.first.then(|| attention(case, &looked)).flatten()])
        .flatten()
        .collect();
    told.push("What is called chosen was chosen on other images than those it is judged on.".into());
    let mut findings: Vec<Headline> = whole.iter().flat_map(|row| finding(&cases, row)).collect();
    findings.extend(Beside::read(run.folder)?.iter().map(published));
    Ok(Some(Content {
        verdict: Verdict { short: short(&whole), long: told.join(" ") },
        lead: lead(&cases, &whole),
        drawings: figures(run.folder, &rows, run.images)?,
        findings,
        limits: LIMITS.to_vec(),
    }))
}

/// Methods that were chosen on other questions than those they are judged on, or named before.
fn honest<'a>(rows: &'a [&'a Tallied]) -> impl Iterator<Item = &'a Tallied> {
    let kinds = ["chosen_alpha", "gate", "chosen_gate"];
    rows.iter().copied().filter(move |row| kinds.contains(&row.kind.as_str()) && row.n > 0)
}

/// "helps", "hurts" or neither, by McNemar's test.
fn side(row: &Tallied) -> Option<bool> {
    let (fixed, broken) = (row.fixed?, row.broken?);
    (row.p? < LEVEL).then_some(fixed > broken)
}

fn short(rows: &[&Tallied]) -> String {
    let tested: Vec<Option<bool>> = honest(rows).map(side).collect();
    let (helps, hurts) = (
        tested.iter().filter(|side| **side == Some(true)).count(),
        tested.iter().filter(|side| **side == Some(false)).count(),
    );
    match (tested.len(), helps, hurts) {
        (0, ..) => "No scaling was chosen on other questions, so nothing is concluded.".into(),
        (_, 0, 0) => "Scaling attention to the image does not change accuracy beyond chance.".into(),
        (all, some, 0) => format!("Scaling raises accuracy in {some} of {all} ways to choose it."),
        (all, 0, some) => {
            format!("Scaling raises accuracy in none of {all} ways to choose it, and lowers it in {some}.")
        }
        (all, some, others) => {
            format!("Scaling raises accuracy in {some} of {all} ways to choose it and lowers it in {others}.")
        }
    }
}

/// Accuracy untouched, with chosen alphas and gates, and at the single alphas that stand out.
fn sentence(case: &Case, rows: &[&Tallied]) -> String {
    let own: Vec<&Tallied> = rows.iter().copied().filter(|row| case.has(&row.design, &row.dataset)).collect();
    let accuracy = |row: &Tallied| row.accuracy.map_or("undefined".into(), |of| percent(of.value));
    let untouched = own.iter().find(|row| row.kind == "untouched").map_or(String::new(), |row| accuracy(row));
    // Gates are told of the first intervention on a dataset; the others stand in the table.
    let told = honest(&own).filter(|row| case.first || row.kind == "chosen_alpha");
    let told: Vec<String> = told.map(|row| format!("{} {}", row.method, against(row))).collect();
    let alphas = || own.iter().filter(|row| row.kind == "alpha" && row.accuracy.is_some());
    let by = |a: &&&Tallied, b: &&&Tallied| {
        let value = |row: &Tallied| row.accuracy.map_or(0.0, |of| of.value);
        value(a).total_cmp(&value(b))
    };
    let ends = alphas().max_by(by).zip(alphas().min_by(by)).map_or(String::new(), |(best, worst)| {
        format!(
            " Of the single scalings, picked after looking, {} comes out highest ({}) and {} lowest ({}).",
            best.method,
            accuracy(best),
            worst.method,
            accuracy(worst)
        )
    });
    let told = if told.is_empty() { String::new() } else { format!("; {}", told.join("; ")) };
    let text = format!("untouched {untouched}{told}.{ends}");
    case.told(&text)
}

/// Which way raw scaling moves attention: that depends on the sign of the scores.
fn attention(case: &Case, looked: &[Looked]) -> Option<String> {
    let share = |row: &&Looked| case.has(&row.design, &row.dataset) && row.layer < 0 && row.measure == "image_share";
    let own: Vec<&Looked> = looked.iter().filter(share).collect();
    let untouched = own.iter().find(|row| row.operator == "none")?.value?.value;
    let raw = || own.iter().filter(|row| row.operator == "raw");
    let below = raw().filter(|row| row.alpha < 1.0).max_by(|a, b| a.alpha.total_cmp(&b.alpha));
    let above = raw().filter(|row| row.alpha > 1.0).min_by(|a, b| a.alpha.total_cmp(&b.alpha));
    let one = |row: &&Looked| Some(format!("{} at alpha {}", percent(row.value?.value), row.alpha));
    let told: Vec<String> = below.iter().chain(above.iter()).filter_map(|row| one(row)).collect();
    (!told.is_empty()).then(|| {
        format!(
            "Untouched, the image gets {} of the attention; under raw scaling, {}.",
            percent(untouched),
            told.join(" and ")
        )
    })
}

/// "90.8 % (3 put right, 2 broken, p = 1.000)".
fn against(row: &Tallied) -> String {
    let Some(accuracy) = row.accuracy else { return format!("undefined ({})", row.undefined) };
    let changes = row.fixed.zip(row.broken).map_or(String::new(), |(fixed, broken)| {
        let test = row.p.map_or(String::new(), |value| format!(", McNemar {}", p(value)));
        format!(" ({fixed} put right, {broken} broken{test})")
    });
    format!("{}{changes}", percent(accuracy.value))
}

fn lead(cases: &[Case], rows: &[&Tallied]) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    // With many datasets the sentences say it all.
    for case in cases.iter().filter(|case| case.first && cases.iter().all(|other| other.dataset == case.dataset)) {
        let own = rows.iter().filter(|row| case.has(&row.design, &row.dataset));
        for row in own
            .filter(|row| ["untouched", "chosen_alpha", "gate", "chosen_gate", "oracle"].contains(&row.kind.as_str()))
        {
            let text = if row.kind == "untouched" {
                row.accuracy.map_or(String::new(), |of| format!("{} of {} questions", percent(of.value), row.n))
            } else {
                against(row)
            };
            let mut name = row.method.clone();
            if let Some(first) = name.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            lines.push((name, text));
        }
    }
    lines
}

fn finding(cases: &[Case], row: &Tallied) -> Vec<Headline> {
    let case = cases.iter().find(|case| case.has(&row.design, &row.dataset));
    let name = |what: &str| case.map_or(what.to_owned(), |case| case.told(what));
    let unsure = row.unsure.map_or(String::new(), |unsure| format!("{unsure} unsure; "));
    let threshold = row.thresholds.map_or(String::new(), |(lo, hi)| match lo == hi {
        true => format!("threshold {lo} of {}; ", row.signal),
        false => format!("thresholds {lo} to {hi} of {}; ", row.signal),
    });
    let note = match row.kind.as_str() {
        _ if row.n == 0 => format!("undefined: {}", row.undefined),
        "untouched" => wording::rule(&row.rule).to_owned(),
        _ => {
            let shift = row.shift.map_or(String::new(), |shift| format!("; {} of the answers moved", percent(shift)));
            format!("{threshold}{unsure}{}{shift}", against(row))
        }
    };
    let mut lines =
        vec![Headline { name: name(&format!("accuracy, {}", row.method)), value: row.accuracy, n: row.n, note }];
    let groups = [("pairs", row.pair), ("sets", row.set)];
    lines.extend(groups.iter().filter_map(|(what, group)| Some((what, (*group)?))).map(|(what, group)| {
        let Group { accuracy, complete, released, ceiling } = group;
        Headline {
            name: name(&format!("{what} right as a whole, {}", row.method)),
            value: accuracy,
            n: complete as i64,
            note: format!(
                "of complete {what}; as the released code divides {}, of at most {}",
                percent(released),
                percent(ceiling)
            ),
        }
    }));
    lines
}

fn published(beside: &Beside) -> Headline {
    let Beside { dataset, model, method, published, n_published, accuracy, n, .. } = beside;
    let same = if n == n_published { "" } else { "; not the same questions" };
    Headline {
        name: format!("published beside this run: {method} on {dataset}, {model}"),
        value: *accuracy,
        n: *n,
        note: format!(
            "published {} on {n_published} questions{same}; this run scored by the released rules",
            published.map_or("nothing".into(), percent)
        ),
    }
}

const LIMITS: [&str; 5] = [
    "Raw scaling changes how much attention the image gets and how it is spread, both at once. The other two operators change \
     one and keep the other, each judged by the scores that it meets at its own layer.",
    "That answers change shows that the last position’s reading of the image matters to them, not that it read the right place.",
    "An alpha or a threshold that looks best on a set of questions was fitted to them. Numbers for choices made on other images \
     are given beside it, and exact tests against the untouched model.",
    "A scaling can raise accuracy by moving the favour of all answers towards an option that was given too rarely. See the \
     confusion matrices and the share of answers moved.",
    "The published numbers are of other models, prompts and code than this run’s; they stand beside it, not against it.",
];
