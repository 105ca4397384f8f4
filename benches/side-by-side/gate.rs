//! Before anything is timed: do all arms compute the same?

use serde::{Deserialize, Serialize};

use crate::task::{Outputs, Task};

/// How far an arm's numbers are from the reference's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Distance {
    /// Of what.
    pub name: String,
    /// The largest difference, as a share of the reference's largest number.
    pub off: f32,
    pub tolerance: f32,
}

impl Distance {
    pub fn is_close(&self) -> bool {
        // NaN is not.
        self.off <= self.tolerance
    }
}

/// An arm's outputs against the reference's, name by name.
///
/// # Errors
/// Other names or shapes; a reference of zeros, which would show nothing.
pub fn compare(task: Task, reference: &Outputs, arm: &Outputs) -> Result<Vec<Distance>, String> {
    if reference.keys().ne(arm.keys()) {
        return Err(format!("{:?} instead of {:?}", arm.keys(), reference.keys()));
    }
    let one = |(name, (shape, wanted)): (&String, &(Vec<usize>, Vec<f32>))| {
        let (other, found) = &arm[name];
        if other != shape {
            return Err(format!("`{name}` is {other:?} instead of {shape:?}"));
        }
        // Accuracies are compared as they are.
        let largest = wanted.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let scale = if task == Task::T6 { 1.0 } else { largest };
        if largest == 0.0 || largest.is_nan() {
            return Err(format!("`{name}` of the reference is nothing but zeros, or not a number"));
        }
        let off = wanted.iter().zip(found).map(|(a, b)| (a - b).abs() / scale);
        // `max` would pass over NaN.
        let off = off.fold(0f32, |most, off| if off.is_nan() || off > most { off } else { most });
        Ok(Distance { name: name.clone(), off, tolerance: task.tolerance(name) })
    };
    reference.iter().map(one).collect()
}
