//! Which frames of a video are shown, evenly spaced in time, and how large: the rules of the published pipelines.
//!
//! The same model is fed in three ways (Qwen2.5-VL's `qwen-vl-utils` 0.0.11 and Spatial-MLLM 1.1): a video file, a list of
//! frame files, and the training loader. They differ in the frames they take and in the sizes they allow.

use crate::error::{Error, Result};

/// An even number nearest to `frames`, a half rounded to the even half: frames are encoded in pairs.
pub fn even(frames: usize) -> usize {
    (frames as f64 / 2.0).round_ties_even() as usize * 2
}

/// `count` frames of `total` as a video file is read: `round(linspace(0, total - 1, count))` in single precision, halves to
/// even.
///
/// # Errors
/// More frames than there are, or fewer than two.
pub fn rounded(total: usize, count: usize) -> Result<Vec<usize>> {
    if count < 2 || count > total {
        return Err(Error::usage(format!("{count} frames asked of a video of {total}"))
            .with_help(format!("expected from 2 to {total}, an even number")));
    }
    // As torch.linspace: from either end, in steps that are single precision.
    let end = (total - 1) as f32;
    let step = end / (count - 1) as f32;
    let at = |place: usize| {
        if place < count / 2 { step * place as f32 } else { end - step * (count - place - 1) as f32 }
    };
    Ok((0..count).map(|place| at(place).round_ties_even() as usize).collect())
}

/// At most `count` frames of `total` as training and the space-aware sampler take them:
/// `unique(linspace(0, total - 1, count, dtype=int))`, rounded down. All of them where there are fewer.
pub fn floored(total: usize, count: usize) -> Vec<usize> {
    if count < 2 {
        return (0..count.min(total)).collect();
    }
    let step = total.saturating_sub(1) as f64 / (count - 1) as f64;
    let at = |place: usize| if place + 1 == count { total.saturating_sub(1) } else { (place as f64 * step) as usize };
    let mut frames: Vec<usize> = (0..count.min(count * total)).map(at).collect();
    frames.dedup();
    frames
}

/// A list of an even number of frames: the last one twice where it was odd.
pub fn evened<T: Clone>(mut frames: Vec<T>) -> Vec<T> {
    if frames.len() % 2 == 1 {
        frames.extend(frames.last().cloned());
    }
    frames
}

/// How frames reach the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As a video file, of so many frames: all of one size, which depends on their number.
    Clip { frames: usize },
    /// As a list of image files: each is treated as an image, and may be larger.
    List,
    /// As the training of Spatial-MLLM 1.1 did.
    Training,
}

/// Sides are multiples of this many pixels: patches of 14, merged two by two.
pub const SIDE: u32 = 28;
const BLOCK: u64 = 28 * 28;

impl Delivery {
    /// Least and most pixels of a frame after resizing (to sides that are multiples of [`SIDE`]).
    pub fn pixels(self) -> [u64; 2] {
        match self {
            Self::Clip { frames } => {
                const LEAST: u64 = 128 * BLOCK;
                const TOTAL: f64 = 90_316_800.0;
                let shared = TOTAL / frames.max(1) as f64 * 2.0;
                let most = shared.min((768 * BLOCK) as f64).max((LEAST as f64 * 1.05).floor());
                [LEAST, most as u64]
            }
            Self::List => [4 * BLOCK, 16_384 * BLOCK],
            Self::Training => [374 * BLOCK, 414 * BLOCK],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_file_is_read_as_torch_rounds() {
        // round(linspace(0, 99, 8)) and others, by torch 2.15.
        assert_eq!(rounded(100, 8).unwrap(), [0, 14, 28, 42, 57, 71, 85, 99]);
        assert_eq!(rounded(4, 2).unwrap(), [0, 3]);
        assert_eq!(rounded(6, 6).unwrap(), [0, 1, 2, 3, 4, 5]);
        // Halves: 0, 2.5, 5 and 0, 1.5, 3, 4.5, 6 go to the even neighbour.
        assert_eq!(rounded(6, 3).unwrap(), [0, 2, 5]);
        assert_eq!(rounded(7, 5).unwrap(), [0, 2, 3, 4, 6]);
        let error = rounded(9, 16).unwrap_err();
        assert!(error.to_string().contains("16 frames asked of a video of 9"), "{error}");
        assert!(rounded(9, 1).is_err() && rounded(0, 2).is_err());
        assert_eq!([1, 2, 3, 5, 7, 16].map(even), [0, 2, 4, 4, 8, 16]);
    }

    #[test]
    fn training_rounds_down_and_drops_what_comes_twice() {
        assert_eq!(floored(100, 8), [0, 14, 28, 42, 56, 70, 84, 99]);
        assert_eq!(floored(3, 16), [0, 1, 2]);
        assert_eq!((floored(0, 4), floored(5, 0), floored(5, 1)), (vec![], vec![], vec![0]));
        assert_eq!(evened(vec![1, 2, 3]), [1, 2, 3, 3]);
        assert_eq!(evened(vec![1, 2]), [1, 2]);
    }

    #[test]
    fn sixteen_frames_share_what_a_clip_may_have() {
        assert_eq!(Delivery::Clip { frames: 16 }.pixels(), [100_352, 602_112]);
        assert_eq!(Delivery::Clip { frames: 768 }.pixels(), [100_352, 235_200]);
        assert_eq!(Delivery::Clip { frames: 4000 }.pixels(), [100_352, 105_369]);
        assert_eq!(Delivery::List.pixels(), [3136, 12_845_056]);
        assert_eq!(Delivery::Training.pixels(), [293_216, 324_576]);
    }
}
