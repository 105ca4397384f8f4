//! What `run` and `record` share: a study file, the flags that override it, and the recording.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use serde_json::json;

use super::command_line::{command_line, with_resume};
use super::interrupt::stoppable;
use crate::error::{Error, Result, suggestion};
use crate::intervene::{self, SweepEstimate};
use crate::model::Computing;
use crate::record::{BadItems, Bar, Estimate, Frame, Plan, Stage, Way};
use crate::study::{Compat, Existing, RunFolder, Skipped, Sources, Study, StudyText, shipped, shipped_studies};

#[derive(Args, Debug)]
pub struct StudyFlags {
    /// A study file; `vlmscope studies` lists those that come with vlmscope.
    study: PathBuf,
    /// Look at this checkpoint instead of the study's: a Hugging Face folder, or a name on the hub that is in the local cache,
    /// with @REVISION if not `main`.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Ask these items instead of the study's: a built-in name or a path; several times for several.
    #[arg(long, value_name = "SOURCE")]
    dataset: Vec<String>,
    /// The folder with the files of published benchmarks, instead of the study's or that of VLMSCOPE_DATA.
    #[arg(long, value_name = "FOLDER")]
    data_root: Option<PathBuf>,
    /// Only the first N items of each dataset.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Scale attention, and count, as released code does instead of as is right.
    #[arg(long, value_enum)]
    compat: Option<Compat>,
    /// The run folder [default: runs/ and the study's name].
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    #[command(flatten)]
    computing: Computing,
    /// Seed of the analysis' resampling.
    #[arg(long)]
    seed: Option<u64>,
    /// Go on with an unfinished recording.
    #[arg(long)]
    resume: bool,
    /// Leave out items whose image or question cannot be read; they are listed, and the exit code is 3.
    #[arg(long)]
    skip_bad_items: bool,
    /// Print what would be recorded, how large and how long, and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// No progress bar.
    #[arg(long, short)]
    quiet: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

impl StudyFlags {
    /// The study as it is to be carried out.
    pub fn stage(&self) -> Result<Stage> {
        let path = shipped(&self.study);
        if !path.exists() {
            let names: Vec<_> = shipped_studies().iter().map(|path| path.display().to_string()).collect();
            return Err(Error::usage(format!("no study file `{}`", self.study.display()))
                .with_help(suggestion(&self.study.display().to_string(), names.iter().map(String::as_str))));
        }
        let (mut study, text) = Study::read(&path)?;
        study.model.path = self.model.clone().unwrap_or(study.model.path);
        study.dataset.source = Sources::new(self.dataset.clone()).unwrap_or(study.dataset.source);
        study.dataset.root = self.data_root.clone().or(study.dataset.root);
        study.dataset.limit = self.limit.or(study.dataset.limit);
        study.analysis.seed = self.seed.unwrap_or(study.analysis.seed);
        if let Some(compat) = self.compat {
            study.analysis.compat = Some(compat);
            study.intervene.iter_mut().for_each(|intervene| intervene.follow(compat));
        }
        self.check(&study, &text)?;
        Stage::open(study, text, self.computing)
    }

    /// What would otherwise come to light only after the recording.
    fn check(&self, study: &Study, text: &StudyText) -> Result<()> {
        intervene::check(study, text)?;
        study.analysis.check().map_err(|error| text.error_at(&["analysis"], error))
    }

    /// Records into the run folder.
    pub fn record(&self, stage: &Stage) -> Result<RunFolder> {
        let command = command_line();
        let out = self.out.clone().unwrap_or_else(|| Stage::default_folder(&self.study));
        let complete_before = RunFolder::open(&out).is_ok_and(|folder| folder.is_recorded());
        let bar = || if self.quiet { Bar::hidden() } else { Bar::on_terminal() };
        let folder = stoppable(|stop| {
            let resume = with_resume(&command);
            let folder = stage.record(Way {
                out,
                existing: if self.resume { Existing::Resume } else { Existing::Refuse },
                bad_items: if self.skip_bad_items { BadItems::Skip } else { BadItems::Stop },
                resume: resume.clone(),
                command,
                stop,
                bar: bar(),
            })?;
            intervene::carry_out(stage, &folder, stop, &resume, &bar())?;
            Ok(folder)
        })?;
        if complete_before {
            self.note("the frames were complete already: nothing is recorded again");
        }
        Ok(folder)
    }

