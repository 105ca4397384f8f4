//! The second half of a study's first stage: its interventions, into the run folder.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::HumanBytes;

use super::bench::Bench;
use super::decoded::DecodedRow;
use super::design::Design;
use super::frames;
use super::plan::Planned;
use super::scale::frame as scaling_frame;
use super::spec::Intervene;
use super::sweep::{Cost, Outcome, Restart, Sweep};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::model::{VisionLanguage, families};
use crate::processor::Processor;
use crate::record::{Bar, Parts, Stage, read_frame};
use crate::study::{RunFolder, Study, StudyText};

/// The frames in the order in which they are put in place; the last says that a part, or the whole, is there.
const UNITS: &str = "units";
const LENS: &str = "lens";
const DECODED: &str = "decoded";
const SCALING: &str = "scaling";
const EFFECTS: &str = "effects";

/// Bytes of a row of the effects frame before compression, about.
const ROW_BYTES: u64 = 220;

/// How many units, and how many items to fit to, a dry run tries.
const TRIED: usize = 4;
const FITTED: usize = 48;

/// What one intervention would take.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SweepEstimate {
    pub name: String,
    pub units: usize,
    pub dropped: usize,
    /// Rows of the effects frame, or of the scaling frame.
    pub rows: u64,
    pub bytes: u64,
    pub cost: Cost,
    /// Prompts through the whole language model that the partial ones amount to.
    pub equivalents: f64,
    /// From the time of a few units; what a design fits beforehand is not in it.
    pub time: Duration,
}

/// Whether the interventions of a study make sense together.
///
/// # Errors
/// Two of one name; a dataset that is none of the study's.
pub fn check(study: &Study, text: &StudyText) -> Result<()> {
    for (n, Intervene { common, .. }) in study.intervene.iter().enumerate() {
        let at =
            |key: &str, message: String| Err(text.error_at(&["intervene", &n.to_string(), key], Error::usage(message)));
        if study.intervene[..n].iter().any(|other| other.common.name == common.name) {
            return at("name", format!("two interventions are named `{}`", common.name));
        }
        let sources = study.dataset.source.references();
        if let Some(dataset) = common.dataset.as_ref().filter(|dataset| !sources.contains(dataset)) {
            let known = sources.iter().map(|source| format!("`{source}`")).collect::<Vec<_>>().join(", ");
            return at("dataset", format!("`{dataset}` is not one of the study's sources: {known}"));
        }
    }
    Ok(())
}

const FOREIGN: &str = "the released code that `compat` follows does not run this model";

fn foreign() -> Error {
    Error::usage(FOREIGN).with_help("it runs LLaVA-1.5; leave `compat` out for other families")
}

/// The model and the items of a stage.
struct Open {
    model: Box<dyn VisionLanguage>,
    processor: Processor,
}

impl Open {
    fn of(stage: &Stage) -> Result<Self> {
        // What an intervention moves is which option is answered.
        if let Some(item) = stage.dataset().items().iter().find(|item| item.options.is_empty()) {
            return Err(Error::usage(format!(
                "item `{}` has no options: nothing is intervened on free answers",
                item.id
            ))
            .with_help(
                "name a dataset with options in each `[[intervene]]`, or leave such datasets out of the study",
            ));
        }
        let (folder, computing) = stage.checkpoint();
        Ok(Self { processor: Processor::open(folder)?, model: families::open(folder, &computing.open()?)? })
    }

    fn bench<'a>(&'a self, stage: &'a Stage, seed: u64) -> Bench<'a> {
        Bench {
            model: self.model.as_ref(),
            processor: &self.processor,
            checkpoint: stage.checkpoint().0,
            dataset: stage.dataset(),
            items: stage.dataset().items(),
            seed,
            batch: stage.study().record.batch.get(),
        }
    }

    /// The model as a design wants it to compute, if not as the checkpoint says.
    ///
    /// # Errors
    /// A family that has no such way.
    fn quirky(&self, planned: &Planned) -> Result<Option<Box<dyn VisionLanguage>>> {
        match planned.design.quirks() {
            Some(quirks) if !planned.units.is_empty() => Ok(Some(self.model.with_quirks(quirks).ok_or_else(foreign)?)),
            _ => Ok(None),
        }
    }

