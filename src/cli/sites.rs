//! `vlmscope sites`: what can be recorded or rewritten in a model.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::model::checkpoint::{Weights, hub};
use crate::model::{Compute, families};
use crate::study::shipped;

/// List a model's sites with their shapes.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope sites datasets/scenes-llava")]
pub struct Sites {
    /// Folder of a Hugging Face checkpoint, or its name on the hub, with @REVISION if not `main`.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Sites) -> Result<()> {
    let model = families::open_as(&hub::find(&shipped(&args.model))?, &Compute::Cpu.open()?, Weights::Streamed)?;
    let sites = model.sites();
    if args.json {
        let rows: Vec<_> = sites
            .iter()
            .map(|spec| json!({"site": spec.site.to_string(), "shape": spec.shape, "meaning": spec.meaning}))
            .collect();
        println!("{}", json!(rows));
        return Ok(());
    }
    let width = |text: fn(&crate::model::SiteSpec) -> usize| sites.iter().map(text).max().unwrap_or(0);
    let (names, shapes) = (width(|spec| spec.site.to_string().len()), width(|spec| spec.shape.len()));
    for spec in &sites {
        println!("{:names$}  {:shapes$}  {}", spec.site.to_string(), spec.shape, spec.meaning);
    }
    Ok(())
}
