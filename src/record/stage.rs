//! The first stage of a study: its model on its items, into a run folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::asked::{Asked, variants};
use super::images::Images;
use super::live::{Live, Ready};
use super::plan::{HiddenFrame, ItemSize, Plan};
use super::progress::Bar;
use super::run::{BadItems, Job, name_item};
use super::shards::Shards;
use crate::dataset::{Dataset, Item, Joined};
use crate::error::{Error, Result};
use crate::model::Computing;
use crate::model::checkpoint::hub;
use crate::study::{
    CheckpointIdentity, DatasetIdentity, Existing, Manifest, Progress, RunFolder, Study, StudyText, Variant,
    fingerprint_checkpoint, shipped,
};

/// Items that are made ready to see how large the frames will be.
const SAMPLE: usize = 32;

/// A study, ready to be recorded.
pub struct Stage {
    study: Study,
    text: StudyText,
    dataset: Joined,
    images: Images,
    checkpoint: PathBuf,
    computing: Computing,
}

/// Where a recording goes and how it behaves; nothing here changes what is recorded.
pub struct Way<'a> {
    pub out: PathBuf,
    pub existing: Existing,
    pub bad_items: BadItems,
    /// The command that makes the whole run, for the manifest.
    pub command: String,
    /// The command that goes on after an interruption.
    pub resume: String,
    pub stop: &'a AtomicBool,
    pub bar: Bar,
}

/// What a recording would take.
#[derive(Clone, Debug)]
pub struct Estimate {
    pub plan: Plan,
    /// What will be left out.
    pub notes: Vec<String>,
    /// From the time of one batch.
    pub time: Duration,
}

impl Stage {
    /// Finds the dataset and the checkpoint folder of a study.
    pub fn open(study: Study, text: StudyText, computing: Computing) -> Result<Self> {
        let dataset = study.dataset.open().map_err(|error| match error {
            // What the study asks for is wrong, not what it then finds.
            Error::Usage { .. } => text.error_at(&["dataset", "source"], error),
            other => other,
        })?;
        if dataset.items().is_empty() {
            return Err(Error::data(format!("the dataset `{}` has no items", study.dataset.source)));
        }
        let images = Images::of(&dataset);
        check_variants(&study, &dataset).map_err(|error| text.error_at(&["record", "hidden"], error))?;
        let checkpoint = hub::find(&shipped(&study.model.path));
        let checkpoint = checkpoint.map_err(|error| text.error_at(&["model", "path"], error))?;
        Ok(Self { study, text, dataset, images, checkpoint, computing })
    }

    pub fn study(&self) -> &Study {
        &self.study
    }

    /// The text that the study was read from, for errors.
    pub fn text(&self) -> &StudyText {
        &self.text
    }

    pub fn dataset(&self) -> &Joined {
        &self.dataset
    }

    /// The checkpoint's folder, and where it computes.
    pub fn checkpoint(&self) -> (&Path, Computing) {
        (&self.checkpoint, self.computing)
    }

    /// The items that the study takes.
    fn items(&self) -> &[Item] {
        self.dataset.items()
    }

    fn manifest(&self, command: &str) -> Result<Manifest> {
        let dataset = DatasetIdentity {
            name: self.dataset.name().into(),
            blake3: self.dataset.fingerprint(),
            items: self.items().len(),
            notes: self.dataset.notes().iter().map(ToString::to_string).collect(),
        };
        let blake3 = Some(fingerprint_checkpoint(&self.checkpoint)?);
        let model = CheckpointIdentity { path: self.study.model.path.clone(), blake3 };
        Ok(Manifest {
            vlmscope: env!("CARGO_PKG_VERSION").into(),
            command: command.into(),
            device: self.computing.name(),
            study: self.study.clone(),
            dataset,
            model,
            notes: self.notes(),
            import: None,
        })
    }

    /// Records what the run folder does not hold yet.
    pub fn record(&self, way: Way<'_>) -> Result<RunFolder> {
        let manifest = self.manifest(&way.command)?;
        let begun = RunFolder::claim(&way.out, &manifest, way.existing)? != Progress::Fresh;
        if begun && RunFolder::open(&way.out)?.has_items() {
            let (folder, _) = RunFolder::prepare(&way.out, &manifest, way.existing)?;
            // A kill may have come between the last frame and the last shard's removal.
            let plan = Plan::new(0, 1, 0, ItemSize::default(), Vec::new());
            Shards { folder: &folder, plan: &plan }.tidy()?;
            return Ok(folder);
        }
        // Whatever the checkpoint says against the study comes before the folder is written.
        let live = self.model()?;
        let (folder, _) = RunFolder::prepare(&way.out, &manifest, way.existing)?;
        let job = Job {
            items: self.items(),
            plan: self.plan(&live),
            folder: &folder,
            bad_items: way.bad_items,
            stop: way.stop,
            resume: way.resume,
            bar: way.bar,
        };
        job.record(
            |item| self.ready(&live, item),
            |batch| live.capture(batch, |item| self.dataset.source(item).to_owned()),
        )?;
        Ok(folder)
    }

