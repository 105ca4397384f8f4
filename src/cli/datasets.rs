//! `vlmscope datasets`: the stimuli and the model that come with vlmscope.

use clap::Args;
use serde_json::json;

use crate::dataset::scenes::SHIPPED;
use crate::error::Result;
use crate::study::{BUNDLED_MODEL, shipped};

/// List the datasets and the model that come with vlmscope.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope datasets --json")]
pub struct Datasets {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Datasets) -> Result<()> {
    let model = shipped(BUNDLED_MODEL);
    if args.json {
        let sets: Vec<_> = SHIPPED.iter().map(|set| json!({"name": set.name, "about": set.about})).collect();
        println!("{}", json!({"datasets": sets, "model": model.is_dir().then_some(&model)}));
        return Ok(());
    }
    for set in SHIPPED {
        println!("{}\n    {}", set.name, set.about);
    }
    if model.is_dir() {
        println!("{}\n    the bundled model; its card is README.md in that folder", model.display());
    }
    Ok(())
}
