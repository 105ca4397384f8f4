//! One task, shape and number of threads: arms started, held against the reference, then timed in turn.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::Fallible;
use crate::arms::ArmName;
use crate::child::Process;
use crate::gate::{Distance, compare};
use crate::results::{Cell, Sample};
use crate::task::{Outputs, Task, load};

pub struct Group<'a> {
    pub shape: &'a str,
    pub task: Task,
    pub threads: usize,
    pub arms: &'a [ArmName],
    pub python: Option<&'a Path>,
    /// The checkpoint and its inputs.
    pub folder: &'a Path,
    pub scratch: &'a Path,
    pub rounds: usize,
    /// Rounds end when they have taken so many seconds, but not before the second.
    pub budget_s: f64,
}

/// An arm at work.
struct Running {
    process: Process,
    cell: Cell,
    outputs: Outputs,
}

impl Group<'_> {
    /// Every arm's cell.
    ///
    /// # Errors
    /// An arm that computes something else than the reference: nothing of the group is kept.
    pub fn measure(&self) -> Fallible<Vec<Cell>> {
        let (mut running, mut missing) = (Vec::new(), Vec::new());
        for &arm in self.arms.iter().filter(|arm| arm.does(self.task)) {
            match self.start(arm) {
                Ok(started) => running.push(started),
                Err(error) if arm == ArmName::Vlmscope => return Err(error),
                Err(error) => {
                    eprintln!("  {}: {error}", arm.name());
                    missing.push(Cell::missing(self.shape, self.task, self.threads, arm, error.to_string()));
                }
            }
        }
        self.gate(&mut running)?;
        self.rounds(&mut running)?;
        let mut cells = Vec::new();
        for Running { process, mut cell, .. } in running {
            cell.peak = process.finish()?;
            cells.push(cell);
        }
        cells.extend(missing);
        cells.sort_by_key(|cell| cell.arm);
        Ok(cells)
    }

    fn scratch(&self, arm: ArmName) -> Fallible<PathBuf> {
        let folder = self.scratch.join(format!("{}-{}-{}-{}", self.shape, self.task.name(), self.threads, arm.name()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Loads an arm, has it do its first item and then show what it computes.
    fn start(&self, arm: ArmName) -> Fallible<Running> {
        let scratch = self.scratch(arm)?;
        let mut process = Process::start(arm, self.python, self.task, self.threads, self.folder, &scratch)?;
        process.run(0, 1)?;
        let mut cell = Cell::missing(self.shape, self.task, self.threads, arm, String::new());
        cell.absent = None;
        cell.items = self.task.items(self.shape);
        cell.cold_s = process.age();
        cell.import_s = process.loaded.import_s;
        cell.held = process.loaded.held;
        let path = scratch.join("outputs.safetensors");
        process.check(&path)?;
        let outputs = load(&path)?;
        Ok(Running { process, cell, outputs })
    }

    fn gate(&self, running: &mut [Running]) -> Fallible<()> {
        let of = ArmName::reference(self.task);
        let Some(reference) = running.iter().find(|one| one.cell.arm == of).map(|one| one.outputs.clone()) else {
            return match running {
                // Nobody to be compared with; the table says so.
                [_] => Ok(()),
                _ => Err(format!(
                    "nothing to hold the arms against: {} did not start, or is not among --arms",
                    of.name()
                )
                .into()),
            };
        };
        let mut wrong = Vec::new();
        for Running { cell, outputs, .. } in running.iter_mut().filter(|one| one.cell.arm != of) {
            match compare(self.task, &reference, outputs) {
                Ok(distances) => {
                    let far = distances.iter().filter(|distance| !distance.is_close());
                    wrong.extend(far.map(|Distance { name, off, tolerance }| {
                        format!(
                            "{}: `{name}` is off by {off:.1e} of {}, allowed {tolerance:.1e}",
                            cell.arm.name(),
                            of.name()
                        )
                    }));
                    cell.gate = distances;
                }
                Err(reason) => wrong.push(format!("{}: {reason}", cell.arm.name())),
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ").into()) }
    }

    /// A round warms up (each arm has done an item or two already), then each is of one repetition an arm.
    fn rounds(&self, running: &mut [Running]) -> Fallible<()> {
        let mut begun = Instant::now();
        for round in 0..=self.rounds {
            for Running { process, cell, .. } in running.iter_mut() {
                let took = process.run(round * cell.items, cell.items)?;
                if round > 0 {
                    cell.samples.push(Sample { cpu_s: took.cpu, wall_s: took.wall, bytes: took.bytes });
                }
            }
            if round == 0 {
                begun = Instant::now();
            } else if round > 1 && begun.elapsed().as_secs_f64() > self.budget_s {
                break;
            }
        }
        Ok(())
    }
}