    /// Runs one batch and writes nothing.
    pub fn estimate(&self) -> Result<Estimate> {
        let live = self.model()?;
        let plan = self.plan(&live);
        let batch = &self.items()[..plan.batch.min(plan.items)];
        let time_one = || -> Result<Duration> {
            let begun = Instant::now();
            let ready = |item| Ok((item, self.ready(&live, item).map_err(|error| name_item(item, &error))?));
            live.capture(&batch.iter().map(ready).collect::<Result<Vec<_>>>()?, |item| {
                self.dataset.source(item).to_owned()
            })?;
            Ok(begun.elapsed())
        };
        // The first pass also warms up, which shows where a batch is short.
        let first = time_one()?;
        let one = if first < Duration::from_secs(2) { time_one()? } else { first };
        let time = one.mul_f64(plan.items as f64 / batch.len() as f64);
        Ok(Estimate { plan, notes: self.notes(), time })
    }

    fn model(&self) -> Result<Live> {
        Live::open(&self.checkpoint, &self.study.record, &self.text, self.computing)
    }

    fn ready(&self, live: &Live, item: &Item) -> Result<Ready> {
        live.prepare(item, &self.dataset, &self.images)
    }

    /// How the recording is cut. A sample of the items that can be made ready, the same for every run of the study, shows how
    /// much each leaves behind.
    fn plan(&self, live: &Live) -> Plan {
        let items = self.items();
        let step = items.len().div_ceil(SAMPLE).max(1);
        // What is wrong with an item is reported when its turn comes.
        let sample: Vec<Ready> =
            items.par_iter().step_by(step).filter_map(|item| self.ready(live, item).ok()).collect();
        let size = sample.first().map_or(ItemSize::default(), |ready| live.size_of(ready));
        let objects = items.iter().map(|item| item.objects.len()).max().unwrap_or(0);
        let hidden = live.asked().iter().map(|asked| self.hidden_frame(live, &sample, asked)).collect();
        Plan::new(items.len(), self.study.record.batch.get(), objects, size, hidden)
    }

    fn hidden_frame(&self, live: &Live, sample: &[Ready], asked: &Asked) -> HiddenFrame {
        let rows = |&variant: &Variant| {
            let shown: Vec<usize> = sample.iter().filter_map(|ready| live.hidden_rows(ready, asked, variant)).collect();
            let average = shown.iter().sum::<usize>() as f64 / shown.len().max(1) as f64;
            let has = |item: &&Item| self.dataset.has(item, variant.counterpart());
            let items = match asked.spot.is_image_only() {
                true => self.images.firsts().filter_map(|place| self.items().get(place)).filter(has).count(),
                false => self.items().iter().filter(has).count(),
            };
            average * items as f64
        };
        let rows = variants(&self.study.record.hidden).iter().map(rows).sum::<f64>().round() as usize;
        HiddenFrame { spot: asked.spot, width: asked.width, dtype: asked.dtype, rows }
    }

    /// Variants that not every item has.
    pub fn notes(&self) -> Vec<String> {
        let items = self.items();
        let note = |variant: &Variant| {
            let count = items.iter().filter(|item| self.dataset.has(item, variant.counterpart())).count();
            (count < items.len()).then(|| {
                let left_out = items.len() - count;
                format!(
                    "variant `{variant}`: {count} of {} items; in {left_out} an object would leave the image",
                    items.len()
                )
            })
        };
        variants(&self.study.record.hidden).iter().filter_map(note).collect()
    }

    /// The folder that a run of a study file goes into unless another is named.
    pub fn default_folder(study: &Path) -> PathBuf {
        Path::new("runs").join(study.file_stem().unwrap_or(study.as_os_str()))
    }
}

/// Refuses a variant that a dataset does not offer, or that none of its items has.
fn check_variants(study: &Study, dataset: &Joined) -> Result<()> {
    for variant in variants(&study.record.hidden) {
        let counterpart = variant.counterpart();
        dataset.offers(counterpart)?;
        if !dataset.items().iter().any(|item| dataset.has(item, counterpart)) {
            return Err(Error::usage(format!("no item has the variant `{variant}`: an object would leave the image"))
                .with_help("move the objects by fewer pixels, or the other way"));
        }
    }
    Ok(())
}
