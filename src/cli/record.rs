//! `vlmscope record`: the first stage alone.

use clap::Args;
use serde_json::json;

use super::Done;
use super::study_flags::{StudyFlags, list_skipped};
use crate::error::Result;

/// Run a study's model on its items and write the frames.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  vlmscope record analyses/attention-location.toml --out runs/first-look --dry-run\n\n\
    Killed at any moment, the same command with --resume goes on; the frames are the same to the last byte."
)]
pub struct Record {
    #[command(flatten)]
    flags: StudyFlags,
}

pub(super) fn run(args: &Record) -> Result<Done> {
    let stage = args.flags.stage()?;
    if args.flags.dry_run {
        args.flags.print_estimate(&stage)?;
        return Ok(Done::Whole);
    }
    let folder = args.flags.record(&stage)?;
    let skipped = folder.skipped()?;
    list_skipped(&skipped);
    if args.flags.json {
        println!("{}", json!({"run": folder.root(), "frames": folder.frames(), "skipped": skipped}));
    } else {
        println!("frames: {}", folder.frames().display());
    }
    Ok(if skipped.is_empty() { Done::Whole } else { Done::WithSkips })
}
