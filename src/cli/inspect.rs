//! `vlmscope inspect`: what a checkpoint is.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use image::RgbImage;
use serde_json::json;

use super::Done;
use crate::error::{Error, Result};
use crate::model::checkpoint::{Weights, hub, sizes};
use crate::model::{Compute, Dtype, Need, families};
use crate::processor::{Picture, Processor};
use crate::study::shipped;

/// Print what a checkpoint is: family, sizes, image grid, sites, memory.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  vlmscope inspect datasets/scenes-llava\n  \
    vlmscope inspect HuggingFaceTB/SmolVLM-256M-Instruct --image 640x480")]
pub struct Inspect {
    /// Folder of a Hugging Face checkpoint, or its name on the hub, with @REVISION if not `main`.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Size of the image whose tokens are counted.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "640x480", value_parser = parse_size)]
    image: (u32, u32),
    /// Prompts side by side, for the memory they take.
    #[arg(long, default_value_t = NonZeroUsize::MIN.saturating_add(15))]
    batch: NonZeroUsize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Tokens of a question, about.
const TEXT: usize = 40;

pub fn run(args: &Inspect) -> Result<Done> {
    let folder = hub::find(&shipped(&args.model))?;
    let family = families::Family::of(&folder)?;
    let model = families::open_as(&folder, &Compute::Cpu.open()?, Weights::Streamed)?;
    let processor = Processor::open(&folder)?;
    let (wide, high) = args.image;
    let picture = processor.picture(&RgbImage::new(wide, high))?;
    let [images, channels, height, width] = picture.pixel_shape;
    let grids: Vec<[usize; 2]> = views(&picture).map(|grid| [grid.rows, grid.cols]).collect();
    let (sites, parameters) = (model.sites().len(), model.parameters());
    let weights = sizes(&folder)?;
    // Computed in single precision, whatever the file holds.
    let (need, tokens) = (Need::of(&weights, Dtype::F32), picture.arranged().len());
    let rows = args.batch.get() * (tokens + TEXT);
    let peak = |placed| need.peak(placed, model.language().config(), rows);
    let (resident, streamed) = (peak(Weights::Resident), peak(Weights::Streamed));
    if args.json {
        println!(
            "{}",
            json!({"family": family.name(), "folder": folder, "parameters": parameters, "layers": model.depth(),
                   "dtypes": weights.dtypes, "image": [high, wide], "images": images, "pixels": [channels, height, width],
                   "grid": grids.first(), "views": grids, "tokens": picture.arranged().len(), "sites": sites,
                   "bytes": {"file": weights.bytes, "resident": need.resident, "streamed": need.streamed,
                             "peak_resident": resident, "peak_streamed": streamed}})
        );
        return Ok(Done::Whole);
    }
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    println!("family      {}", family.name());
    println!("folder      {}", folder.display());
    println!("parameters  {parameters} ({} on disk as {})", megabytes(weights.bytes), weights.dtypes.join(", "));
    println!(
        "memory      about {} for batches of {} such prompts; {} with the language model's blocks in the file",
        megabytes(resident),
        args.batch,
        megabytes(streamed)
    );
    println!("LM layers   {}", model.depth());
    println!("image       {wide} x {high} becomes {images} of {width} x {height} pixels");
    let named: Vec<String> = grids.iter().map(|[rows, cols]| format!("{rows} x {cols}")).collect();
    println!("tokens      {} (rows x columns: {})", picture.arranged().len(), named.join(", then "));
    println!("sites       {sites} (`vlmscope sites {}` lists them)", args.model.display());
    Ok(Done::Whole)
}

fn views(picture: &Picture) -> impl Iterator<Item = crate::processor::Grid> {
    std::iter::once(&picture.main).chain(&picture.aside).map(|view| view.geometry.grid)
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.filter(|&(width, height)| width > 0 && height > 0).ok_or_else(|| {
        Error::usage(format!("`{text}` is not a size: expected WIDTHxHEIGHT, such as 640x480")).to_string()
    })
}
