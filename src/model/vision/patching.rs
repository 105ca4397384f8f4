//! How an encoder of any resolution cuts frames into patches, which of them see each other, and how they are merged.
//!
//! Patches are counted row by row here, frame group after frame group; the reference implementation lists them merged cell
//! by merged cell, and window by window inside the tower. [`Patching::neighbourhoods`] is the dictionary between the two.

use crate::error::{Error, Result};

/// The measures of the encoder's patches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patching {
    /// Side of a patch, pixels.
    pub patch: usize,
    /// Frames that one patch spans; a still image counts as that many equal frames.
    pub frames: usize,
    /// `merge` x `merge` patches become one token.
    pub merge: usize,
    /// Side of an attention window, merged cells; none where all patches of a frame group see each other.
    pub window: Option<usize>,
    /// Layers without windows.
    pub full: Vec<usize>,
}

/// Patches of one item: frame groups, rows, columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchGrid {
    pub times: usize,
    pub rows: usize,
    pub cols: usize,
}

impl PatchGrid {
    pub fn count(&self) -> usize {
        self.times * self.rows * self.cols
    }

    /// Row and column of every patch, in order.
    pub fn places(self) -> impl Iterator<Item = [usize; 2]> {
        let frame = move || (0..self.rows).flat_map(move |row| (0..self.cols).map(move |col| [row, col]));
        (0..self.times).flat_map(move |_| frame())
    }
}

impl Patching {
    /// Side of a merged cell, pixels.
    pub fn cell(&self) -> usize {
        self.patch * self.merge
    }

    /// The patches of `frames` frames of `height` x `width` pixels.
    ///
    /// # Errors
    /// Sides that merged cells do not divide; several frames that do not fill whole groups.
    pub fn grid(&self, frames: usize, height: usize, width: usize) -> Result<PatchGrid> {
        let cell = self.cell();
        if height == 0 || width == 0 || !height.is_multiple_of(cell) || !width.is_multiple_of(cell) {
            return Err(Error::data(format!(
                "the encoder takes sides of whole {cell} pixels, the image has {width} x {height}"
            ))
            .with_help("`patch_size` and the merge size in the processor's files and in config.json must agree"));
        }
        if frames != 1 && (frames == 0 || !frames.is_multiple_of(self.frames)) {
            return Err(Error::data(format!("{frames} frames are no whole groups of {}", self.frames))
                .with_help("repeat the last frame, or leave one out"));
        }
        let times = frames.div_ceil(self.frames);
        Ok(PatchGrid { times, rows: height / self.patch, cols: width / self.patch })
    }

    /// The patches that see each other in a layer, group by group, in the reference implementation's order.
    pub fn neighbourhoods(&self, layer: usize, grid: PatchGrid) -> Vec<Vec<usize>> {
        if self.has_windows(layer) {
            return self.windowed(grid);
        }
        // Tokens stay in the order of the windows, in layers without windows too.
        let listed: Vec<usize> = self.windowed(grid).into_iter().flatten().collect();
        listed.chunks(grid.rows * grid.cols).map(<[usize]>::to_vec).collect()
    }

    /// Whether patches of a layer see those of their window only.
    pub fn has_windows(&self, layer: usize) -> bool {
        self.window.is_some() && !self.full.contains(&layer)
    }

    /// The patches of each window; of each frame group where there are no windows.
    pub fn windowed(&self, grid: PatchGrid) -> Vec<Vec<usize>> {
        self.window.map_or_else(|| self.by_frame(grid), |side| self.windows(side, grid))
    }

    /// The patches of each frame group.
    pub fn by_frame(&self, grid: PatchGrid) -> Vec<Vec<usize>> {
        self.windows(grid.rows.max(grid.cols), grid)
    }

    /// The patches of each frame, cut into windows of `side` merged cells; cells, and patches in a cell, row by row.
    fn windows(&self, side: usize, grid: PatchGrid) -> Vec<Vec<usize>> {
        let PatchGrid { times, rows, cols } = grid;
        let span = side.max(1) * self.merge;
        let starts = |length: usize| (0..length).step_by(span);
        let corners =
            (0..times).flat_map(|t| starts(rows).flat_map(move |row| starts(cols).map(move |col| (t, row, col))));
        let window = |(t, top, left): (usize, usize, usize)| {
            let (bottom, right) = ((top + span).min(rows), (left + span).min(cols));
            let cells = (top..bottom)
                .step_by(self.merge)
                .flat_map(|row| (left..right).step_by(self.merge).map(move |col| (row, col)));
            let patches = cells.flat_map(|(row, col)| {
                let inside = move |d: usize| (row + d / self.merge, col + d % self.merge);
                (0..self.merge * self.merge).map(inside)
            });
            patches.map(|(row, col)| (t * rows + row) * cols + col).collect()
        };
        corners.map(window).collect()
    }

