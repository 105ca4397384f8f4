//! `vlmscope inspect`: what a checkpoint is.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Done;
use crate::error::Result;
use crate::model::{Compute, families};
use crate::processor::Processor;

/// Print what a checkpoint is: family, sizes, image grid, sites.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope inspect datasets/scenes-llava")]
pub struct Inspect {
    /// Folder of a Hugging Face checkpoint.
    model: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Inspect) -> Result<Done> {
    let family = families::Family::of(&args.model)?;
    let model = families::open(&args.model, &Compute::Cpu.open()?)?;
    let processor = Processor::open(&args.model)?;
    let square = processor.picture(&image::RgbImage::new(64, 64))?;
    let (grid, [_, channels, height, width]) = (square.main.geometry.grid, square.pixel_shape);
    let sites = model.sites().len();
    if args.json {
        println!(
            "{}",
            json!({"family": family.name(), "parameters": model.parameters(), "layers": model.depth(),
                   "grid": [grid.rows, grid.cols], "pixels": [channels, height, width], "sites": sites})
        );
        return Ok(Done::Whole);
    }
    println!("family      {}", family.name());
    println!("parameters  {} ({:.1} MB in f32)", model.parameters(), model.parameters() as f64 * 4.0 / 1e6);
    println!("LM layers   {}", model.depth());
    println!("image       {width} x {height} pixels, {} x {} tokens", grid.rows, grid.cols);
    println!("sites       {sites} (`vlmscope sites {}` lists them)", args.model.display());
    Ok(Done::Whole)
}
