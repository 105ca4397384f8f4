//! `vlmscope report`: the third stage alone.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::record::Pictures;
use crate::report;
use crate::study::RunFolder;

/// Draw a run's figures and write its report again.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope report runs/attention-location\n\n\
    Tables in, pictures out: the model is not needed, and nothing is computed anew.")]
pub struct Report {
    /// A run folder with tables.
    run: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Report) -> Result<()> {
    let folder = RunFolder::open(&args.run)?;
    draw(&folder)?;
    if args.json {
        println!("{}", json!({"run": folder.root(), "report": folder.report()}));
    } else {
        println!("report: {}", folder.report().display());
    }
    Ok(())
}

/// Figures and report of a run, on its images as far as they are at hand.
pub(super) fn draw(folder: &RunFolder) -> Result<()> {
    let pictures = Pictures::of(folder).map_err(|error| {
        eprintln!("note: {error}; the gallery draws the grid alone");
    });
    report::write(folder.root(), &|shown| pictures.as_ref().ok()?.get(&shown.choice.item, shown.geometry))?;
    Ok(())
}