    /// Patches as the reference's processor lists them, each `[channel, frame, y, x]`, to frames `[frame, channel, y, x]`.
    pub fn frames_of(&self, vectors: &[f32], channels: usize, grid: PatchGrid) -> Vec<f32> {
        let mut frames = vec![0.0; vectors.len()];
        self.each_value(channels, grid, |vector, pixel| frames[pixel] = vectors[vector]);
        frames
    }

    /// Frames `[frame, channel, y, x]` as the reference's processor lists them; a still image is repeated.
    pub fn vectors_of(&self, frames: &[f32], channels: usize, grid: PatchGrid) -> Vec<f32> {
        let pixels = grid.count() * self.frames * channels * self.patch * self.patch;
        let mut vectors = vec![0.0; pixels];
        self.each_value(channels, grid, |vector, pixel| vectors[vector] = frames[pixel % frames.len()]);
        vectors
    }

    /// Where each number of the reference's list stands among the pixels.
    fn each_value(&self, channels: usize, grid: PatchGrid, mut visit: impl FnMut(usize, usize)) {
        let Self { patch, frames, .. } = *self;
        let PatchGrid { rows, cols, .. } = grid;
        let (height, width) = (rows * patch, cols * patch);
        let listed = self.by_frame(grid);
        let mut vector = 0;
        for at in listed.into_iter().flatten() {
            let (time, row, col) = (at / (rows * cols), at / cols % rows, at % cols);
            for channel in 0..channels {
                for frame in 0..frames {
                    for y in 0..patch {
                        let line = ((time * frames + frame) * channels + channel) * height + row * patch + y;
                        for x in 0..patch {
                            visit(vector, line * width + col * patch + x);
                            vector += 1;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patching(window: Option<usize>) -> Patching {
        Patching { patch: 2, frames: 2, merge: 2, window, full: vec![1] }
    }

    #[test]
    fn windows_are_cut_at_the_border_and_never_across_frames() {
        let grid = PatchGrid { times: 2, rows: 2, cols: 6 };
        let patching = patching(Some(2));
        let windows = patching.neighbourhoods(0, grid);
        assert_eq!(windows.iter().map(Vec::len).collect::<Vec<_>>(), [8, 4, 8, 4]);
        assert_eq!(windows[0], [0, 1, 6, 7, 2, 3, 8, 9]);
        assert_eq!(windows[1], [4, 5, 10, 11]);
        assert_eq!(windows[3], [16, 17, 22, 23]);
        let full = patching.neighbourhoods(1, grid);
        assert_eq!(full.iter().map(Vec::len).collect::<Vec<_>>(), [12, 12]);
        assert_eq!(full[0], [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
        let tall = patching.neighbourhoods(1, PatchGrid { times: 1, rows: 6, cols: 6 });
        assert_eq!(tall[0][8..12], [12, 13, 18, 19], "below, before what lies right of the window");
    }

    #[test]
    fn every_patch_has_one_window() {
        for (rows, cols, side) in [(14, 10, 2), (2, 2, 4), (8, 8, 4), (18, 6, 4)] {
            let grid = PatchGrid { times: 3, rows, cols };
            let mut all: Vec<usize> = patching(Some(side)).neighbourhoods(0, grid).into_iter().flatten().collect();
            all.sort_unstable();
            assert_eq!(all, (0..grid.count()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn frames_survive_the_reference_layout() {
        let patching = patching(None);
        let grid = patching.grid(2, 4, 8).unwrap();
        assert_eq!(grid, PatchGrid { times: 1, rows: 2, cols: 4 });
        let frames: Vec<f32> = (0..2 * 3 * 4 * 8).map(|n| n as f32).collect();
        let vectors = patching.vectors_of(&frames, 3, grid);
        // The second patch of the list lies right of the first, the third below it; each begins with both frames' red.
        assert_eq!(vectors[..6], [0.0, 1.0, 8.0, 9.0, 96.0, 97.0]);
        assert_eq!((vectors[24], vectors[48], vectors[96]), (2.0, 16.0, 4.0));
        assert_eq!(patching.frames_of(&vectors, 3, grid), frames);
        let still = patching.vectors_of(&frames[..96], 3, patching.grid(1, 4, 8).unwrap());
        assert_eq!(still[..6], [0.0, 1.0, 8.0, 9.0, 0.0, 1.0]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let patching = patching(None);
        assert!(patching.grid(1, 4, 6).unwrap_err().to_string().contains("whole 4 pixels, the image has 6 x 4"));
        assert!(patching.grid(3, 4, 4).unwrap_err().to_string().contains("3 frames are no whole groups of 2"));
        assert!(patching.grid(0, 4, 4).is_err() && patching.grid(1, 0, 4).is_err());
    }
}
