//! What was measured, as it is kept: raw samples and everything that one must know to judge them.

use serde::{Deserialize, Serialize};

use crate::arms::ArmName;
use crate::gate::Distance;
use crate::machine::Machine;
use crate::scaling::Point;
use crate::task::Task;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    pub machine: Machine,
    pub rounds: usize,
    pub budget_s: f64,
    /// Arms that could not be started at all, and why.
    pub absent: Vec<(ArmName, String)>,
    pub cells: Vec<Cell>,
    #[serde(default)]
    pub scaling: Vec<Point>,
}

impl Results {
    /// Whether something else kept the machine busy: one thread then waits for its turn. Without such cells, by the load at
    /// the start, which remembers what ended a minute ago.
    pub fn was_busy(&self) -> bool {
        let waits = |cell: &Cell| Some(cell.wall()?.median > 1.1 * cell.cpu()?.median);
        let alone: Vec<bool> = self.cells.iter().filter(|cell| cell.threads == 1).filter_map(waits).collect();
        if alone.is_empty() { self.machine.load_before > 0.5 } else { alone.contains(&true) }
    }
}

/// One arm at one task, shape and number of threads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    pub shape: String,
    pub task: Task,
    pub threads: usize,
    pub arm: ArmName,
    /// Why there are no numbers.
    pub absent: Option<String>,
    pub gate: Vec<Distance>,
    /// Items of one repetition.
    pub items: usize,
    /// Seconds from the start of the process to the first item's result, and the part of it that Python's imports took.
    pub cold_s: f64,
    pub import_s: f64,
    /// Bytes held once the model was loaded, and at most.
    pub held: u64,
    pub peak: u64,
    pub samples: Vec<Sample>,
}

/// One repetition, of all its items.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sample {
    pub cpu_s: f64,
    pub wall_s: f64,
    pub bytes: u64,
}

/// Median and quartiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quartiles {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Quartiles {
    /// None of no values. Between two neighbours, their mixture.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |share: f64| {
            let place = share * last as f64;
            let (below, part) = (place.floor() as usize, place.fract());
            values[below] * (1.0 - part) + values[(below + 1).min(last)] * part
        };
        Some(Self { low: at(0.25), median: at(0.5), high: at(0.75) })
    }
}

impl Cell {
    /// An arm that has none.
    pub fn missing(shape: &str, task: Task, threads: usize, arm: ArmName, reason: String) -> Self {
        Self {
            shape: shape.into(),
            task,
            threads,
            arm,
            absent: Some(reason),
            gate: Vec::new(),
            items: 0,
            cold_s: 0.0,
            import_s: 0.0,
            held: 0,
            peak: 0,
            samples: Vec::new(),
        }
    }

    /// Processor seconds an item.
    pub fn cpu(&self) -> Option<Quartiles> {
        self.each(|sample| sample.cpu_s)
    }

    /// Seconds an item.
    pub fn wall(&self) -> Option<Quartiles> {
        self.each(|sample| sample.wall_s)
    }

    pub fn bytes(&self) -> f64 {
        self.each(|sample| sample.bytes as f64).map_or(0.0, |bytes| bytes.median)
    }

    fn each(&self, of: impl Fn(&Sample) -> f64) -> Option<Quartiles> {
        Quartiles::of(self.samples.iter().map(|sample| of(sample) / self.items.max(1) as f64).collect())
    }
}
