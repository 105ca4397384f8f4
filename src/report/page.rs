//! What both formats print, as values for a template.

use minijinja::{Value, context};

use super::Report;
use super::section::Content;
use crate::figure::rows::{Answers, Headline};
use crate::figure::{Figure, Undrawn, wording};

/// Everything in a report but its pictures.
pub fn context(report: &Report) -> Value {
    let manifest = &report.manifest;
    let several = report.sections.len() > 1;
    let findings = report.sections.iter().flat_map(|(_, content)| &content.findings);
    let limits = report.sections.iter().flat_map(|(_, content)| &content.limits);
    let figures: Vec<Value> = report
        .sections
        .iter()
        .flat_map(|(title, content)| {
            let heading = move |place| (several && place == 0).then_some(*title);
            content.drawings.iter().enumerate().map(move |(place, drawing)| figure(heading(place), drawing))
        })
        .collect();
    context! {
        title => manifest.title.as_str(),
        question => manifest.question.as_str(),
        command => manifest.command.as_str(),
        facts => pairs(&manifest.facts),
        notes => manifest.notes.iter().map(|note| Value::from(note.as_str())).collect::<Vec<_>>(),
        skipped => pairs(&manifest.skipped),
        manifest => manifest.whole.as_str(),
        claims => report.sections.iter().map(|(title, content)| claim(several.then_some(title), content)).collect::<Vec<_>>(),
        headlines => report.headlines.iter().chain(findings).map(headline).collect::<Vec<_>>(),
        answers => report.answers.iter().map(answers).collect::<Vec<_>>(),
        figures => figures,
        limits => limits.map(|limit| Value::from(*limit)).collect::<Vec<_>>(),
    }
}

/// What a section opens with; its title only where there are several.
fn claim(title: Option<&&'static str>, content: &Content) -> Value {
    context! {
        section => title.copied(),
        short => content.verdict.short.as_str(),
        long => content.verdict.long.as_str(),
        lead => pairs(&content.lead),
    }
}

fn pairs(of: &[(String, String)]) -> Vec<Value> {
    of.iter().map(|(label, value)| labelled(label, value)).collect()
}

fn labelled(label: &str, value: &str) -> Value {
    context! { label => label, value => value }
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

/// `section`: the title of the section that begins with this figure.
fn figure(section: Option<&'static str>, drawing: &Result<Figure, Undrawn>) -> Value {
    match drawing {
        Ok(Figure { name, title, caption, .. }) => context! { section, name, title, caption },
        Err(Undrawn { name, title, reason }) => context! { section, name, title, undrawn => reason },
    }
}
