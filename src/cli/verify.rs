//! `vlmscope verify`: is the model here equal to the reference implementation?

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::error::{Error, Result};
use crate::model::Computing;
use crate::model::checkpoint::hub;
use crate::parity::{self, Reference, Verdict};
use crate::processor::Processor;
use crate::study::shipped;

/// Compare every tensor of a reference file with what the model here computes.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  vlmscope verify datasets/scenes-llava --against datasets/scenes-llava/ref.safetensors\n\n\
    `scripts/reference.py` writes such a file for any checkpoint with transformers.\n\
    Exit code 0: equal within the tolerance; 1: not."
)]
pub struct Verify {
    /// Folder of a Hugging Face checkpoint, or its name on the hub, with @REVISION if not `main`.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Reference tensors; `ref_attn.safetensors` beside them is read too.
    #[arg(long, value_name = "REF.safetensors")]
    against: PathBuf,
    /// The image the reference was made from; by default `input.png` beside the reference.
    #[arg(long)]
    image: Option<PathBuf>,
    /// Compare what the model makes of the reference's own inputs, and nothing that comes before: the folder then needs no
    /// processor and no tokenizer.
    #[arg(long, conflicts_with = "image")]
    model_only: bool,
    /// Largest difference that counts as equal: absolute for numbers up to 1, of larger ones relative to themselves.
    #[arg(long, default_value_t = 1e-4)]
    tolerance: f64,
    #[command(flatten)]
    computing: Computing,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Verify) -> Result<()> {
    let reference = Reference::open(&args.against)?;
    let folder = hub::find(&shipped(&args.model))?;
    let has_processor = folder.join("tokenizer.json").is_file();
    let verdict = if parity::holds_vggt(&folder) {
        parity::verify_vggt(&folder, &reference, args.tolerance, &args.computing.open()?)?
    } else if args.model_only || !has_processor {
        let (model, visual) = (args.computing.model(&folder)?, parity::visual_ids(&folder)?);
        let mut verdict = parity::verify_model(model.as_ref(), &visual, None, &reference, args.tolerance)?;
        if !has_processor {
            let why = "no tokenizer.json in the folder: the reference's own were used".to_owned();
            verdict.skipped.push(("in.*".to_owned(), why));
        }
        verdict
    } else {
        let (model, processor) = (args.computing.model(&folder)?, Processor::open(&folder)?);
        let beside = args.against.with_file_name("input.png");
        let image = args.image.clone().or_else(|| beside.is_file().then_some(beside));
        parity::verify(model.as_ref(), &processor, &reference, image.as_deref(), args.tolerance)?
    };
    if args.json {
        println!("{}", json!({"equal": verdict.holds(), "compared": verdict.compared, "skipped": verdict.skipped}));
    } else {
        print(&verdict);
    }
    if verdict.holds() {
        return Ok(());
    }
    let past = verdict.compared.iter().filter(|row| !row.holds()).count();
    Err(Error::data(format!("{past} of {} tensors differ by more than the tolerance", verdict.compared.len()))
        .with_help("the first one that differs, in the order of the model, is where to look"))
}

fn print(verdict: &Verdict) {
    let width = verdict.compared.iter().map(|row| row.name.len()).max().unwrap_or(0);
    println!("{:width$}  {:>9}  {:>9}", "", "absolute", "relative");
    for row in &verdict.compared {
        let mark = if row.holds() { "equal" } else { "DIFFERS" };
        println!("{:width$}  {:>9.2e}  {:>9.2e}  {mark:7}  {:?}", row.name, row.worst, row.relative, row.shape);
    }
    for (name, why) in &verdict.skipped {
        println!("{name:width$}  not compared: {why}");
    }
    println!("{} tensors compared, worst difference {:.2e}", verdict.compared.len(), verdict.worst());
}
