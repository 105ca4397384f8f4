//! `vlmscope train`: the bundled model organisms, from their recipes.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::model::Compute;
use crate::train::{self, Recipe, Start};

/// Train a model organism from a recipe.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope train datasets/scenes-llava/recipe.toml --out runs/scenes-llava\n\n\
    Stopped at any moment, `--resume` continues from the last look at held-out accuracy.")]
pub struct Train {
    /// What to train, on what, for how long.
    recipe: PathBuf,
    /// Folder for the model, its curves and checkpoints.
    #[arg(long)]
    out: PathBuf,
    /// Continue an unfinished training in that folder.
    #[arg(long)]
    resume: bool,
    #[arg(long, value_enum, default_value_t)]
    device: Compute,
}

pub fn run(args: &Train) -> Result<()> {
    let recipe = Recipe::open(&args.recipe)?;
    let start = if args.resume { Start::Resume } else { Start::Fresh };
    train::train(&recipe, &args.out, start, &args.device.open()?)?;
    println!("model written to {}", args.out.display());
    Ok(())
}
