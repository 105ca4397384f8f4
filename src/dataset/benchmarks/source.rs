//! One published benchmark: which files it needs in the data root, and how they become items.

use std::path::{Path, PathBuf};

use super::boxes::BoxFiles;
use super::{Benchmark, Choice, Prompts, Rows, published};
use crate::error::{Error, Result};

/// One published benchmark.
pub struct Source {
    pub name: &'static str,
    pub about: &'static str,
    /// The file with the annotations, from the data root.
    pub(super) annotations: &'static str,
    /// The folders with the photographs, from the data root. Of several, one has to be there.
    pub(super) photographs: &'static [&'static str],
    /// The study's file with the prompts, from the data root, if it used one.
    pub(super) prompts: Option<&'static str>,
    /// Who publishes it and where.
    pub(super) publisher: &'static str,
    pub(super) read: fn(&str, &Path) -> Result<Rows>,
}

/// Something a benchmark needs that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where it has to be put.
    pub path: PathBuf,
    /// What it is.
    pub what: String,
}

impl Source {
    /// What of its files is missing in a data root; for the published prompts only where they are asked for.
    pub fn missing(&self, root: &Path, prompts: Prompts) -> Vec<Missing> {
        let mut missing = Vec::new();
        let mut need = |path: PathBuf, there: bool, what: String| {
            if !there {
                missing.push(Missing { path, what });
            }
        };
        let annotations = root.join(self.annotations);
        need(annotations.clone(), annotations.is_file(), format!("the annotations, from {}", self.publisher));
        let folders: Vec<PathBuf> = self.photographs.iter().map(|folder| root.join(folder)).collect();
        if let Some(first) = folders.first() {
            let there = folders.iter().any(|folder| folder.is_dir());
            let or = self.photographs[1..].iter().map(|folder| format!(" or in {folder}/")).collect::<String>();
            need(first.clone(), there, format!("the photographs{or}, from {}", self.publisher));
        }
        if let (Prompts::Published, Some(file)) = (prompts, self.prompts) {
            let path = root.join(file);
            need(path.clone(), path.is_file(), "the prompts of the AdaptVis code (its folder prompts/)".into());
        }
        missing
    }

    /// Reads the annotations, takes the split and gives the objects their boxes.
    ///
    /// # Errors
    /// No data root; files that are missing, all of them, with where to put them; a row of the wrong shape or with an
    /// unknown relation, with file and line; a file of boxes that cannot be read. Photographs may be missing: each is an
    /// error when its turn comes.
    pub fn open(&self, choice: &Choice) -> Result<Benchmark> {
        let root = choice.root().map_err(|error| error.within(format!("`{}`", self.name)))?;
        let missing = self.missing(&root, choice.prompts);
        if !missing.is_empty() {
            let lines = missing.iter().map(|one| format!("\n  {}: {}", one.path.display(), one.what));
            let message = format!("`{}` needs what is not there:{}", self.name, lines.collect::<String>());
            return Err(Error::data(message).with_help("`vlmscope datasets` tells what of each dataset is found"));
        }
        let path = root.join(self.annotations);
        let Rows { mut items, mut notes } = (self.read)(&read(&path)?, &path)?;
        if items.is_empty() {
            return Err(Error::data(format!("{} has no rows", path.display())));
        }
        match (choice.prompts, self.prompts) {
            (Prompts::Template, _) => {}
            (Prompts::Published, Some(file)) => {
                let path = root.join(file);
                published::apply(&read(&path)?, &path, &mut items, &mut notes)?;
            }
            (Prompts::Published, None) => {
                return Err(Error::usage(format!("the study has no prompt file for `{}`", self.name))
                    .with_help("leave out `prompts`: its code makes the prompt from the caption, and so do we"));
            }
        }
        let mut members = choice.split.members(items.len()).into_iter();
        items.retain(|_| members.next().unwrap_or(false));
        let boxes = BoxFiles::read(&choice.box_files(&root), &items)?;
        boxes.put_into(&mut items, &mut notes);
        let kept: std::collections::HashSet<String> = items.iter().map(|item| item.id.clone()).collect();
        let notes = notes.about(|item| kept.contains(item));
        Ok(Benchmark::new(self.name, root, items, notes, boxes.into_sizes()))
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))
}