    /// Every intervention, cut. One that follows released code which does not run this model is left out and says so, if
    /// others are left.
    fn plan(&self, stage: &Stage) -> Result<Vec<Planned>> {
        let mut planned = self.cut(stage)?;
        let runs =
            |planned: &Planned| planned.design.quirks().is_none_or(|quirks| self.model.with_quirks(quirks).is_some());
        if !planned.iter().any(runs) {
            return Err(foreign());
        }
        planned.iter_mut().filter(|planned| !runs(planned)).for_each(|planned| planned.leave_out(FOREIGN));
        Ok(planned)
    }

    fn cut(&self, stage: &Stage) -> Result<Vec<Planned>> {
        let plan = |(n, intervene): (usize, &Intervene)| {
            let planned = Planned::new(intervene, &self.bench(stage, intervene.common.seed));
            planned.map_err(|error| match error {
                Error::Usage { .. } => stage.text().error_at(&["intervene", &n.to_string()], error),
                other => other,
            })
        };
        stage.study().intervene.iter().enumerate().map(plan).collect()
    }
}

/// Carries out the interventions that the run folder does not hold yet. What it writes is the same to the last byte
/// whether it ran through or was killed at any moment and resumed.
///
/// # Errors
/// A request that the model or the dataset cannot meet; an interruption; an intervention that asks for pairs that are right
/// on both sides and finds none, when everything else is done.
pub fn carry_out(stage: &Stage, folder: &RunFolder, stop: &AtomicBool, resume: &str, bar: &Bar) -> Result<()> {
    if stage.study().intervene.is_empty() {
        return Ok(());
    }
    let parts = Parts { folder };
    if !folder.frame(EFFECTS).is_file() {
        let open = Open::of(stage)?;
        let mut planned = open.plan(stage)?;
        let asked = |of: fn(&dyn Design) -> bool| planned.iter().any(|planned| of(planned.design.as_ref()));
        let mut further = Vec::new();
        further.extend(asked(|design| design.reads()).then_some(LENS));
        further.extend(asked(|design| design.decodes()).then_some(DECODED));
        further.extend(asked(|design| design.scales()).then_some(SCALING));
        let units = |planned: &Planned| planned.units.len();
        bar.start(planned.iter().map(units).sum(), 0);
        let done = Sweeps { stage, open: &open, parts, further: &further, stop, resume, bar }.all(&mut planned);
        bar.finish();
        done?;
        let count = planned.iter().map(Planned::parts).sum();
        for frame in [UNITS].into_iter().chain(further).chain([EFFECTS]) {
            parts.join(frame, count)?;
        }
    }
    [UNITS, LENS, DECODED, SCALING, EFFECTS].iter().try_for_each(|frame| parts.remove(frame))?;
    expect_golden(folder)
}

/// What the interventions of a stage have in common.
struct Sweeps<'a> {
    stage: &'a Stage,
    open: &'a Open,
    parts: Parts<'a>,
    /// Frames beside units and effects.
    further: &'a [&'a str],
    stop: &'a AtomicBool,
    resume: &'a str,
    bar: &'a Bar,
}

