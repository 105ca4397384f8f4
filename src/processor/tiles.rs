//! An image cut into tiles, and the views that come of it.

use image::RgbImage;
use image::imageops::crop_imm;

use super::geometry::{Axis, Grid, ImageGeometry};
use super::resample::{Filter, Resampler, resize_part};
use super::square::Square;
use super::view::{Mosaic, View};

/// How many tiles, one below the other and side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    pub rows: u32,
    pub cols: u32,
}

impl Tiling {
    pub fn count(self) -> usize {
        self.rows as usize * self.cols as usize
    }

    /// Square tiles of an image of exactly so many, row by row.
    pub fn cut(self, image: &RgbImage, side: u32) -> impl Iterator<Item = RgbImage> {
        let place = move |n: u32| (n % self.cols * side, n / self.cols * side);
        (0..self.rows * self.cols).map(place).map(move |(x, y)| crop_imm(image, x, y, side, side).to_image())
    }

    /// Tokens of all tiles together.
    pub fn grid(self, square: &Square) -> Grid {
        let Grid { rows, cols } = square.grid();
        Grid { rows: rows * self.rows as usize, cols: cols * self.cols as usize }
    }

    /// The view of an original of so many pixels that fills the tiles. Where patches do not fill a tile, the pixels left
    /// over at its right and bottom are counted to its tokens.
    pub fn view(self, (width, height): (u32, u32), square: &Square, mosaic: Mosaic, tokens: Vec<usize>) -> View {
        let axis = |original, tiles| {
            let covered = tiles * square.side;
            Axis { original, resized: covered, offset: 0, covered }
        };
        let geometry = ImageGeometry::new(axis(width, self.cols), axis(height, self.rows), self.grid(square));
        View { geometry, mosaic: Mosaic { across: self.cols as usize, ..mosaic }, tokens }
    }

    /// Row by row over the grid of all tiles, which token it is where each tile's tokens stand together, `stride` tokens
    /// from one tile's first to the next one's.
    pub fn tile_by_tile(self, square: &Square, first: usize, stride: usize) -> Vec<usize> {
        let Grid { rows, cols } = square.grid();
        let place = |token: super::Patch| {
            let tile = token.row / rows * self.cols as usize + token.col / cols;
            first + tile * stride + token.row % rows * cols + token.col % cols
        };
        self.grid(square).patches().map(place).collect()
    }
}

/// One tile, the whole image.
pub const WHOLE: Tiling = Tiling { rows: 1, cols: 1 };

/// `image` at `size`.
pub fn resized(image: &RgbImage, size: (u32, u32), filter: Filter, resampler: Resampler) -> RgbImage {
    resize_part(image, size, filter, [0..size.0, 0..size.1], resampler)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_row_of_the_image_come_from_several_tiles() {
        let square = Square { side: 8, patch: 2, merge: 2 };
        let tiling = Tiling { rows: 1, cols: 2 };
        assert_eq!(tiling.grid(&square), Grid { rows: 2, cols: 4 });
        assert_eq!(tiling.tile_by_tile(&square, 10, 4), [10, 11, 14, 15, 12, 13, 16, 17]);
        let image = RgbImage::from_fn(16, 8, |x, y| image::Rgb([x as u8, y as u8, 0]));
        let firsts: Vec<u8> = tiling.cut(&image, 8).map(|tile| tile.get_pixel(0, 0).0[0]).collect();
        assert_eq!(firsts, [0, 8]);
    }
}
