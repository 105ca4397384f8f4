//! The command line: one file a verb, thin. A verb parses, calls the library and prints.
//!
//! Exit codes: 0 done; 1 the data or the result is wrong; 2 the request is; 3 done with items skipped, which are listed;
//! 130 interrupted, everything recorded so far kept.

mod analyze;
mod command_line;
mod compare;
mod datasets;
mod download;
mod frames;
mod import;
mod inspect;
mod interrupt;
mod overlay;
mod problem;
mod record;
mod report;
mod run;
mod sites;
mod studies;
mod study_flags;
mod train;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Result;

/// A microscope for vision-language models: where spatial information lives, and whether the model uses it there.
#[derive(Parser, Debug)]
#[command(version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Begin with:\n  vlmscope run analyses/attention-location.toml")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Run(run::Run),
    Record(record::Record),
    Analyze(analyze::Analyze),
    Report(report::Report),
    Compare(compare::Compare),
    Import(import::Import),
    Overlay(overlay::OverlayArgs),
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Sites(sites::Sites),
    Download(download::Download),
    Datasets(datasets::Datasets),
    Studies(studies::Studies),
    Frames(frames::Frames),
    Train(train::Train),
}

/// How a verb ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Whole,
    /// Items were skipped, and listed.
    WithSkips,
}

/// The whole program.
pub fn main() -> ExitCode {
    problem::be_quiet_about_closed_pipes();
    log_to_stderr();
    let cli = Cli::parse();
    match cli.verb.run() {
        Ok(Done::Whole) => ExitCode::SUCCESS,
        Ok(Done::WithSkips) => ExitCode::from(3),
        Err(error) => {
            problem::print(&error);
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
        }
    }
}

impl Verb {
    fn run(&self) -> Result<Done> {
        let whole = |()| Done::Whole;
        match self {
            Self::Run(args) => run::run(args),
            Self::Record(args) => record::run(args),
            Self::Analyze(args) => analyze::run(args).map(whole),
            Self::Report(args) => report::run(args).map(whole),
            Self::Compare(args) => compare::run(args).map(whole),
            Self::Import(args) => import::run(args),
            Self::Overlay(args) => overlay::run(args),
            Self::Inspect(args) => inspect::run(args),
            Self::Verify(args) => verify::run(args).map(whole),
            Self::Sites(args) => sites::run(args).map(whole),
            Self::Download(args) => download::run(args).map(whole),
            Self::Datasets(args) => datasets::run(args).map(whole),
            Self::Studies(args) => studies::run(args).map(whole),
            Self::Frames(args) => frames::run(args).map(whole),
            Self::Train(args) => train::run(args).map(whole),
        }
    }
}

/// Log lines go to standard error, as many as `RUST_LOG` (error, warn, info, debug, trace) lets through.
fn log_to_stderr() {
    let level = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
    let level = level.unwrap_or(tracing_subscriber::filter::LevelFilter::WARN);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_verb_is_well_formed_and_shows_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("vlmscope {}", verb.get_name())), "{} has no example", verb.get_name());
            assert!(verb.get_about().is_some(), "{} says nothing", verb.get_name());
        }
    }
}
