//! The curves of a training, as CSV while it runs.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::evaluate::Tally;
use crate::dataset::scenes::Kind;
use crate::error::{Error, Result};

const KINDS: [(Kind, &str); 4] = [
    (Kind::Relation, "relation"),
    (Kind::Neighbour, "neighbour"),
    (Kind::Location, "location"),
    (Kind::Identity, "identity"),
];

/// Appends to `steps.csv` and `looks.csv` in the training folder.
pub struct Curve {
    steps: Log,
    looks: Log,
}

struct Log {
    path: PathBuf,
    file: File,
}

impl Curve {
    /// Opens the logs; what they hold of step `first` and later, from a run that was cut off, is dropped.
    pub fn open(work: &Path, first: usize) -> Result<Self> {
        std::fs::create_dir_all(work).map_err(|source| Error::io("create", work, source))?;
        let kinds: String = KINDS.iter().map(|(_, name)| format!(",{name}")).collect();
        Ok(Self {
            steps: Log::open(work.join("steps.csv"), &format!("step,rate,loss,gradient{kinds}"), first)?,
            looks: Log::open(work.join("looks.csv"), "step,dataset,stratum,right,n", first + 1)?,
        })
    }

    /// One training step; accuracies are of the questions of the batch.
    pub fn step(
        &mut self,
        step: usize,
        rate: f64,
        loss: f64,
        gradient: f64,
        kinds: &[Kind],
        right: &[bool],
    ) -> Result<()> {
        let accuracy: String = KINDS
            .iter()
            .map(|(kind, _)| {
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
