//! Three entities in a row or a column of a fixed grid on white, in the manner of Squares and Shapes (the
//! dual-mechanisms study of ordering in vision-language models).
//!
//! Held out are *ordered triples*, and with each its reverse, so that the mirrored or swapped counterpart of a test image
//! was not trained on either. The identities in them are trained ones: what is new is the combination.

use std::sync::LazyLock;

use super::background::Background;
use super::dice::{Dice, Purpose};
use super::identity::{Colour, Identity, Shape, Split};
use super::relation::{Axis, Relation};
use super::scene::{Entity, Point, Scene};

/// What the three are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// Three squares; only the colour tells them apart.
    Squares,
    /// Any shapes, in three different colours.
    Shapes,
}

impl Flavour {
    pub const ALL: [Self; 2] = [Self::Squares, Self::Shapes];

    /// The plural, as in scene files and item ids.
    pub fn word_plural(self) -> &'static str {
        match self {
            Self::Squares => "squares",
            Self::Shapes => "shapes",
        }
    }

    /// What a question calls the asked entity.
    pub fn word(self) -> &'static str {
        match self {
            Self::Squares => "square",
            Self::Shapes => "shape",
        }
    }
}

/// Three identities, from left to right or from top to bottom.
pub type Triple = [Identity; 3];

/// Cells across the grid, and the entities in a row of it.
pub(super) const CELLS: i32 = 4;
pub(super) const IN_A_ROW: usize = 3;
/// Size of every entity on the default canvas, in pixels.
pub(super) const SIZE: i32 = 26;

/// A place for three in a row: which of the grid's rows (or columns), and in which of its cells they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub axis: Axis,
    pub lane: i32,
    pub start: i32,
}

impl Place {
    pub fn draw(dice: &mut Dice) -> Self {
        let axis = dice.pick(&Axis::ALL);
        Self { axis, lane: dice.between(0, CELLS - 1), start: dice.between(0, CELLS - IN_A_ROW as i32) }
    }

    pub fn arrange(self, canvas: i32, size: i32, triple: Triple) -> Scene {
        let centre = |cell: i32| canvas * (2 * cell + 1) / (2 * CELLS);
        let entities = triple.into_iter().zip(self.start..).map(|(identity, cell)| {
            let (along, across) = (centre(cell), centre(self.lane));
            let centre = match self.axis {
                Axis::Horizontal => Point { x: along, y: across },
                Axis::Vertical => Point { x: across, y: along },
            };
            Entity { identity, centre, size }
        });
        Scene { canvas: canvas as u32, background: Background::WHITE, entities: entities.collect() }
    }
}

/// The held-out ordered triples of each flavour, in a fixed order: 60 of squares, 60 of shapes.
pub fn held_out(flavour: Flavour) -> &'static [Triple] {
    static SQUARES: LazyLock<Vec<Triple>> = LazyLock::new(held_out_squares);
    static SHAPES: LazyLock<Vec<Triple>> = LazyLock::new(held_out_shapes);
    match flavour {
        Flavour::Squares => &SQUARES,
        Flavour::Shapes => &SHAPES,
    }
}

/// A triple of this flavour from this side of the wall.
pub(super) fn draw_triple(dice: &mut Dice, flavour: Flavour, split: Split) -> Triple {
    if split == Split::HeldOut {
        return dice.pick(held_out(flavour));
    }
    let pool: Vec<_> = match flavour {
        Flavour::Squares => trained_squares(),
        Flavour::Shapes => Split::Training.identities(),
    };
    // Fewer than one draw in two is refused, so this ends.
    loop {
        let triple: Triple = std::array::from_fn(|_| dice.pick(&pool));
        let [a, b, c] = triple.map(|identity| identity.colour);
        let known = Flavour::ALL.iter().any(|flavour| held_out(*flavour).contains(&triple));
        if a != b && b != c && a != c && !known {
            return triple;
        }
    }
}

/// The entities that can be asked about: (asked, direction, reference), as indices into the triple. The first two refer
/// to the middle one, which has a neighbour on either side.
pub(super) fn neighbours(axis: Axis) -> [(usize, Relation, usize); 4] {
    let [before, after] = axis.relations();
    [(0, before, 1), (2, after, 1), (1, after, 0), (1, before, 2)]
}

fn trained_squares() -> Vec<Identity> {
    Split::Training.identities().into_iter().filter(|identity| identity.shape == Shape::Square).collect()
}

/// For each of the six trained colours in the middle, the other five are put in a random circle and each two neighbours
/// of it stand at the ends: half of the 120 possible triples, every colour ten times in every place.
fn held_out_squares() -> Vec<Triple> {
    let mut triples = Vec::new();
    for (index, middle) in trained_squares().into_iter().enumerate() {
        let mut others: Vec<_> = trained_squares().into_iter().filter(|other| *other != middle).collect();
        Dice::new(Purpose::HeldOutTriples, 0, index as u64).shuffle(&mut others);
        for (k, first) in others.iter().enumerate() {
            let last = others[(k + 1) % others.len()];
            triples.extend([[*first, middle, last], [last, middle, *first]]);
        }
    }
    triples
}

/// Colours from random circles of all eight, three neighbours a triple; a random trained shape to each.
fn held_out_shapes() -> Vec<Triple> {
    let identities = Split::Training.identities();
    let mut triples: Vec<Triple> = Vec::new();
    let mut index = 0;
    while triples.len() < 60 {
        let mut dice = Dice::new(Purpose::HeldOutTriples, 1, index);
        let mut colours = Colour::ALL;
        dice.shuffle(&mut colours);
        for k in 0..colours.len() {
            let triple: Triple = std::array::from_fn(|place| {
                let colour = colours[(k + place) % colours.len()];
                let known: Vec<_> = identities.iter().copied().filter(|identity| identity.colour == colour).collect();
                dice.pick(&known)
            });
            let [first, middle, last] = triple;
            let alike = first.shape == middle.shape && middle.shape == last.shape;
            if triples.len() < 60 && !alike && !triples.contains(&triple) {
                triples.extend([triple, [last, middle, first]]);
            }
        }
        index += 1;
    }
    triples
}
