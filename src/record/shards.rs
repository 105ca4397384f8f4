//! Shards on disk: `frames/{frame}/part-{n}.parquet` while recording goes on, one `frames/{frame}.parquet` when it ends.
//!
//! Everything is written under a temporary name and renamed, and in an order in which the last file of a step says that
//! the step is whole: of a shard its items, of a recording `frames/items.parquet`. So whatever is on disk after a kill
//! is either whole or not counted.

use std::path::PathBuf;

use super::parts::Parts;
use super::plan::Plan;
use super::recorded::Recorded;
use super::schema::Frame;
use crate::error::{Error, Result};
use crate::study::{RunFolder, Skipped, write_json};

/// The items of one shard, recorded.
pub struct Shard {
    pub index: usize,
    pub recorded: Vec<Recorded>,
    pub skipped: Vec<Skipped>,
}

/// The shards of one recording.
#[derive(Clone, Copy, Debug)]
pub struct Shards<'a> {
    pub folder: &'a RunFolder,
    pub plan: &'a Plan,
}

impl Shards<'_> {
    /// Whether a shard is on disk.
    pub fn holds(&self, shard: usize) -> bool {
        self.parts().holds(&Frame::Items.name(), shard)
    }

    /// Writes a shard; says how many bytes it took.
    pub fn write(&self, shard: &Shard) -> Result<u64> {
        let mut bytes = 0;
        if !shard.skipped.is_empty() {
            self.parts().make_folder(&Frame::Items.name())?;
            write_json(&self.skipped(shard.index), &shard.skipped)?;
        }
        for frame in self.plan.frames() {
            bytes += self.parts().write(&frame.name(), shard.index, frame.rows(&shard.recorded, self.plan))?;
        }
        Ok(bytes)
    }

    /// Joins the shards of every frame into one file and removes them. What was skipped goes into `skipped.json`.
    pub fn join(&self) -> Result<Vec<Skipped>> {
        let skipped = self.all_skipped()?;
        if skipped.len() == self.plan.items {
            let first = skipped.first().map_or(String::new(), |one| format!(", the first because: {}", one.reason));
            return Err(Error::data(format!("none of the {} items could be recorded{first}", self.plan.items)));
        }
        if !skipped.is_empty() {
            self.folder.write_skipped(&skipped)?;
        }
        for frame in self.plan.frames() {
            self.parts().join(&frame.name(), self.plan.shards())?;
        }
        self.tidy()?;
        Ok(skipped)
    }

    /// Removes the shards of a recording that is whole.
    pub fn tidy(&self) -> Result<()> {
        let hidden = std::fs::read_dir(self.folder.frames().join("hidden")).into_iter().flatten().flatten();
        let hidden = hidden.map(|entry| entry.path()).filter(|path| path.is_dir());
        for name in hidden.filter_map(|path| Some(format!("hidden/{}", path.file_name()?.to_string_lossy()))) {
            self.parts().remove(&name)?;
        }
        [Frame::Items, Frame::Attention, Frame::CrossFrame]
            .iter()
            .try_for_each(|frame| self.parts().remove(&frame.name()))
    }

    fn all_skipped(&self) -> Result<Vec<Skipped>> {
        let lists = (0..self.plan.shards()).map(|shard| self.skipped(shard)).filter(|path| path.is_file());
        let mut skipped: Vec<Skipped> = Vec::new();
        for path in lists {
            let text = std::fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source))?;
            let list: Vec<Skipped> = serde_json::from_str(&text)
                .map_err(|error| Error::data(format!("`{}` cannot be read: {error}", path.display())))?;
            skipped.extend(list);
        }
        Ok(skipped)
    }

    fn parts(&self) -> Parts<'_> {
        Parts { folder: self.folder }
    }

    fn skipped(&self, shard: usize) -> PathBuf {
        self.parts().path(&Frame::Items.name(), shard).with_extension("skipped.json")
    }
}
