//! Pale backgrounds: two light colours, and a pattern that says how much of the second is in each pixel.

use image::{Rgb, RgbImage};

use super::dice::Dice;
use super::relation::Axis;

/// What lies behind the entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Background {
    pub colours: [[u8; 3]; 2],
    pub pattern: Pattern,
    flipped: [bool; 2],
}

/// The kinds of background, as a scene file names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    White,
    Plain,
    Gradient,
    Stripes,
    Checker,
    Noise,
}

impl Kind {
    /// All but pure white, which is there for displays on a bare canvas.
    pub const VARIED: [Self; 5] = [Self::Plain, Self::Gradient, Self::Stripes, Self::Checker, Self::Noise];
}

/// How the two colours are mixed. Lengths in pixels, at least 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    Plain,
    Gradient {
        along: Direction,
    },
    Stripes {
        along: Direction,
        width: u32,
    },
    Checker {
        cell: u32,
    },
    /// Random values on a lattice of this spacing, smoothly joined.
    Noise {
        cell: u32,
        seed: u64,
    },
}

/// The direction in which a gradient or a row of stripes runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Across,
    Down,
    Diagonal,
    Antidiagonal,
}

const DIRECTIONS: [Direction; 4] = [Direction::Across, Direction::Down, Direction::Diagonal, Direction::Antidiagonal];

/// A mix of 256 is all of the second colour.
const WHOLE: u32 = 256;

impl Background {
    pub const WHITE: Self = Self { colours: [[255; 3]; 2], pattern: Pattern::Plain, flipped: [false; 2] };

    pub(super) fn draw(dice: &mut Dice, kinds: &[Kind]) -> Self {
        let kind = dice.pick(kinds);
        let colours = [pale(dice), pale(dice)];
        let along = dice.pick(&DIRECTIONS);
        let length = dice.between(6, 20) as u32;
        let seed = dice.below(1 << 30) as u64;
        let pattern = match kind {
            Kind::White => return Self::WHITE,
            Kind::Plain => Pattern::Plain,
            Kind::Gradient => Pattern::Gradient { along },
            Kind::Stripes => Pattern::Stripes { along, width: length },
            Kind::Checker => Pattern::Checker { cell: length },
            Kind::Noise => Pattern::Noise { cell: length, seed },
        };
        Self { colours, pattern, flipped: [false; 2] }
    }

    /// Seen in a mirror: left and right exchanged, or above and below.
    pub fn mirrored(&self, axis: Axis) -> Self {
        let mut mirrored = self.clone();
        match axis {
            Axis::Horizontal => mirrored.flipped[0] ^= true,
            Axis::Vertical => mirrored.flipped[1] ^= true,
        }
        mirrored
    }

    /// An image of `side` x `side` pixels of nothing but background.
    pub fn render(&self, side: u32) -> RgbImage {
        match self.pattern {
            Pattern::Plain => self.paint(side, |_, _| 0),
            Pattern::Gradient { along } => {
                let edge = side.saturating_sub(1);
                let last = along.position(edge, edge, side).max(along.position(edge, 0, side)).max(1);
                self.paint(side, |x, y| along.position(x, y, side) * WHOLE / last)
            }
            Pattern::Stripes { along, width } => {
                self.paint(side, |x, y| along.position(x, y, side) / width % 2 * WHOLE)
            }
            Pattern::Checker { cell } => self.paint(side, |x, y| (x / cell + y / cell) % 2 * WHOLE),
            Pattern::Noise { cell, seed } => {
                let across = (side / cell + 2) as usize;
                let lattice: Vec<u32> = (0..across * across).map(|at| scramble(seed, at as u64)).collect();
                self.paint(side, |x, y| {
                    let corner = (y / cell) as usize * across + (x / cell) as usize;
                    let (dx, dy) = (x % cell, y % cell);
                    let join = |at: usize| lattice[at] * (cell - dx) + lattice[at + 1] * dx;
                    (join(corner) * (cell - dy) + join(corner + across) * dy) / (cell * cell)
                })
            }
        }
    }

    fn paint(&self, side: u32, mix: impl Fn(u32, u32) -> u32) -> RgbImage {
        let [first, second] = self.colours;
        let channel = |c: usize, mix: u32| (u32::from(first[c]) * (WHOLE - mix) + u32::from(second[c]) * mix) / WHOLE;
        let mixed: Vec<_> = (0..=WHOLE).map(|mix| Rgb([0, 1, 2].map(|c| channel(c, mix) as u8))).collect();
        let [flip_x, flip_y] = self.flipped;
        RgbImage::from_fn(side, side, |x, y| {
            let mix = mix(if flip_x { side - 1 - x } else { x }, if flip_y { side - 1 - y } else { y });
            mixed[mix as usize]
        })
    }
}

impl Direction {
    /// How far along (x, y) lies, in pixels from the corner where it begins.
    fn position(self, x: u32, y: u32, side: u32) -> u32 {
        match self {
            Self::Across => x,
            Self::Down => y,
            Self::Diagonal => x + y,
            Self::Antidiagonal => x + side.saturating_sub(1 + y),
        }
    }
}

/// Light and of low saturation: no channel below 210, so that every entity stands out.
fn pale(dice: &mut Dice) -> [u8; 3] {
    let level = dice.between(220, 245);
    std::array::from_fn(|_| (level + dice.between(-10, 10)) as u8)
}

/// A value in `0..=256` that looks random (the finaliser of SplitMix64).
fn scramble(seed: u64, at: u64) -> u32 {
    let mut z = seed.wrapping_add(at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % 257) as u32
}
