//! The first stage of a study: its model on its items, into a run folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::live::Live;
use super::plan::{ItemSize, Plan};
use super::progress::Bar;
use super::run::{BadItems, Job, name_item};
use super::shards::Shards;
use crate::dataset::{Dataset, Item, Joined};
use crate::error::{Error, Result};
use crate::model::Compute;
use crate::processor::Prepared;
use crate::study::{
    CheckpointIdentity, DatasetIdentity, Existing, Manifest, Progress, RunFolder, Study, StudyText,
    fingerprint_checkpoint, shipped,
};

/// A study, ready to be recorded.
pub struct Stage {
    study: Study,
    text: StudyText,
    dataset: Joined,
    checkpoint: PathBuf,
    compute: Compute,
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
    /// From the time of one batch.
    pub time: Duration,
}

impl Stage {
    /// Finds the dataset and the checkpoint folder of a study.
    pub fn open(study: Study, text: StudyText, compute: Compute) -> Result<Self> {
        let dataset = study.dataset.open().map_err(|error| match error {
            // What the study asks for is wrong, not what it then finds.
            Error::Usage { .. } => text.error_at(&["dataset", "source"], error),
            other => other,
        })?;
        if dataset.items().is_empty() {
            return Err(Error::data(format!("the dataset `{}` has no items", study.dataset.source)));
        }
        let checkpoint = shipped(&study.model.path);
        if !checkpoint.is_dir() {
            let error = Error::usage(format!("the model `{}` is not a folder", study.model.path)).with_help(
                "a model is a Hugging Face folder: config.json, *.safetensors, tokenizer.json, processor files",
            );
            return Err(text.error_at(&["model", "path"], error));
        }
        Ok(Self { study, text, dataset, checkpoint, compute })
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
            device: device_name(self.compute).into(),
            study: self.study.clone(),
            dataset,
            model,
            import: None,
        })
    }

    /// Records what the run folder does not hold yet.
    pub fn record(&self, way: Way<'_>) -> Result<RunFolder> {
        let (folder, progress) = RunFolder::prepare(&way.out, &self.manifest(&way.command)?, way.existing)?;
        if progress == Progress::Recorded {
            // A kill may have come between the last frame and the last shard's removal.
            let plan = Plan::new(0, 1, 0, ItemSize::default());
            Shards { folder: &folder, plan: &plan }.tidy()?;
            return Ok(folder);
        }
        let live = self.model()?;
        let job = Job {
            items: self.items(),
            plan: self.plan(&live, way.bad_items)?,
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
        let plan = self.plan(&live, BadItems::Skip)?;
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
        Ok(Estimate { plan, time })
    }

    fn model(&self) -> Result<Live> {
        Live::open(&self.checkpoint, &self.study.record, &self.text, &self.compute.open()?)
    }

    fn ready(&self, live: &Live, item: &Item) -> Result<Prepared> {
        live.prepare(item, &self.dataset.image(item)?)
    }

    /// How the recording is cut. The first item that can be made ready shows how much each leaves behind.
    fn plan(&self, live: &Live, bad_items: BadItems) -> Result<Plan> {
        let items = self.items();
        let size = match bad_items {
            // A bad first item is reported when its turn comes.
            BadItems::Stop => items.first().and_then(|item| self.ready(live, item).ok()),
            BadItems::Skip => items.iter().find_map(|item| self.ready(live, item).ok()),
        };
        let size = size.map_or(ItemSize::default(), |prepared| live.size_of(&prepared));
        let objects = items.iter().map(|item| item.objects.len()).max().unwrap_or(0);
        Ok(Plan::new(items.len(), self.study.record.batch.get(), objects, size))
    }

    /// The folder that a run of a study file goes into unless another is named.
    pub fn default_folder(study: &Path) -> PathBuf {
        Path::new("runs").join(study.file_stem().unwrap_or(study.as_os_str()))
    }
}

fn device_name(compute: Compute) -> &'static str {
    match compute {
        Compute::Cpu => "cpu",
        Compute::Gpu => "gpu",
    }
}
