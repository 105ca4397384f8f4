//! `vlmscope download`: a model from the Hugging Face hub into the shared cache.

use clap::Args;

use crate::error::Result;
use crate::model::checkpoint::hub::HubModel;

/// Fetch a model from the Hugging Face hub into the cache that Python shares; nothing else ever reaches the network.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  vlmscope download HuggingFaceTB/SmolVLM-256M-Instruct\n  vlmscope download google/gemma-3-4b-it@main\n\n\
    HF_TOKEN gives access to models that ask for it, HF_HOME or HF_HUB_CACHE say where the cache is, HF_HUB_OFFLINE=1 forbids\n\
    the network. The model's licence is printed first."
)]
pub struct Download {
    /// Its name on the hub, with @REVISION if not `main`.
    #[arg(value_name = "ORGANISATION/NAME")]
    model: String,
}

#[cfg(feature = "hub")]
pub fn run(args: &Download) -> Result<()> {
    use crate::model::checkpoint::download::Remote;

    let model: HubModel = args.model.parse()?;
    let remote = Remote::ask(&model)?;
    let licence = remote.licence.as_deref().unwrap_or("none named: see its page");
    let gated = if remote.gated { ", to be accepted on its page" } else { "" };
    println!("licence  {licence}{gated} (https://huggingface.co/{})", model.id);
    println!("files    {}", remote.files.join(", "));
    println!("folder   {}", remote.fetch()?.display());
    Ok(())
}

#[cfg(not(feature = "hub"))]
pub fn run(args: &Download) -> Result<()> {
    use crate::error::Error;

    let model: HubModel = args.model.parse()?;
    Err(Error::usage("this vlmscope was built without access to the hub").with_help(format!(
        "build it with `--features hub`, or fetch the model with Python: `hf download {}`",
        model.id
    )))
}
