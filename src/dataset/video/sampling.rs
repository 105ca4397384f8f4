//! Space-aware frame sampling (Wu et al. 2025, Spatial-MLLM): of all frames, those that together see most of a room.
//!
//! Space is cut into cubes, a twentieth of the scene's shortest side across; a frame covers the cubes that hold one of its
//! confident points; frames are taken greedily, each time the one that covers most cubes not covered yet. Greedy is within
//! 1 - 1/e of the best choice there is (Nemhauser et al. 1978).

use std::collections::HashMap;

use super::indices::floored;
use super::point_maps::PointMaps;
use crate::error::{Error, Result};

/// What decides which points count and how space is cut. The default is what the released code does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Points less confident than this percentile of all are left out, 0 to 100.
    pub percentile: f64,
    /// Points of this confidence or less are left out.
    pub confidence: f32,
    /// Cubes along the shortest side of the box around all points that count.
    pub lambda: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { percentile: 50.0, confidence: 0.1, lambda: 20.0 }
    }
}

/// Most frames that are looked at to choose from.
const CANDIDATES: usize = 128;

/// The frames to choose from: at most 128, evenly spaced.
pub fn candidates(total: usize) -> Vec<usize> {
    floored(total, total.min(CANDIDATES))
}

/// One frame taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    pub frame: usize,
    /// Cubes that no frame before it covers.
    pub gain: usize,
    /// Cubes covered by now.
    pub covered: usize,
}

/// Which cubes every frame covers.
#[derive(Clone, Debug, PartialEq)]
pub struct Voxels {
    /// Side of a cube, in the unit of the points.
    pub side: f32,
    /// Of all cubes that any frame covers.
    pub total: usize,
    /// Numbers of the cubes, of each frame, each once.
    frames: Vec<Vec<u32>>,
}

impl Voxels {
    /// # Errors
    /// Options that make no sense; no point that counts; points that all lie in one plane, which has no shortest side.
    pub fn of(maps: &PointMaps, options: Sampling) -> Result<Self> {
        let Sampling { percentile, confidence, lambda } = options;
        if !(0.0..=100.0).contains(&percentile) {
            return Err(Error::usage(format!("the percentile is {percentile}, expected from 0 to 100")));
        }
        if !(lambda.is_finite() && lambda >= 1.0) {
            return Err(Error::usage(format!("lambda is {lambda}, expected 1 or more")));
        }
        let threshold = at_percentile(maps.confidence(), percentile);
        let counts = |value: f32| value >= threshold && value > confidence;
        let (mut low, mut high) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
        for (point, _) in maps.points().iter().zip(maps.confidence()).filter(|(_, value)| counts(**value)) {
            for axis in 0..3 {
                (low[axis], high[axis]) = (low[axis].min(point[axis]), high[axis].max(point[axis]));
            }
        }
        let sides: [f32; 3] = std::array::from_fn(|axis| high[axis] - low[axis]);
        if low[0] > high[0] {
            return Err(Error::data(format!("no point is more confident than {confidence}"))
                .with_help("lower the least confidence; a point that nothing is known about has the confidence 0"));
        }
        let side = sides.into_iter().fold(f32::INFINITY, f32::min) / lambda;
        if !(side.is_finite() && side > 0.0) {
            return Err(Error::data(format!(
                "the points span {sides:?}: a box without volume cannot be cut into cubes"
            ))
            .with_help("are the points those of one flat surface, or the same everywhere?"));
        }
        let mut numbers: HashMap<[i32; 3], u32> = HashMap::new();
        let mut frames = Vec::new();
        for (points, confidence) in maps.by_frame() {
            let inside = points.iter().zip(confidence).filter(|(_, value)| counts(**value)).map(|(point, _)| point);
            let mut covered: Vec<u32> = inside
                .map(|point| std::array::from_fn(|axis| ((point[axis] - low[axis]) / side).floor() as i32))
                .map(|cube| {
                    let next = numbers.len() as u32;
                    *numbers.entry(cube).or_insert(next)
                })
                .collect();
            covered.sort_unstable();
            covered.dedup();
            frames.push(covered);
        }
        Ok(Self { side, total: numbers.len(), frames })
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// At most `count` frames, each the one with most new cubes, the earliest of several; it ends where no frame has a new one.
    /// So a camera that stands still gives one frame.
    pub fn greedy(&self, count: usize) -> Vec<Pick> {
        let mut known = vec![false; self.total];
        let (mut picks, mut covered) = (Vec::new(), 0);
        while picks.len() < count {
            let gain = |frame: &Vec<u32>| frame.iter().filter(|cube| !known[**cube as usize]).count();
            let gains = self.frames.iter().map(gain).enumerate();
            let best = gains.fold((0, 0), |best, (frame, gain)| if gain > best.1 { (frame, gain) } else { best });
            let (frame, gain) = best;
            if gain == 0 {
                break;
            }
            self.frames[frame].iter().for_each(|cube| known[*cube as usize] = true);
            covered += gain;
            picks.push(Pick { frame, gain, covered });
        }
        picks
    }

    /// Cubes that these frames cover together; frames that there are not cover nothing.
    pub fn covered(&self, frames: &[usize]) -> usize {
        let mut known = vec![false; self.total];
        for cube in frames.iter().filter_map(|frame| self.frames.get(*frame)).flatten() {
            known[*cube as usize] = true;
        }
        known.into_iter().filter(|known| *known).count()
    }
}

/// Linear between the two neighbours, as NumPy does.
fn at_percentile(values: &[f32], percentile: f64) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let place = percentile / 100.0 * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    (f64::from(below) + (f64::from(above) - f64::from(below)) * place.fract()) as f32
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    fn maps(frames: usize, points: impl Fn(usize, usize) -> [f32; 3]) -> PointMaps {
        let points = (0..frames).flat_map(|frame| (0..4).map(move |at| (frame, at))).map(|(f, at)| points(f, at));
        PointMaps::new([frames, 2, 2], points.collect(), vec![1.0; frames * 4]).unwrap()
    }

