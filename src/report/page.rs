//! What both formats print, as values for a template.

use minijinja::{Value, context};

use super::{LIMITS, Report};
use crate::figure::rows::{Answers, Headline};
use crate::figure::wording::{self, MAIN_METRIC};
use crate::figure::{Figure, Undrawn};

/// Everything in a report but its pictures.
pub fn context(report: &Report) -> Value {
    let manifest = &report.manifest;
    context! {
        title => manifest.title.as_str(),
        question => manifest.question.as_str(),
        command => manifest.command.as_str(),
        facts => pairs(&manifest.facts),
        notes => manifest.notes.iter().map(|note| Value::from(note.as_str())).collect::<Vec<_>>(),
        skipped => pairs(&manifest.skipped),
        manifest => manifest.whole.as_str(),
        verdict => context! { short => report.verdict.short.as_str(), long => report.verdict.long.as_str() },
        lead => lead(&report.headlines),
        headlines => report.headlines.iter().map(headline).collect::<Vec<_>>(),
        answers => report.answers.iter().map(answers).collect::<Vec<_>>(),
        figures => report.drawings.iter().map(figure).collect::<Vec<_>>(),
        limits => LIMITS.map(Value::from).to_vec(),
    }
}

fn pairs(of: &[(String, String)]) -> Vec<Value> {
    of.iter().map(|(label, value)| labelled(label, value)).collect()
}

fn labelled(label: &str, value: &str) -> Value {
    context! { label => label, value => value }
}

/// The headlines for the first screen, with a short label; those that the run has not are left out.
fn lead(headlines: &[Headline]) -> Vec<Value> {
    let wanted = [
        ("Within relation", format!("AUROC of {MAIN_METRIC} (within relation)")),
        ("Pooled", format!("AUROC of {MAIN_METRIC} (all)")),
        ("Relation alone", "AUROC of relation_only (all)".into()),
        ("Answers", "accuracy".into()),
    ];
    let note = |name: &str| headlines.iter().find(|line| line.name == name).map(|line| line.note.as_str());
    wanted.iter().filter_map(|(label, name)| Some(labelled(label, note(name)?))).collect()
}

fn headline(line: &Headline) -> Value {
    let number = |value: f64| if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    let interval = line.value.and_then(|value| value.interval);
    context! {
        name => line.name.as_str(),
        value => line.value.map_or("undefined".into(), |value| number(value.value)),
        interval => interval.map_or(String::new(), |(low, high)| format!("{} to {}", number(low), number(high))),
        n => wording::grouped(line.n),
        note => line.note.as_str(),
    }
}

fn answers(row: &Answers) -> Value {
    let percent = |share: Option<f64>| share.map_or("undefined".into(), |share| format!("{:.1} %", 100.0 * share));
    let interval = row.accuracy.and_then(|accuracy| accuracy.interval);
    context! {
        stratum => wording::stratum(&row.stratum),
        n => wording::grouped(row.n),
        n_right => wording::grouped(row.n_right),
        accuracy => percent(row.accuracy.map(|accuracy| accuracy.value)),
        interval => interval.map_or(String::new(), |(low, high)| format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)),
        confidence => row.confidence_mean.map_or(String::new(), |mean| format!("{mean:.2}")),
        majority => percent(row.majority),
    }
}

fn figure(drawing: &Result<Figure, Undrawn>) -> Value {
    match drawing {
        Ok(Figure { name, title, caption, .. }) => {
            context! { name => *name, title => *title, caption => caption.as_str() }
        }
        Err(Undrawn { name, title, reason }) => context! { name => *name, title => *title, undrawn => *reason },
    }
}
