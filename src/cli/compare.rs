//! `vlmscope compare`: two runs on the same items.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::analysis::compare::{Difference, Draws, compare};
use crate::analysis::frames::Frames;
use crate::error::Result;
use crate::study::RunFolder;

/// Compare the answers of two runs on the same items, item by item.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope compare runs/without runs/with\n\n\
    Differences are the second's accuracy less the first's, with 95 % intervals over sets of items or images.")]
pub struct Compare {
    /// A run folder with complete frames.
    first: PathBuf,
    /// Another, on the same items.
    second: PathBuf,
    /// Draws of the bootstrap.
    #[arg(long, default_value_t = 2000)]
    bootstrap: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Compare) -> Result<()> {
    let items = |run: &Path| -> Result<_> {
        let folder = RunFolder::open(run)?;
        folder.expect_recorded()?;
        Ok(Frames::read(&folder.frames(), "last")?.items)
    };
    let draws = Draws { count: args.bootstrap, seed: args.seed };
    let rows = compare(&items(&args.first)?, &items(&args.second)?, draws)?;
    if args.json {
        println!("{}", json!({"first": args.first, "second": args.second, "differences": rows}));
    } else {
        print(&rows);
    }
    Ok(())
}

/// As a Markdown table.
fn print(rows: &[Difference]) {
    println!(
        "| | n | first | second | difference | 95 % interval | gained, lost | p |\n|---|---|---|---|---|---|---|---|"
    );
    for row in rows {
        let [first, second] = row.right.map(|right| format!("{:.1} %", 100.0 * right as f64 / row.items as f64));
        let interval = row.interval.map_or_else(
            || "undefined".to_owned(),
            |interval| format!("{:+.1} to {:+.1}", 100.0 * interval.lo, 100.0 * interval.hi),
        );
        let Difference { stratum, items, difference, gained, lost, p, .. } = row;
        let difference = 100.0 * difference;
        println!(
            "| {stratum} | {items} | {first} | {second} | {difference:+.1} | {interval} | {gained}, {lost} | {p:.2e} |"
        );
    }
}
