//! `vlmscope overlay`: one attention map on one image, without a study file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Done;
use crate::dataset::{self, PixelBox};
use crate::error::{Error, Result};
use crate::figure::Overlay;
use crate::look::{Look, look};
use crate::model::Computing;
use crate::model::checkpoint::hub;
use crate::processor::Processor;
use crate::study::shipped;

/// Draw where the last position of a prompt looks in an image.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  vlmscope overlay datasets/scenes-llava photo.png --question \"Where is the red circle in relation \
    to the blue square?\"\n  vlmscope overlay MODEL photo.jpg --question \"Where is the mug?\" --box mug=486,307,577,388 --layer 17"
)]
pub struct OverlayArgs {
    /// Folder of a Hugging Face checkpoint, or its name on the hub, with @REVISION if not `main`.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The image file.
    image: PathBuf,
    /// What is asked about it.
    #[arg(long)]
    question: String,
    /// A box to draw, in pixels of the image; may be given several times.
    #[arg(long = "box", value_name = "[NAME=]x1,y1,x2,y2", value_parser = parse_box, allow_hyphen_values = true)]
    boxes: Vec<(String, PixelBox)>,
    /// Layer of the language model, from 0; by default the one just past the middle, where the published study looks.
    #[arg(long)]
    layer: Option<usize>,
    /// Attention head, from 0; by default the mean over heads.
    #[arg(long)]
    head: Option<usize>,
    /// Where to write the picture: .png or .svg.
    #[arg(long, default_value = "overlay.png")]
    out: PathBuf,
    #[command(flatten)]
    computing: Computing,
    /// Print shares and the attention row as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &OverlayArgs) -> Result<Done> {
    let image = dataset::image_file::open_rgb(&args.image)?;
    for (name, area) in &args.boxes {
        check(name, area, image.dimensions(), &args.image)?;
    }
    let folder = hub::find(&shipped(&args.model))?;
    let model = args.computing.model(&folder)?;
    let processor = Processor::open(&folder)?;
    // Layer 17 of LLaVA-1.5's 32, in proportion.
    let layer = args.layer.unwrap_or(model.depth() * 17 / 32);
    let seen = look(model.as_ref(), &processor, &image, &args.question, layer, args.head)?;
    let heads = args.head.map_or_else(|| "mean over heads".to_owned(), |head| format!("head {head}"));
    let overlay = Overlay {
        image: Some(&image),
        geometry: seen.geometry,
        row: &seen.row,
        boxes: &args.boxes.iter().map(|(name, area)| (name.clone(), vec![*area])).collect::<Vec<_>>(),
        caption: vec![
            args.question.clone(),
            format!("The next token would be \"{}\" (p = {:.2}).", seen.next, seen.probability),
            format!(
                "Layer {layer} of 0 to {}, {heads}, last query; {:.1} % of its attention is on the image, {:.1} % on the first token.",
                model.depth() - 1,
                100.0 * seen.image,
                100.0 * seen.first,
            ),
        ],
    };
    overlay.figure(&file_name(&args.image))?.save(&args.out)?;
    if args.json {
        let Look { row, image, first, next, probability, geometry } = &seen;
        let grid = [geometry.grid.rows, geometry.grid.cols];
        println!(
            "{}",
            json!({"layer": layer, "head": args.head, "query": "last", "grid": grid, "row": row, "image": image,
                   "first": first, "next": next, "probability": probability, "figure": args.out})
        );
    } else {
        println!("{}", args.out.display());
    }
    Ok(Done::Whole)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn parse_box(text: &str) -> std::result::Result<(String, PixelBox), String> {
    let (name, numbers) = text.split_once('=').unwrap_or(("box", text));
    let numbers: Vec<f64> = numbers
        .split(',')
        .map(|number| number.trim().parse().map_err(|_| format!("`{number}` is not a number")))
        .collect::<std::result::Result<_, _>>()?;
    match numbers.as_slice() {
        &[x1, y1, x2, y2] => Ok((name.to_owned(), PixelBox { x1, y1, x2, y2 })),
        _ => Err(format!("expected x1,y1,x2,y2, got {} numbers", numbers.len())),
    }
}

fn check(name: &str, area: &PixelBox, (width, height): (u32, u32), image: &Path) -> Result<()> {
    let PixelBox { x1, y1, x2, y2 } = *area;
    let inside = x1 >= 0.0 && y1 >= 0.0 && x2 <= f64::from(width) && y2 <= f64::from(height);
    if x1 < x2 && y1 < y2 && inside {
        return Ok(());
    }
    Err(Error::usage(format!(
        "--box {name}={x1},{y1},{x2},{y2}: expected x1 < x2 and y1 < y2 inside the {width} x {height} pixels of `{}`",
        image.display()
    )))
}