impl Sweeps<'_> {
    /// Carries out what is not yet on disk.
    fn all(&self, planned: &mut [Planned]) -> Result<()> {
        let &Self { stage, open, parts, further, stop, resume, bar } = self;
        let (mut first, mut bytes) = (0, 0);
        for planned in planned {
            let name = planned.name().to_string();
            let write = |part: usize, outcome: &Outcome, decoded: &[DecodedRow]| -> Result<u64> {
                let mut bytes = parts.write(UNITS, part, frames::units(&outcome.units))?;
                if further.contains(&LENS) {
                    bytes += parts.write(LENS, part, frames::lens(&outcome.lens))?;
                }
                if further.contains(&DECODED) {
                    bytes += parts.write(DECODED, part, frames::decoded(&name, decoded))?;
                }
                if further.contains(&SCALING) {
                    bytes += parts.write(SCALING, part, scaling_frame(&outcome.scaling))?;
                }
                Ok(bytes + parts.write(EFFECTS, part, frames::effects(&outcome.effects))?)
            };
            let dropped = Outcome { units: planned.dropped_rows(), ..Outcome::default() };
            let missing: Vec<usize> =
                (0..planned.batches.len()).filter(|n| !parts.holds(EFFECTS, first + 1 + n)).collect();
            let there: usize =
                (0..planned.batches.len()).filter(|n| !missing.contains(n)).map(|n| planned.batches[n].len()).sum();
            bar.advance(there);
            let items = std::mem::take(&mut planned.items);
            let quirky = open.quirky(planned)?;
            let bench = open.bench(stage, planned.intervene.common.seed);
            let bench = Bench { items: &items, model: quirky.as_deref().unwrap_or(bench.model), ..bench };
            if !missing.is_empty() {
                planned.design.fit(&bench)?;
            }
            if !parts.holds(EFFECTS, first) {
                write(first, &dropped, planned.design.decoded())?;
            }
            let sweep = Sweep {
                bench,
                design: planned.design.as_ref(),
                name: planned.name(),
                golden: planned.golden(),
                restart: Restart::FromClean,
            };
            for batch in missing {
                if stop.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted { resume: resume.to_string() });
                }
                bytes += write(first + 1 + batch, &sweep.batch(&planned.batch(batch))?, &[])?;
                bar.advance(planned.batches[batch].len());
                bar.note(format!("{}, {} written", planned.name(), HumanBytes(bytes)));
            }
            first += planned.parts();
        }
        Ok(())
    }
}

/// What each intervention would take: runs a few units of each, with what a few items teach, and writes nothing.
pub fn estimate(stage: &Stage) -> Result<Vec<SweepEstimate>> {
    if stage.study().intervene.is_empty() {
        return Ok(Vec::new());
    }
    let open = Open::of(stage)?;
    let one = |mut planned: Planned| -> Result<SweepEstimate> {
        // Evenly over all items, so that every kind of them is among the few.
        let every = planned.items.len().div_ceil(FITTED).max(1);
        let items: Vec<_> = std::mem::take(&mut planned.items).into_iter().step_by(every).collect();
        let quirky = open.quirky(&planned)?;
        let bench = open.bench(stage, planned.intervene.common.seed);
        let bench = Bench { items: &items, model: quirky.as_deref().unwrap_or(bench.model), ..bench };
        planned.design.sketch(&bench)?;
        let design = planned.design.as_ref();
        let sweep =
            Sweep { bench, design, name: planned.name(), golden: planned.golden(), restart: Restart::FromClean };
        let begun = Instant::now();
        let tried: Vec<_> = planned.batch(0).into_iter().take(TRIED).collect();
        let outcome = sweep.batch(&tried)?;
        let scale = planned.units.len() as f64 / tried.len().max(1) as f64;
        let times = |count: u64| (count as f64 * scale).round() as u64;
        let Cost { images, full, partial, blocks } = outcome.cost;
        let cost = Cost { images: times(images), full: times(full), partial: times(partial), blocks: times(blocks) };
        let rows = times((outcome.effects.len() + outcome.scaling.len()) as u64);
        Ok(SweepEstimate {
            name: planned.name().to_string(),
            units: planned.units.len(),
            dropped: planned.dropped.len(),
            rows,
            bytes: rows * ROW_BYTES,
            cost,
            equivalents: cost.blocks as f64 / open.model.depth().max(1) as f64,
            time: begun.elapsed().mul_f64(scale),
        })
    };
    open.plan(stage)?.into_iter().filter(|planned| !planned.units.is_empty()).map(one).collect()
}

/// An error if an intervention had units but none that could be used.
fn expect_golden(folder: &RunFolder) -> Result<()> {
    let frame = read_frame(&folder.frame(UNITS), None)?;
    let counts = frames::golden_counts(&frame)?;
    let Some(none) = counts.iter().find(|counts| counts.used == 0 && counts.tried > 0) else { return Ok(()) };
    Err(Error::data(format!(
        "`{}`: of {} units none could be used: {} right on the clean side, {} on the other, {} on both",
        none.design, none.units, none.clean, none.cf, none.golden
    ))
    .with_help("frames/units.parquet says why, unit by unit; `golden = false` takes them all"))
}
