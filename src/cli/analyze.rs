//! `vlmscope analyze`: the second stage alone.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::analysis;
use crate::error::Result;
use crate::study::{RunFolder, Study, shipped};

/// Make a run's tables from its frames again.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope analyze runs/attention-location --seed 2\n\n\
    Neither the model nor the images are needed.")]
pub struct Analyze {
    /// A run folder with complete frames.
    run: PathBuf,
    /// Take title, question, [analysis] and [[probe]] from this study file instead of the run's own.
    #[arg(long, value_name = "STUDY")]
    study: Option<PathBuf>,
    /// Seed of the resampling.
    #[arg(long)]
    seed: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Analyze) -> Result<()> {
    let folder = RunFolder::open(&args.run)?;
    folder.expect_recorded()?;
    let mut manifest = folder.manifest()?;
    if let Some(path) = &args.study {
        let (study, _) = Study::read(&shipped(path))?;
        manifest.study.title = study.title;
        manifest.study.question = study.question;
        manifest.study.analysis = study.analysis;
        manifest.study.probe = study.probe;
    }
    manifest.study.analysis.seed = args.seed.unwrap_or(manifest.study.analysis.seed);
    let tables = analysis::run(folder.root(), &manifest)?;
    folder.write_manifest(&manifest)?;
    if args.json {
        println!("{}", json!({"run": folder.root(), "tables": tables}));
    } else {
        println!("tables: {}", folder.tables().display());
    }
    Ok(())
}
