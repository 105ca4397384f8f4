//! What an image's tokens show: a view is a grid of tokens over a part of the original image. An image may have several, the
//! whole and enlarged tiles. A video is a strip of film: its groups of frames lie one below the other. All views of an image look at the same patches of
//! the encoder in the same way: see [`Mosaic`].

use super::Picture;
use super::geometry::{Grid, ImageGeometry, Patch};

/// A grid of image tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The grid, and what each of its tokens shows of the original image.
    pub geometry: ImageGeometry,
    /// Which of the encoder's patches each token is made of.
    pub mosaic: Mosaic,
    /// Row by row, where each token stands: of a prompt, its position; of a picture, which of the picture's tokens it is.
    pub tokens: Vec<usize>,
}

/// An image token that shows no part of the image: the end of a row of tiles, a class token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where it stands, as in [`View::tokens`].
    pub token: usize,
    /// Which of the tokens that the projector makes it is; one that there is not: the model's own end of a row.
    pub source: usize,
}

impl Picture {
    /// Every image token in the order of the visual tokens: which it is in the picture's text, and which of those that the
    /// projector makes.
    pub fn arranged(&self) -> Vec<(usize, usize)> {
        let of = |view: &View| {
            let sources = view.geometry.grid.patches().map(|token| view.mosaic.projected(token));
            view.tokens.iter().copied().zip(sources).collect::<Vec<_>>()
        };
        let views = std::iter::once(&self.main).chain(&self.aside).flat_map(of);
        views.chain(self.marks.iter().map(|mark| (mark.token, mark.source))).collect()
    }

    /// Whether a token of the model's own ends its rows.
    pub fn ends_rows(&self) -> bool {
        self.marks.iter().any(|mark| mark.source >= self.main.mosaic.projected_tokens())
    }
}

/// A grid of image tokens over the encoder's images. Every encoder image has as many patches; what an item's other views
/// show lies before or behind the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mosaic {
    /// Encoder images of the item altogether, groups of a video's frames among them.
    pub images: usize,
    /// Which of them is the first tile; the others follow row by row.
    pub first: usize,
    /// Tiles beside each other.
    pub across: usize,
    /// Tokens of a tile.
    pub tile: Grid,
    /// Groups of frames of a video, one below the other in the grid; 1 of a picture.
    pub moments: usize,
    /// Rows of tokens above the grid and columns left of it that are padding and go unused.
    pub margin: [usize; 2],
    /// The encoder's patches along each side of a token.
    pub merge: usize,
    /// Tokens before the patches of each image, in the encoder.
    pub class_tokens: usize,
    /// How many of those enter the projector.
    pub kept_class_tokens: usize,
}

impl Mosaic {
    /// One encoder image, a token a patch.
    pub fn single(grid: Grid) -> Self {
        Self {
            images: 1,
            first: 0,
            across: 1,
            tile: grid,
            moments: 1,
            margin: [0; 2],
            merge: 1,
            class_tokens: 0,
            kept_class_tokens: 0,
        }
    }

    /// The encoder image that a token lies in, and its place there.
    pub fn tile_of(&self, token: Patch) -> (usize, Patch) {
        let Grid { rows, cols } = self.tile;
        let (row, col) = (token.row + self.margin[0], token.col + self.margin[1]);
        let image = self.first + row / rows * self.across + col / cols;
        (image, Patch { row: row % rows, col: col % cols })
    }

    /// The tokens of an image token in the encoder's residual stream, class tokens counted.
    pub fn in_encoder(&self, token: Patch) -> Vec<usize> {
        self.patches(token, self.class_tokens).collect()
    }

    /// The tokens of an image token where the projector reads.
    pub fn in_encoder_out(&self, token: Patch) -> Vec<usize> {
        self.patches(token, self.kept_class_tokens).collect()
    }

    /// The patches of an image token in a second encoder that reads frames one by one, two to a token, its patches being as
    /// large as the first one's: frame after frame, row by row.
    pub fn in_spatial(&self, token: Patch) -> Vec<usize> {
        let (group, place) = self.tile_of(token);
        let frame = |frame: usize| {
            let before = frame * self.patches_an_image();
            self.tile.finer(place, self.merge).map(move |at| before + at)
        };
        (2 * group..2 * group + 2).flat_map(frame).collect()
    }

    /// How many patches an item has there.
    pub fn spatial_tokens(&self) -> usize {
        2 * self.images * self.patches_an_image()
    }

