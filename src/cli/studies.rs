//! `vlmscope studies`: the study files that come with vlmscope.

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::study::{Study, shipped_studies};

/// List the studies that come with vlmscope.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope studies")]
pub struct Studies {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Studies) -> Result<()> {
    let read = |path: std::path::PathBuf| Ok((Study::read(&path)?.0, path));
    let studies: Vec<_> = shipped_studies().into_iter().map(read).collect::<Result<_>>()?;
    if args.json {
        let rows =
            studies.iter().map(|(study, path)| json!({"path": path, "title": study.title, "question": study.question}));
        println!("{}", json!(rows.collect::<Vec<_>>()));
        return Ok(());
    }
    for (study, path) in studies {
        println!("{}\n    {}", path.display(), study.question);
    }
    Ok(())
}
