//! The recording loop: items are made ready on all cores ahead of the model, the model runs batch by batch in the order
//! of the dataset, and a writer thread puts whole shards on disk. The queues between them are short, so memory is bounded
//! by a few batches and two shards, however long the dataset.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use indicatif::HumanBytes;
use rayon::prelude::*;

use super::plan::Plan;
use super::progress::Bar;
use super::recorded::Recorded;
use super::shards::{Shard, Shards};
use crate::dataset::Item;
use crate::error::{Error, Result};
use crate::study::{RunFolder, Skipped};

/// Batches that are ready before the model asks for them.
const AHEAD: usize = 2;

/// What to do with an item that cannot be made ready: an image that is missing or broken, for instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadItems {
    /// Stop with an error that names it; the shards before it are kept.
    Stop,
    /// Leave it out and list it.
    Skip,
}

/// One recording.
pub struct Job<'a> {
    pub items: &'a [Item],
    pub plan: Plan,
    pub folder: &'a RunFolder,
    pub bad_items: BadItems,
    /// Set from outside (Ctrl-C) to stop after the shard at hand.
    pub stop: &'a AtomicBool,
    /// The command that goes on where an interruption stopped.
    pub resume: String,
    pub bar: Bar,
}

impl Job<'_> {
    /// Records what is not yet on disk and joins the shards. Says which items were skipped.
    ///
    /// `prepare` makes one item ready and runs on many threads; `capture` takes a batch, in order, on this one.
    pub fn record<Ready: Send>(
        &self,
        prepare: impl Fn(&Item) -> Result<Ready> + Sync,
        capture: impl FnMut(&[(&Item, Ready)]) -> Result<Vec<Recorded>>,
    ) -> Result<Vec<Skipped>> {
        let shards = Shards { folder: self.folder, plan: &self.plan };
        let missing: Vec<usize> = (0..self.plan.shards()).filter(|&shard| !shards.holds(shard)).collect();
        let done = self.plan.items - missing.iter().map(|&shard| self.plan.shard_items(shard).len()).sum::<usize>();
        self.bar.start(self.plan.items, done);
        let outcome = thread::scope(|scope| {
            let (to_model, batches) = sync_channel(AHEAD);
            let (to_disk, finished) = sync_channel(1);
            let batch_ranges: Vec<_> = missing.iter().flat_map(|&shard| self.plan.batches(shard)).collect();
            let prepare = &prepare;
            scope.spawn(move || self.make_ready(&batch_ranges, prepare, &to_model));
            let writer = scope.spawn(move || write(shards, &finished, &self.bar));
            let ran = self.run_model(&missing, batches, &to_disk, capture);
            drop(to_disk);
            let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            written.and(ran)
        });
        self.bar.finish();
        outcome?;
        shards.join()
    }

    fn make_ready<Ready: Send>(
        &self,
        ranges: &[Range<usize>],
        prepare: &(impl Fn(&Item) -> Result<Ready> + Sync),
        to_model: &SyncSender<Vec<Result<Ready>>>,
    ) {
        for range in ranges {
            let ready = self.items[range.clone()].par_iter().map(prepare).collect();
            if to_model.send(ready).is_err() {
                return; // The model stopped; why, it says itself.
            }
        }
    }

    fn run_model<Ready>(
        &self,
        missing: &[usize],
        batches: Receiver<Vec<Result<Ready>>>,
        to_disk: &SyncSender<Shard>,
        mut capture: impl FnMut(&[(&Item, Ready)]) -> Result<Vec<Recorded>>,
    ) -> Result<()> {
        for (nth, &index) in missing.iter().enumerate() {
            let mut shard = Shard { index, recorded: Vec::new(), skipped: Vec::new() };
            for range in self.plan.batches(index) {
                let Ok(ready) = batches.recv() else { return Ok(()) };
                let good = self.sort_out(&self.items[range.clone()], ready, &mut shard.skipped)?;
                if !good.is_empty() {
                    shard.recorded.extend(capture(&good)?);
                }
                self.bar.advance(range.len());
            }
            if to_disk.send(shard).is_err() {
                return Ok(()); // The writer stopped; why, it says itself.
            }
            if self.stop.load(Ordering::Relaxed) && nth + 1 < missing.len() {
                return Err(Error::Interrupted { resume: self.resume.clone() });
            }
        }
        Ok(())
    }

    /// The items of a batch that are ready; the others go to `skipped`, or stop the recording.
    fn sort_out<'i, Ready>(
        &self,
        items: &'i [Item],
        ready: Vec<Result<Ready>>,
        skipped: &mut Vec<Skipped>,
    ) -> Result<Vec<(&'i Item, Ready)>> {
        let mut good = Vec::with_capacity(items.len());
        for (item, ready) in items.iter().zip(ready) {
            match (ready, self.bad_items) {
                (Ok(ready), _) => good.push((item, ready)),
                (Err(error), BadItems::Skip) => {
                    skipped.push(Skipped { item: item.id.clone(), reason: error.to_string() });
                }
                (Err(error), BadItems::Stop) => {
                    let named = name_item(item, &error);
                    let advice = error.help().map_or(String::new(), |help| format!("{help}; "));
                    return Err(named.with_help(format!(
                        "{advice}what is recorded so far is kept: mend the item and add --resume, or leave such items \
                         out with --skip-bad-items --resume"
                    )));
                }
            }
        }
        Ok(good)
    }
}

