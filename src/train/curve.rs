//! The curves of a training, as CSV while it runs.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::evaluate::Tally;
use crate::error::{Error, Result};

/// Appends to `steps.csv` and `looks.csv` in the training folder.
pub struct Curve {
    steps: Log,
    looks: Log,
    kinds: &'static [&'static str],
}

struct Log {
    path: PathBuf,
    file: File,
}

impl Curve {
    /// Opens the logs; what they hold of step `first` and later, from a run that was cut off, is dropped.
    ///
    /// `kinds` are the kinds of question whose accuracies are logged.
    pub fn open(work: &Path, first: usize, kinds: &'static [&'static str]) -> Result<Self> {
        std::fs::create_dir_all(work).map_err(|source| Error::io("create", work, source))?;
        let columns: String = kinds.iter().map(|kind| format!(",{kind}")).collect();
        Ok(Self {
            steps: Log::open(work.join("steps.csv"), &format!("step,rate,loss,gradient{columns}"), first)?,
            looks: Log::open(work.join("looks.csv"), "step,dataset,stratum,right,n", first + 1)?,
            kinds,
        })
    }

    /// One training step; accuracies are of the questions of the batch.
    pub fn step(
        &mut self,
        step: usize,
        rate: f64,
        loss: f64,
        gradient: f64,
        kinds: &[&'static str],
        right: &[bool],
    ) -> Result<()> {
        let accuracy: String = self
            .kinds
            .iter()
            .map(|kind| {
                let of: Vec<_> = kinds.iter().zip(right).filter(|(k, _)| *k == kind).map(|(_, right)| *right).collect();
                let count = of.iter().filter(|right| **right).count();
                if of.is_empty() { ",".to_owned() } else { format!(",{:.4}", count as f64 / of.len() as f64) }
            })
            .collect();
        self.steps.line(&format!("{step},{rate:.6},{loss:.5},{gradient:.4}{accuracy}"))
    }

    /// One look at held-out items.
    pub fn look(&mut self, step: usize, tallies: &[Tally]) -> Result<()> {
        tallies.iter().try_for_each(|tally| {
            self.looks.line(&format!("{step},{},{},{},{}", tally.dataset, tally.stratum, tally.right, tally.n))
        })
    }
}

impl Log {
    fn open(path: PathBuf, header: &str, first: usize) -> Result<Self> {
        let kept = match std::fs::read_to_string(&path) {
            Ok(text) => {
                let before = |line: &&str| {
                    line.split(',').next().and_then(|step| step.parse::<usize>().ok()).is_some_and(|s| s < first)
                };
                text.lines().skip(1).filter(before).map(|line| format!("{line}\n")).collect()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Error::io("read", path, source)),
        };
        std::fs::write(&path, format!("{header}\n{kept}")).map_err(|source| Error::io("write", &path, source))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(|source| Error::io("write", &path, source))?;
        Ok(Self { path, file })
    }

    fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.file, "{line}").map_err(|source| Error::io("write", &self.path, source))
    }
}