    /// The frames that the authors' description, written out in Python, chose.
    #[test]
    fn choices_are_those_of_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/frame-sampling/ref.safetensors");
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let floats = |name: &str| -> Vec<f32> {
            file.tensor(name).unwrap().data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        };
        let whole = |name: &str| -> Vec<usize> {
            file.tensor(name).unwrap().data().as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as usize).collect()
        };
        let points = floats("points").as_chunks().0.to_vec();
        let maps = PointMaps::new([24, 12, 16], points, floats("conf")).unwrap();
        let voxels = Voxels::of(&maps, Sampling::default()).unwrap();
        assert_eq!(voxels.side, floats("voxel_size")[0]);
        let picks = voxels.greedy(8);
        let order: Vec<usize> = picks.iter().map(|pick| pick.frame).collect();
        assert_eq!(order, whole("greedy_order"));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, whole("selected_sorted"));
        let gains: Vec<usize> = picks.iter().map(|pick| pick.gain).collect();
        assert_eq!(gains, [85, 83, 81, 80, 79, 79, 78, 77]);
        assert_eq!((picks[7].covered, voxels.total), (642, 1614));
        assert_eq!(voxels.covered(&order), 642);
    }

    #[test]
    fn a_camera_that_stands_still_gives_one_frame() {
        let still = maps(9, |_, at| [at as f32, (at % 2) as f32, (at / 2) as f32]);
        let voxels = Voxels::of(&still, Sampling::default()).unwrap();
        assert_eq!(voxels.greedy(16), [Pick { frame: 0, gain: 4, covered: 4 }]);
        assert_eq!(voxels.greedy(0), []);
        let one = maps(1, |_, at| [at as f32, (at % 2) as f32, (at / 2) as f32]);
        assert_eq!(Voxels::of(&one, Sampling::default()).unwrap().greedy(16).len(), 1);
    }

    #[test]
    fn more_frames_than_there_are_gives_all_that_see_something_new() {
        let moving = maps(3, |frame, at| [frame as f32 + at as f32 * 0.1, (at % 2) as f32, (at / 2) as f32]);
        let voxels = Voxels::of(&moving, Sampling::default()).unwrap();
        let picks = voxels.greedy(16);
        assert_eq!(picks.len(), 3);
        assert_eq!(picks.last().unwrap().covered, voxels.total);
        assert_eq!(voxels.covered(&[7]), 0);
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let flat = maps(2, |frame, at| [frame as f32, at as f32, 3.0]);
        let error = Voxels::of(&flat, Sampling::default()).unwrap_err().to_string();
        assert!(error.contains("without volume"), "{error}");
        let doubtful = PointMaps::new([1, 2, 2], vec![[0.0; 3]; 4], vec![0.0; 4]).unwrap();
        assert!(Voxels::of(&doubtful, Sampling::default()).unwrap_err().to_string().contains("no point"));
        let maps = maps(1, |_, at| [at as f32; 3]);
        let with = |percentile, lambda| Voxels::of(&maps, Sampling { percentile, lambda, ..Sampling::default() });
        assert!(with(101.0, 20.0).is_err() && with(f64::NAN, 20.0).is_err() && with(50.0, 0.0).is_err());
    }

    #[test]
    fn doubtful_points_are_left_out() {
        // The lower half of the confidences: frame 1 keeps nothing.
        let points: Vec<[f32; 3]> = (0..8u8).map(|at| [f32::from(at), f32::from(at % 2), f32::from(at / 2)]).collect();
        let confidence = vec![2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0];
        let voxels = Voxels::of(&PointMaps::new([2, 2, 2], points, confidence).unwrap(), Sampling::default()).unwrap();
        assert_eq!(voxels.greedy(2).len(), 1);
        assert_eq!(at_percentile(&[4.0, 1.0, 2.0], 75.0), 3.0);
    }

    #[test]
    fn at_most_128_frames_are_looked_at() {
        assert_eq!(candidates(5), [0, 1, 2, 3, 4]);
        let many = candidates(1000);
        assert_eq!((many.len(), many[0], many[1], many[127]), (128, 0, 7, 999));
    }
}