    /// What goes on, for whoever watches.
    pub fn note(&self, text: &str) {
        if !self.quiet && !self.json && std::io::stderr().is_terminal() {
            eprintln!("{text}");
        }
    }

    /// Prints what a recording and its interventions would take.
    pub fn print_estimate(&self, stage: &Stage) -> Result<()> {
        let (estimate, sweeps) = (stage.estimate()?, intervene::estimate(stage)?);
        let Estimate { plan, notes, time } = &estimate;
        // Items first, then the rest in the order of the walk.
        let frames = [Frame::Items].into_iter().chain(plan.frames().filter(|frame| *frame != Frame::Items));
        let sizes: Vec<FrameSize> = frames.map(|frame| FrameSize::of(plan, frame)).collect();
        if self.json {
            let rows: serde_json::Map<_, _> = sizes.iter().map(|size| (size.frame.clone(), json!(size.rows))).collect();
            let (bytes, seconds) = (plan.bytes(), time.as_secs_f64());
            println!(
                "{}",
                json!({"items": plan.items, "rows": rows, "frames": sizes, "bytes": bytes, "seconds": seconds, "notes": notes,
                    "interventions": sweeps})
            );
            return Ok(());
        }
        println!("items   {} in batches of {}", HumanCount(plan.items as u64), plan.batch);
        println!("{:<28} {:>12} {:>7} {:>6} {:>12}", "frame", "rows", "numbers", "type", "bytes");
        for FrameSize { frame, rows, width, dtype, bytes } in &sizes {
            let width = width.map_or(String::new(), |width| width.to_string());
            let (rows, bytes) = (HumanCount(*rows as u64).to_string(), HumanBytes(*bytes).to_string());
            println!("{frame:<28} {rows:>12} {width:>7} {:>6} {bytes:>12}", dtype.unwrap_or_default());
        }
        notes.iter().for_each(|note| println!("note    {note}"));
        println!("bytes   about {} before compression", HumanBytes(plan.bytes()));
        println!("time    about {}", HumanDuration(*time));
        sweeps.iter().for_each(print_sweep);
        Ok(())
    }
}

/// What one intervention will take.
fn print_sweep(sweep: &SweepEstimate) {
    let SweepEstimate { name, units, dropped, rows, bytes, cost, equivalents, time } = sweep;
    println!();
    println!("intervention `{name}`: {} units, {} left out", HumanCount(*units as u64), HumanCount(*dropped as u64));
    println!(
        "forwards {} full, {} from the clean run's middle, which amount to {equivalents:.0} full ones; {} images",
        HumanCount(cost.full),
        HumanCount(cost.partial),
        HumanCount(cost.images)
    );
    println!("rows    {} in the effects frame, about {}", HumanCount(*rows), HumanBytes(*bytes));
    println!("time    about {}", HumanDuration(*time));
}

/// What one frame will take, before compression.
#[derive(serde::Serialize)]
struct FrameSize {
    frame: String,
    rows: usize,
    /// Numbers in each row's vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dtype: Option<&'static str>,
    bytes: u64,
}

impl FrameSize {
    fn of(plan: &Plan, frame: Frame) -> Self {
        let (width, dtype) = match frame {
            Frame::Items | Frame::CrossFrame => (None, None),
            Frame::Attention => (Some(plan.size.patches), Some("f32")),
            Frame::Hidden(spot) => {
                let hidden = plan.hidden.iter().find(|hidden| hidden.spot == spot);
                (hidden.map(|hidden| hidden.width), hidden.map(|hidden| hidden.dtype.name()))
            }
        };
        Self { frame: frame.name(), rows: plan.rows(frame), width, dtype, bytes: plan.frame_bytes(frame) }
    }
}

/// Lists what was left out, on standard error.
pub(super) fn list_skipped(skipped: &[Skipped]) {
    if !skipped.is_empty() {
        eprintln!("{} items were skipped:", skipped.len());
        skipped.iter().for_each(|one| eprintln!("  {}: {}", one.item, one.reason));
    }
}
