//! What each of two encoders adds to the image tokens, what it is worth, and how frames see each other.

use std::path::Path;

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::dual::rows::{Addend, Between};
use crate::figure::dual::{addends, cross_frame, worth};
use crate::figure::effect::rows::Measured;
use crate::figure::rows::Headline;
use crate::figure::table;

pub const SECTION: Section = Section { title: "Two encoders", tables: &["addends", "cross_frame"], read };

fn read(run: &Run) -> Result<Option<Content>> {
    let addends = read_if(run.folder, "addends", Addend::read)?;
    let between = read_if(run.folder, "cross_frame", Between::read)?;
    let measured = read_if(run.folder, "effects", Measured::read)?;
    let worths = worth::sentences(&worth::of_addends(&measured));
    let said: Vec<String> =
        worths.iter().cloned().chain(addends::sentence(&addends)).chain(cross_frame::sentence(&between)).collect();
    Ok(Some(Content {
        verdict: Verdict { short: short(&measured), long: said.join(" ") },
        lead: Vec::new(),
        drawings: vec![worth::figure(&measured), addends::figure(&addends), cross_frame::figure(&between)],
        findings: findings(&measured),
        limits: LIMITS.to_vec(),
    }))
}

/// The rows of a table; none where the run has no such table.
fn read_if<T>(run: &Path, name: &str, read: impl Fn(&Path) -> Result<Vec<T>>) -> Result<Vec<T>> {
    if table::exists(run, name) { read(run) } else { Ok(Vec::new()) }
}

/// Which addends the answers need, by the rule of [`worth::needed`].
fn short(measured: &[Measured]) -> String {
    let needed = worth::needed(&worth::of_addends(measured));
    match needed {
        None => "Not ablated.".into(),
        Some([true, true]) => "The answers need both addends.".into(),
        Some([true, false]) => {
            "The answers need the image encoder; that they need the spatial one is not shown.".into()
        }
        Some([false, true]) => {
            "The answers need the spatial encoder; that they need the image encoder is not shown.".into()
        }
        Some([false, false]) => "That the answers need either addend is not shown.".into(),
    }
}

/// Accuracy without an addend, of every replacement and kind of question.
fn findings(measured: &[Measured]) -> Vec<Headline> {
    let rows = worth::of_addends(measured);
    let accuracy = rows.iter().filter(|row| row.measure == "accuracy");
    let line = |row: &&Measured| {
        let beside = |measure: &str| rows.iter().find(|other| other.measure == measure && other.same(row));
        let number = |measure: &str| {
            let value = beside(measure).and_then(|row| row.value);
            value.map_or("unknown".into(), crate::figure::effect::wording::estimate)
        };
        let p = beside("net").and_then(|row| row.p_mcnemar).map_or(String::new(), |p| format!("; McNemar p {p:.4}"));
        Headline {
            name: format!("accuracy with {} {} ({})", row.site, worth::replaced(&row.arm), row.stratum),
            value: row.value,
            n: row.n,
            note: format!("before {}; change {}{p}", number("accuracy_before"), number("net")),
        }
    };
    accuracy.map(line).collect()
}

const LIMITS: [&str; 4] = [
    "A long addend can matter; only the ablation shows whether the answers depend on it.",
    "An ablated addend is something the model was not trained with. Zeros are furthest from what it knows, another video’s \
     tokens nearest; that both say the same is what to look for. A model trained without an encoder may do without it.",
    "Without both addends, what is left are the words and the order of the tokens.",
    "Attention from frames to frames says from where a block reads, not what it makes of it.",
];
