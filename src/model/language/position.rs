//! Where a token stands for the rotary embedding: a number for text, a place in time and space for image tokens (M-RoPE;
//! Wang et al. 2024, arXiv 2409.12191, section 2.1).

/// Time, row, column; all three the same number for text, and for every token where positions are plain numbers.
pub type Position = [usize; 3];

/// A run of image tokens in a prompt: grids of `rows` x `cols` tokens, one after another in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// Position in the prompt of the first token.
    pub start: usize,
    pub times: usize,
    pub rows: usize,
    pub cols: usize,
    /// How far the time coordinate moves from one grid to the next; the sum is rounded down at each grid.
    pub time_step: f32,
}

impl Clip {
    fn tokens(&self) -> usize {
        self.times * self.rows * self.cols
    }

    /// Its tokens, if the first stands at `from`.
    fn positions(self, from: usize) -> impl Iterator<Item = Position> {
        (0..self.times).flat_map(move |time| {
            let time = from + (time as f32 * self.time_step) as usize;
            (0..self.rows).flat_map(move |row| (0..self.cols).map(move |col| [time, from + row, from + col]))
        })
    }
}

/// The position of each of `len` tokens. Text counts on, all coordinates together; a clip spreads out from where it
/// begins; what follows it goes on behind its farthest coordinate, as the models were trained (transformers 5 counts rows
/// and columns only, so that text would overlap a clip that lasts longer than it is wide).
pub fn positions(len: usize, clips: &[Clip]) -> Vec<Position> {
    let mut all: Vec<Position> = Vec::with_capacity(len);
    let mut next = 0;
    for clip in clips {
        let text = clip.start.saturating_sub(all.len());
        all.extend((next..next + text).map(|p| [p; 3]));
        all.extend(clip.positions(next + text));
        next = farthest(&all);
    }
    let text = len.saturating_sub(all.len());
    all.extend((next..next + text).map(|p| [p; 3]));
    debug_assert_eq!(all.len(), len, "clips of {:?} tokens", clips.iter().map(Clip::tokens).collect::<Vec<_>>());
    all
}

/// The position of the token that would follow these.
pub fn farthest(positions: &[Position]) -> usize {
    positions.iter().flatten().max().map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(positions: &[Position], axis: usize) -> Vec<usize> {
        positions.iter().map(|position| position[axis]).collect()
    }

    #[test]
    fn text_alone_counts() {
        assert_eq!(positions(3, &[]), [[0; 3], [1; 3], [2; 3]]);
        assert_eq!((farthest(&positions(3, &[])), farthest(&[])), (3, 0));
    }

    /// Two grids of 2 x 3 after four text tokens, half a second apart at two units a second, and whole seconds apart.
    #[test]
    fn a_clip_spreads_out_in_time_and_space() {
        let clip = |time_step| Clip { start: 4, times: 2, rows: 2, cols: 3, time_step };
        let slow = positions(18, &[clip(1.0)]);
        assert_eq!(axis(&slow, 0), [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 7, 8]);
        assert_eq!(axis(&slow, 1), [0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 4, 4, 4, 5, 5, 5, 7, 8]);
        assert_eq!(axis(&slow, 2), [0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6, 7, 8]);
        assert_eq!(axis(&positions(18, &[clip(2.0)]), 0)[10..12], [6, 6]);
        // A clip that lasts longer than it is wide pushes the text behind its end.
        assert_eq!(axis(&positions(18, &[clip(9.0)]), 1)[16..], [14, 15]);
    }

    #[test]
    fn time_is_rounded_down_at_each_grid() {
        let clip = Clip { start: 0, times: 4, rows: 1, cols: 1, time_step: 0.8 };
        assert_eq!(axis(&positions(4, &[clip]), 0), [0, 0, 1, 2]);
    }

    #[test]
    fn several_images_stand_one_behind_the_other() {
        let image = |start| Clip { start, times: 1, rows: 2, cols: 2, time_step: 1.0 };
        let all = positions(11, &[image(1), image(6)]);
        assert_eq!(axis(&all, 0), [0, 1, 1, 1, 1, 3, 4, 4, 4, 4, 6]);
        assert_eq!(axis(&all, 2), [0, 1, 2, 1, 2, 3, 4, 5, 4, 5, 6]);
    }
}
