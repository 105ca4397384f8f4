//! The samples as a Markdown table: absolute numbers, and ratios against the best of the others.

use std::fmt::Write;

use crate::arms::ArmName;
use crate::results::{Cell, Quartiles, Results};

pub fn markdown(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, results);
    text
}

fn write(text: &mut String, results: &Results) -> std::fmt::Result {
    let machine = &results.machine;
    let versions: Vec<String> = machine.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    writeln!(
        text,
        "{} UTC, {}, {} cores, {:.0} GB, {}; load {:.1} before, {:.1} after; {}.\n",
        machine.date,
        machine.processor,
        machine.cores,
        machine.memory as f64 / 1e9,
        machine.system,
        machine.load_before,
        machine.load_after,
        versions.join(", ")
    )?;
    if results.was_busy() {
        writeln!(
            text,
            "The machine was busy with something else: processor time says more than time here, and neither much.\n"
        )?;
    }
    writeln!(
        text,
        "Median (quartiles) an item; n repetitions. x: this arm over the best of the others' (for vlmscope) or over vlmscope. \
         Peak: most memory of the process, in brackets above what it held when the model was loaded. Start: from the \
         command to the first item's result, in brackets the part that Python's imports took.\n"
    )?;
    for group in groups(results) {
        let first = group[0];
        writeln!(
            text,
            "**{} {}: {}**, {} {}, an item is a {}\n",
            first.shape,
            first.task.name(),
            first.task.meaning(),
            first.threads,
            if first.threads == 1 { "thread" } else { "threads" },
            first.task.item()
        )?;
        writeln!(text, "| arm | CPU ms | x | wall ms | x | peak MB | x | kB written | start s | x | n |")?;
        writeln!(text, "|---|---|---|---|---|---|---|---|---|---|---|")?;
        for cell in &group {
            row(text, cell, &group)?;
        }
        writeln!(text, "\n{}\n", agreement(&group))?;
    }
    scaling(text, results)
}

fn scaling(text: &mut String, results: &Results) -> std::fmt::Result {
    if results.scaling.is_empty() {
        return Ok(());
    }
    writeln!(text, "**Scaling of vlmscope**, medium shape\n")?;
    writeln!(text, "| what grows | amount | threads | CPU s | wall s | peak MB |\n|---|---|---|---|---|---|")?;
    for point in &results.scaling {
        let [cpu, wall] = [point.cpu(), point.wall()].map(|time| time.map_or(String::new(), significant));
        let peak = point.peak as f64 / 1e6;
        writeln!(text, "| {} | {} | {} | {cpu} | {wall} | {peak:.0} |", point.axis, point.amount, point.threads)?;
    }
    writeln!(text)
}

/// How far vlmscope's numbers were from the reference's.
fn agreement(group: &[&Cell]) -> String {
    let ours = group.iter().find(|cell| cell.arm == ArmName::Vlmscope);
    let distances = ours.iter().flat_map(|cell| &cell.gate);
    let told: Vec<String> =
        distances.map(|of| format!("{} {:.0e} (allowed {:.0e})", of.name, of.off, of.tolerance)).collect();
    match told.is_empty() {
        true => "Held against nobody.".into(),
        false => {
            format!("vlmscope off {}'s, of the largest: {}.", ArmName::reference(group[0].task).name(), told.join(", "))
        }
    }
}

/// Cells that are compared with each other, in the order in which they were measured.
pub fn groups(results: &Results) -> Vec<Vec<&Cell>> {
    let same = |a: &Cell, b: &Cell| (&a.shape, a.task, a.threads) == (&b.shape, b.task, b.threads);
    results.cells.chunk_by(same).map(|group| group.iter().collect()).collect()
}

/// The least of the others' numbers.
pub fn best_other(group: &[&Cell], number: impl Fn(&Cell) -> Option<f64>) -> Option<(ArmName, f64)> {
    let others = group.iter().filter(|cell| cell.arm != ArmName::Vlmscope && cell.absent.is_none());
    let numbers = others.filter_map(|cell| Some((cell.arm, number(cell)?)));
    numbers.min_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// A cell's number over the number it is held against.
fn ratio(cell: &Cell, group: &[&Cell], number: impl Fn(&Cell) -> Option<f64>) -> String {
    let against = match cell.arm {
        ArmName::Vlmscope => best_other(group, &number).map(|(_, best)| best),
        _ => group.iter().find(|cell| cell.arm == ArmName::Vlmscope).and_then(|ours| number(ours)),
    };
    match number(cell).zip(against).filter(|(_, against)| *against > 0.0) {
        Some((own, against)) => significant(own / against),
        None => "".into(),
    }
}

pub fn cpu(cell: &Cell) -> Option<f64> {
    Some(cell.cpu()?.median)
}

pub fn wall(cell: &Cell) -> Option<f64> {
    Some(cell.wall()?.median)
}

pub fn peak(cell: &Cell) -> Option<f64> {
    (cell.peak > 0).then_some(cell.peak as f64)
}

pub fn cold(cell: &Cell) -> Option<f64> {
    (cell.cold_s > 0.0).then_some(cell.cold_s)
}

fn row(text: &mut String, cell: &Cell, group: &[&Cell]) -> std::fmt::Result {
    let name = cell.arm.name();
    if let Some(reason) = &cell.absent {
        let reason = reason.lines().next().unwrap_or_default().replace('|', "/");
        return writeln!(text, "| {name} | {reason} | | | | | | | | | |");
    }
    let time = |quartiles: Option<Quartiles>| {
        quartiles.map_or(String::new(), |of| {
            let [low, median, high] = [of.low, of.median, of.high].map(|seconds| significant(1e3 * seconds));
            format!("{median} ({low}–{high})")
        })
    };
    let megabytes = |bytes: u64| format!("{:.0}", bytes as f64 / 1e6);
    let import = if cell.import_s > 0.0 { format!(" ({:.1})", cell.import_s) } else { String::new() };
    let bold = if cell.arm == ArmName::Vlmscope { "**" } else { "" };
    writeln!(
        text,
        "| {bold}{name}{bold} | {} | {} | {} | {} | {} (+{}) | {} | {} | {}{import} | {} | {} |",
        time(cell.cpu()),
        ratio(cell, group, cpu),
        time(cell.wall()),
        ratio(cell, group, wall),
        megabytes(cell.peak),
        megabytes(cell.peak.saturating_sub(cell.held)),
        ratio(cell, group, peak),
        if cell.bytes() > 0.0 { significant(cell.bytes() / 1e3) } else { String::new() },
        significant(cell.cold_s),
        ratio(cell, group, cold),
        cell.samples.len(),
    )
}

/// Three digits.
pub fn significant(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { 2 - value.abs().log10().floor() as i32 };
    format!("{value:.*}", digits.clamp(0, 6) as usize)
}
