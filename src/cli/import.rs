//! `vlmscope import`: attention and answers that another program recorded.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Done;
use super::command_line::command_line;
use super::interrupt::stoppable;
use super::study_flags::list_skipped;
use crate::error::Result;
use crate::import::{self, Scoring};
use crate::record::{BadItems, Bar};
use crate::study::{Compat, Study, shipped};

/// Bring in attention, or answers at several scalings of it, that another program recorded.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  vlmscope import recorded-llava --out runs/llava-7b --images photographs\n  \
    vlmscope analyze runs/llava-7b\n  vlmscope report runs/llava-7b\n\n\
    docs/import.md has the layout, scripts/record_attention.py writes it from PyTorch.")]
pub struct Import {
    /// A folder with items.jsonl and its tensors; or a file of answers at several scalings of attention.
    path: PathBuf,
    /// The run folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Score the answers as released code did, instead of by whole words.
    #[arg(long, value_enum)]
    compat: Option<Compat>,
    /// The folder with the images, for overlays.
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Take title, question and [analysis] from this study file.
    #[arg(long, value_name = "STUDY")]
    study: Option<PathBuf>,
    /// Leave out items whose tensors or answers cannot be read; they are listed, and the exit code is 3.
    #[arg(long)]
    skip_bad_items: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Import) -> Result<Done> {
    let study = args.study.as_deref().map(|path| Study::read(&shipped(path))).transpose()?;
    let import = import::Import {
        path: args.path.clone(),
        scoring: args.compat.map_or(Scoring::Words, |Compat::Adaptvis| Scoring::AdaptVis),
        images: args.images.clone(),
        study: study.map(|(study, _)| study),
        command: command_line(),
        bad_items: if args.skip_bad_items { BadItems::Skip } else { BadItems::Stop },
    };
    let folder = stoppable(|stop| import.into_run(&args.out, stop, Bar::on_terminal()))?;
    let skipped = folder.skipped()?;
    let notes = folder.manifest()?.import.map(|import| import.notes).unwrap_or_default();
    list_skipped(&skipped);
    if args.json {
        let frames = folder.frames();
        println!("{}", json!({"run": folder.root(), "frames": frames, "notes": notes, "skipped": skipped}));
    } else {
        notes.iter().for_each(|note| println!("note: {note}"));
        println!("frames: {}", folder.frames().display());
    }
    Ok(if skipped.is_empty() { Done::Whole } else { Done::WithSkips })
}
