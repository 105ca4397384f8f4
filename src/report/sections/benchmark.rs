//! A run on published benchmarks, beside published numbers.

use super::super::section::{Content, Run, Section, Verdict};
use crate::analysis::benchmark::THIS_RUN;
use crate::error::Result;
use crate::figure::benchmark::{Scored, figure};
use crate::figure::rows::Headline;
use crate::figure::table::Estimate;

pub const SECTION: Section = Section { title: "Benchmarks", tables: &["benchmark"], read };

fn read(run: &Run) -> Result<Option<Content>> {
    let rows = Scored::read(run.folder)?;
    let own = |row: &&Scored| row.model == THIS_RUN && row.value.is_some();
    let whole = rows.iter().filter(own).filter(|row| ["micro", "macro", "all"].contains(&row.stratum.as_str()));
    let told: Vec<String> = whole.map(|row| told(row, &rows)).collect();
    Ok(Some(Content {
        verdict: Verdict { short: told.first().cloned().unwrap_or_default(), long: told.join(" ") },
        lead: Vec::new(),
        drawings: figure(&rows).map(Ok).into_iter().collect(),
        findings: rows.iter().filter(own).map(|row| finding(row, &rows)).collect(),
        limits: LIMITS.to_vec(),
    }))
}

/// "vsi-bench/test, micro: 51.1 % (49.8 to 52.4)".
fn told(row: &Scored, rows: &[Scored]) -> String {
    let own = row.value.map_or("undefined".into(), in_words);
    let beside = beside(row, rows);
    let beside = if beside.is_empty() { String::new() } else { format!("; published: {beside}") };
    format!("{}, {} {}: {own}{beside}.", row.dataset, row.stratum, row.metric)
}

fn finding(row: &Scored, rows: &[Scored]) -> Headline {
    Headline {
        name: format!("{} of {} in {} (%)", row.metric, row.stratum, row.dataset),
        value: row.value,
        n: row.n.unwrap_or(0),
        note: match beside(row, rows) {
            none if none.is_empty() => "nothing published to compare with".into(),
            some => format!("published: {some}"),
        },
    }
}

/// What others reach in the same.
fn beside(row: &Scored, rows: &[Scored]) -> String {
    let same = |other: &&Scored| {
        other.model != THIS_RUN
            && (&other.dataset, &other.stratum, &other.metric) == (&row.dataset, &row.stratum, &row.metric)
    };
    let one = |other: &Scored| Some(format!("{} {:.1} ({})", other.model, other.value?.value, other.source));
    rows.iter().filter(same).filter_map(one).collect::<Vec<_>>().join(", ")
}

fn in_words(Estimate { value, interval }: Estimate) -> String {
    interval.map_or(format!("{value:.1} %"), |(low, high)| format!("{value:.1} % ({low:.1} to {high:.1})"))
}

/// What no reader should take from these numbers.
const LIMITS: [&str; 3] = [
    "Published numbers were made by other code, with other prompts, frames and decoding, and without intervals. A difference of a \
     point or two says nothing.",
    "An answer of options is the option whose letter the model finds likeliest; published runs read the letter from generated text.",
    "BLEU, METEOR, ROUGE and CIDEr are not computed: published ones are those of one Java and Python package. The items frame has \
     question, right answers and answer, which that package needs.",
];
