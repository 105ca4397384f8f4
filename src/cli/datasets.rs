//! `vlmscope datasets`: the stimuli and the model that come with vlmscope.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::dataset;
use crate::dataset::scenes::{SHIPPED, Shipped};
use crate::error::Result;
use crate::study::{BUNDLED_MODEL, shipped};

/// List the datasets and the model that come with vlmscope.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  vlmscope datasets --json\n  vlmscope datasets --export scenes/pairs --out pairs")]
pub struct Datasets {
    /// Write a dataset, shipped or not, as a folder of images with items.jsonl, for other programs to read.
    #[arg(long, value_name = "DATASET", requires = "out")]
    export: Option<String>,
    /// The folder to write it to.
    #[arg(long, value_name = "FOLDER", requires = "export")]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Of any rendered scenes; `P` is a number of pixels.
const VARIANTS: [&str; 4] = ["original", "blank", "noise", "shifted_P"];

pub(super) fn run(args: &Datasets) -> Result<()> {
    if let (Some(source), Some(out)) = (&args.export, &args.out) {
        let dataset = dataset::open(source)?;
        dataset::export(dataset.as_ref(), out)?;
        let items = dataset.items().len();
        match args.json {
            true => println!("{}", json!({"dataset": dataset.name(), "items": items, "folder": out})),
            false => println!("{items} items in {}", out.display()),
        }
        return Ok(());
    }
    let model = shipped(BUNDLED_MODEL);
    if args.json {
        let set = |set: &Shipped| json!({"name": set.name, "about": set.about, "variants": VARIANTS});
        let sets: Vec<_> = SHIPPED.iter().map(set).collect();
        println!("{}", json!({"datasets": sets, "model": model.is_dir().then_some(&model)}));
        return Ok(());
    }
    for set in SHIPPED {
        println!("{}\n    {}\n    variants: {}", set.name, set.about, VARIANTS.join(", "));
    }
    if model.is_dir() {
        println!("{}\n    the bundled model; its card is README.md in that folder", model.display());
    }
    Ok(())
}