    /// Which of the tokens that the projector makes an image token is.
    pub fn projected(&self, token: Patch) -> usize {
        let (image, place) = self.tile_of(token);
        image * (self.kept_class_tokens + self.tile.count())
            + self.kept_class_tokens
            + place.row * self.tile.cols
            + place.col
    }

    /// How many tokens the projector makes.
    pub fn projected_tokens(&self) -> usize {
        self.images * (self.kept_class_tokens + self.tile.count())
    }

    /// How many tokens an item has in the encoder's residual stream.
    pub fn encoder_tokens(&self) -> usize {
        self.images * (self.class_tokens + self.patches_an_image())
    }

    /// How many tokens an item has where the projector reads.
    pub fn encoder_out_tokens(&self) -> usize {
        self.images * (self.kept_class_tokens + self.patches_an_image())
    }

    fn patches_an_image(&self) -> usize {
        self.tile.count() * self.merge * self.merge
    }

    fn patches(&self, token: Patch, class_tokens: usize) -> impl Iterator<Item = usize> {
        let (image, place) = self.tile_of(token);
        let before = image * (class_tokens + self.patches_an_image()) + class_tokens;
        self.tile.finer(place, self.merge).map(move |at| before + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_token_comes_before_the_patches_of_one_image() {
        let grid = Grid { rows: 2, cols: 3 };
        let mosaic = Mosaic { class_tokens: 1, ..Mosaic::single(grid) };
        let token = Patch { row: 1, col: 1 };
        assert_eq!((mosaic.in_encoder(token), mosaic.in_encoder_out(token)), (vec![5], vec![4]));
        assert_eq!((mosaic.encoder_tokens(), mosaic.encoder_out_tokens()), (7, 6));
    }

    #[test]
    fn every_patch_of_a_tile_belongs_to_one_token() {
        // Two rows of three tiles behind a global view, 2 x 2 tokens of 2 x 2 patches each.
        let tile = Grid { rows: 2, cols: 2 };
        let mosaic = Mosaic { images: 7, first: 1, across: 3, merge: 2, class_tokens: 1, ..Mosaic::single(tile) };
        let grid = Grid { rows: 4, cols: 6 };
        assert_eq!(mosaic.tile_of(Patch { row: 3, col: 2 }), (5, Patch { row: 1, col: 0 }));
        let mut all: Vec<usize> = grid.patches().flat_map(|token| mosaic.in_encoder(token)).collect();
        all.sort_unstable();
        let expected: Vec<usize> = (17..17 * 7).filter(|at| at % 17 != 0).collect();
        assert_eq!(all, expected);
        // What the projector makes has no class tokens, and one token for four patches.
        assert_eq!((mosaic.projected(Patch { row: 3, col: 2 }), mosaic.projected_tokens()), (5 * 4 + 2, 28));
    }

    /// Two groups of frames of 2 x 2 tokens: a token has its patches in both frames of its group.
    #[test]
    fn a_strip_of_film_has_its_frames_one_below_the_other() {
        let tile = Grid { rows: 2, cols: 2 };
        let mosaic = Mosaic { images: 2, moments: 2, merge: 2, ..Mosaic::single(tile) };
        let token = Patch { row: 3, col: 1 };
        assert_eq!((mosaic.tile_of(token), mosaic.projected(token)), ((1, Patch { row: 1, col: 1 }), 7));
        assert_eq!(mosaic.in_encoder_out(token), [26, 27, 30, 31]);
        assert_eq!(mosaic.in_spatial(token), [42, 43, 46, 47, 58, 59, 62, 63]);
        let mut all: Vec<usize> =
            Grid { rows: 4, cols: 2 }.patches().flat_map(|token| mosaic.in_spatial(token)).collect();
        all.sort_unstable();
        assert_eq!(all, (0..mosaic.spatial_tokens()).collect::<Vec<_>>());
    }

    #[test]
    fn a_margin_goes_unused() {
        let tile = Grid { rows: 4, cols: 4 };
        let mosaic = Mosaic { images: 3, first: 1, across: 2, margin: [1, 0], ..Mosaic::single(tile) };
        assert_eq!(mosaic.in_encoder(Patch { row: 0, col: 0 }), [16 + 4]);
        assert_eq!(mosaic.in_encoder(Patch { row: 1, col: 5 }), [32 + 8 + 1]);
    }
}
