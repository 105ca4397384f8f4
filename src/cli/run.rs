//! `vlmscope run`: a study from beginning to end.

use clap::Args;
use serde_json::json;

use super::Done;
use super::command_line::{command_line, with_resume};
use super::interrupt::was_pressed;
use super::report::draw;
use super::study_flags::{StudyFlags, list_skipped};
use crate::analysis;
use crate::error::{Error, Result};

/// Carry out a study: record, analyse, report.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  vlmscope run analyses/attention-location.toml --limit 100 --out runs/first-look\n\n\
    The report is RUN/report.html. Ctrl-C finishes the shard at hand and prints the command that goes on."
)]
pub struct Run {
    #[command(flatten)]
    flags: StudyFlags,
}

pub(super) fn run(args: &Run) -> Result<Done> {
    let stage = args.flags.stage()?;
    if args.flags.dry_run {
        args.flags.print_estimate(&stage)?;
        return Ok(Done::Whole);
    }
    let folder = args.flags.record(&stage)?;
    if was_pressed() {
        return Err(Error::Interrupted { resume: with_resume(&command_line()) });
    }
    args.flags.note("recorded; analysing");
    analysis::run(folder.root(), &folder.manifest()?)?;
    args.flags.note("analysed; drawing");
    draw(&folder)?;
    let skipped = folder.skipped()?;
    list_skipped(&skipped);
    if args.flags.json {
        println!("{}", json!({"run": folder.root(), "report": folder.report(), "skipped": skipped}));
    } else {
        println!("report: {}", folder.report().display());
    }
    Ok(if skipped.is_empty() { Done::Whole } else { Done::WithSkips })
}