/// The error of one item, with its name.
pub(super) fn name_item(item: &Item, error: &Error) -> Error {
    let (message, place) = (error.to_string(), format!("item `{}`", item.id));
    // A dataset names the item of an image itself.
    let message = if message.starts_with(&place) { message } else { format!("{place}: {message}") };
    Error::Data { message, help: error.help().map(str::to_string) }
}

fn write(shards: Shards<'_>, finished: &Receiver<Shard>, bar: &Bar) -> Result<()> {
    let mut bytes = 0;
    for shard in finished {
        bytes += shards.write(&shard)?;
        bar.note(format!("{} written", HumanBytes(bytes)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::dataset::{Object, PixelBox};
    use crate::model::Site;
    use crate::processor::{Coverage, Grid, ImageGeometry, Patch};
    use crate::record::{Answer, AttentionRow, Columns, FrameMap, HiddenBlock, HiddenFrame, ItemSize, Spot, reduce};
    use crate::study::{Existing, Group, Manifest, Precision, Variant};

    static NEVER: AtomicBool = AtomicBool::new(false);

    /// Two objects an item; the second of every third is not annotated.
    fn items(count: usize) -> Vec<Item> {
        let object = |name: &str, boxes: Vec<PixelBox>| Object::new(name, boxes);
        let one = |n: usize| Item {
            id: format!("item-{n:03}"),
            image: format!("{n}.png"),
            medium: crate::dataset::Medium::Image,
            answers: Vec::new(),
            question: "Where?".into(),
            options: vec!["left".into(), "right".into()],
            gold: n % 2,
            relation: Some(if n.is_multiple_of(2) { "left" } else { "right" }.into()),
            familiarity: None,
            objects: vec![
                object("a", vec![PixelBox { x1: 0.0, y1: 0.0, x2: 5.0 + n as f64, y2: 10.0 }]),
                object(
                    "b",
                    if n.is_multiple_of(3) { vec![] } else { vec![PixelBox { x1: 1.0, y1: 2.0, x2: 3.0, y2: 4.0 }] },
                ),
            ],
            pair: None,
            set: None,
        };
        (0..count).map(one).collect()
    }

    const SPOTS: [Spot; 2] = [Spot::Pixels, Spot::Model(Site::LmResid(0))];

    /// A mean for every item, and tokens for those of the second shard.
    fn hidden(number: u32) -> Vec<HiddenBlock> {
        let block = |spot, rows: usize, width: usize| {
            let mut block = HiddenBlock::new(spot, Variant::ORIGINAL);
            let cell = |col| (rows > 1).then_some(Patch { row: 1, col });
            (0..rows).for_each(|row| block.push(Group::Image, cell(row), vec![number as f32; width]));
            block
        };
        let tokens = (8..16).contains(&number).then(|| block(SPOTS[0], 2, 3));
        tokens.into_iter().chain([block(SPOTS[1], 1, 5)]).collect()
    }

    /// A made-up model: its numbers depend on the item and on who shares its batch, as a real one's last bits do.
    fn fake(batch: &[(&Item, u32)]) -> Vec<Recorded> {
        let seen = PixelBox { x1: 0.0, y1: 0.0, x2: 20.0, y2: 20.0 };
        let geometry = ImageGeometry { image_width: 20, image_height: 20, grid: Grid { rows: 2, cols: 2 }, seen };
        let columns = Columns { bos: Some(0), image: vec![1, 2, 3, 4], aside: vec![], last: 6, len: 7 };
        let one = |item: &Item, number: u32| {
            let coverage = Coverage::of(&item.objects, &geometry);
            let row = |layer: i16, head: i16| -> AttentionRow {
                let raw =
                    |column: u32| 1.0 + ((number * 7 + column * 3 + head as u32 + batch.len() as u32) % 11) as f32;
                let total: f32 = (0..7).map(raw).sum();
                reduce(layer, head, &(0..7).map(|column| raw(column) / total).collect::<Vec<_>>(), &columns, &coverage)
            };
            Recorded {
                dataset: "made up".into(),
                item: item.clone(),
                geometry,
                moments: 1,
                answer: Answer {
                    text: "left".into(),
                    generated: None,
                    p_options: Some(vec![0.5, 0.25]),
                    confidence: Some(0.5),
                    correct: item.gold == 0,
                },
                attention: (0..3)
                    .flat_map(|layer| (0..2).map(move |head| (layer, head)))
                    .map(|(l, h)| row(l, h))
                    .collect(),
                hidden: hidden(number),
                cross_frame: vec![FrameMap { layer: 0, head: -1, frames: 1, shares: vec![1.0] }],
            }
        };
        batch.iter().map(|(item, number)| one(item, *number)).collect()
    }

    fn number(item: &Item) -> Result<u32> {
        item.id.trim_start_matches("item-").parse().map_err(|_| Error::data("the image is missing"))
    }

    /// Four items a batch, eight a shard.
    fn plan(items: usize) -> Plan {
        let frame = |spot, width, dtype| HiddenFrame { spot, width, dtype, rows: items };
        let hidden = vec![frame(SPOTS[0], 3, Precision::F16), frame(SPOTS[1], 5, Precision::F32)];
        Plan {
            shard: 8,
            ..Plan::new(items, 4, 2, ItemSize { attention_rows: 6, patches: 4, cross_frame_rows: 1 }, hidden)
        }
    }

    fn folder(root: &Path) -> RunFolder {
        RunFolder::prepare(root, &Manifest::example("fake"), Existing::Resume).unwrap().0
    }

    fn job<'a>(items: &'a [Item], folder: &'a RunFolder, bad_items: BadItems, stop: &'a AtomicBool) -> Job<'a> {
        Job { items, plan: plan(items.len()), folder, bad_items, stop, resume: "again".into(), bar: Bar::hidden() }
    }

    /// Every file of the run folder with its bytes.
    fn bytes(root: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.strip_prefix(root).unwrap().display().to_string(), std::fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    fn unbroken(items: &[Item]) -> BTreeMap<String, Vec<u8>> {
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        job(items, &folder, BadItems::Skip, &NEVER).record(number, |batch| Ok(fake(batch))).unwrap();
        bytes(place.path())
    }

    #[test]
    fn a_run_leaves_its_frames_and_nothing_else() {
        let files = unbroken(&items(19));
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        let frames = ["attention", "cross_frame", "hidden/lm.0.resid", "hidden/pixels", "items"];
        let expected: Vec<_> = frames.iter().map(|name| format!("frames/{name}.parquet")).collect();
        assert_eq!(names, [&expected.iter().map(String::as_str).collect::<Vec<_>>()[..], &["run.json"]].concat());
    }

    #[test]
    fn a_crash_at_any_batch_and_a_resume_give_the_same_bytes() {
        let items = items(19);
        let whole = unbroken(&items);
        for crash in 0..5 {
            let place = tempfile::tempdir().unwrap();
            let folder = folder(place.path());
            let calls = Cell::new(0);
            let dies = |batch: &[(&Item, u32)]| {
                calls.set(calls.get() + 1);
                if calls.get() > crash { Err(Error::data("killed")) } else { Ok(fake(batch)) }
            };
            let error = job(&items, &folder, BadItems::Stop, &NEVER).record(number, dies).unwrap_err();
            assert_eq!(error.to_string(), "killed");
            // What a kill in the middle of a write leaves behind.
            std::fs::create_dir_all(folder.frames().join("attention")).unwrap();
            std::fs::write(folder.frames().join("attention/part-00002.parquet.part"), "PAR1").unwrap();
            job(&items, &folder, BadItems::Stop, &NEVER).record(number, |batch| Ok(fake(batch))).unwrap();
            assert_eq!(bytes(place.path()), whole, "killed at batch {crash}");
        }
    }

    #[test]
    fn a_kill_while_the_shards_are_joined_and_a_resume_give_the_same_bytes() {
        let items = items(19);
        let whole = unbroken(&items);
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        let job = job(&items, &folder, BadItems::Stop, &NEVER);
        let shards = Shards { folder: &folder, plan: &job.plan };
        for index in 0..3 {
            let batches = job.plan.batches(index);
            let one = |range: Range<usize>| {
                fake(&items[range].iter().map(|item| (item, number(item).unwrap())).collect::<Vec<_>>())
            };
            let recorded = batches.flat_map(one).collect();
            shards.write(&Shard { index, recorded, skipped: Vec::new() }).unwrap();
        }
        // Joined so far: one frame whole, one half.
        std::fs::write(folder.frame("hidden/pixels"), &whole["frames/hidden/pixels.parquet"]).unwrap();
        std::fs::write(folder.frames().join("hidden/lm.0.resid.parquet.part"), "PAR1").unwrap();
        std::fs::write(folder.frames().join("attention.parquet.part"), "PAR1").unwrap();
        job.record(number, |_| panic!("everything is there already")).unwrap();
        assert_eq!(bytes(place.path()), whole);
    }

    #[test]
    fn ctrl_c_finishes_the_shard_and_tells_how_to_go_on() {
        let items = items(19);
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        let stop = AtomicBool::new(false);
        let pressed = |batch: &[(&Item, u32)]| {
            stop.store(true, Ordering::Relaxed);
            Ok(fake(batch))
        };
        for shards in 1..3 {
            match job(&items, &folder, BadItems::Stop, &stop).record(number, pressed).unwrap_err() {
                Error::Interrupted { resume } => assert_eq!(resume, "again"),
                other => panic!("{other}"),
            }
            assert_eq!(std::fs::read_dir(folder.frames().join("items")).unwrap().count(), shards);
        }
        // In the last shard there is nothing left to interrupt.
        job(&items, &folder, BadItems::Stop, &stop).record(number, pressed).unwrap();
        assert_eq!(bytes(place.path()), unbroken(&items));
    }

    #[test]
    fn a_bad_item_stops_the_run_or_is_listed() {
        let mut items = items(19);
        items[9].id = "broken".into();
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        let error = job(&items, &folder, BadItems::Stop, &NEVER).record(number, |batch| Ok(fake(batch))).unwrap_err();
        assert_eq!(error.to_string(), "item `broken`: the image is missing");
        assert!(error.help().unwrap().contains("--skip-bad-items"));
        assert!(folder.frames().join("items/part-00000.parquet").is_file(), "the shard before it is kept");

        let skipped = job(&items, &folder, BadItems::Skip, &NEVER).record(number, |batch| Ok(fake(batch))).unwrap();
        assert_eq!(skipped, [Skipped { item: "broken".into(), reason: "the image is missing".into() }]);
        assert_eq!(folder.skipped().unwrap(), skipped);
        assert_eq!(crate::record::read_frame(&folder.frame("items"), None).unwrap().height(), 18);
        assert_eq!(bytes(place.path()), unbroken(&items), "skipping is resumed like the rest");
    }

    #[test]
    fn nothing_but_bad_items_is_an_error() {
        let mut items = items(3);
        items.iter_mut().for_each(|item| item.id = "broken".into());
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        let error = job(&items, &folder, BadItems::Skip, &NEVER).record(number, |batch| Ok(fake(batch))).unwrap_err();
        assert!(error.to_string().contains("none of the 3 items") && !folder.is_recorded(), "{error}");
    }

    #[test]
    fn a_writer_that_fails_ends_the_run_and_keeps_what_was_written() {
        let items = items(19);
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        // The second shard's attention cannot be put in place: a folder is in its way.
        let obstacle = folder.frames().join("attention/part-00001.parquet");
        std::fs::create_dir_all(obstacle.join("full")).unwrap();
        let error = job(&items, &folder, BadItems::Stop, &NEVER).record(number, |batch| Ok(fake(batch))).unwrap_err();
        assert!(error.to_string().contains("part-00001.parquet"), "{error}");
        assert!(folder.frames().join("items/part-00000.parquet").is_file());
        std::fs::remove_dir_all(obstacle).unwrap();
        job(&items, &folder, BadItems::Stop, &NEVER).record(number, |batch| Ok(fake(batch))).unwrap();
        assert_eq!(bytes(place.path()), unbroken(&items));
    }
}
