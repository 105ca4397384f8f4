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

    /// As in scene files and item ids.
    pub fn plural(self) -> &'static str {
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

/// How many ordered triples of each flavour are held out.
pub const HELD_OUT_TRIPLES: usize = 60;

/// The held-out ordered triples of a flavour, in a fixed order.
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
    // At least one draw in four is accepted, so this ends soon.
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
    let circles = trained_squares().into_iter().enumerate().map(|(index, middle)| {
        let mut others: Vec<_> = trained_squares().into_iter().filter(|other| *other != middle).collect();
        Dice::new(Purpose::HeldOutTriples, 0, index as u64).shuffle(&mut others);
        (middle, others)
    });
    let circles: Vec<(Identity, Vec<Identity>)> = circles.collect();
    // Every colour in the middle once before any comes again, so that a short beginning of the list is balanced too.
    let rounds = (0..5).flat_map(|round| circles.iter().map(move |circle| (round, circle)));
    let triples = rounds.flat_map(|(round, (middle, others))| {
        let (first, last) = (others[round], others[(round + 1) % others.len()]);
        [[first, *middle, last], [last, *middle, first]]
    });
    triples.collect()
}

/// Colours from random circles of all eight, three neighbours a triple; a random trained shape to each.
fn held_out_shapes() -> Vec<Triple> {
    let identities = Split::Training.identities();
    let mut triples: Vec<Triple> = Vec::new();
    let mut index = 0;
    while triples.len() < HELD_OUT_TRIPLES {
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
            if triples.len() < HELD_OUT_TRIPLES && !alike && !triples.contains(&triple) {
                triples.extend([triple, [last, middle, first]]);
            }
        }
        index += 1;
    }
    triples
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sixty_triples_of_trained_identities_are_held_out_each_with_its_reverse() {
        for flavour in Flavour::ALL {
            let triples: HashSet<Triple> = held_out(flavour).iter().copied().collect();
            assert_eq!(triples.len(), HELD_OUT_TRIPLES);
            for [first, middle, last] in &triples {
                assert!(triples.contains(&[*last, *middle, *first]));
                assert!(first.colour != middle.colour && middle.colour != last.colour && first.colour != last.colour);
                let trained = Split::Training.identities();
                assert!([first, middle, last].into_iter().all(|identity| trained.contains(identity)));
                let squares = [first, middle, last].into_iter().all(|identity| identity.shape == Shape::Square);
                assert_eq!(squares, flavour == Flavour::Squares);
            }
        }
    }

    #[test]
    fn every_trained_colour_of_square_is_ten_times_in_every_place() {
        for place in 0..IN_A_ROW {
            for square in trained_squares() {
                let here = held_out(Flavour::Squares).iter().filter(|triple| triple[place] == square);
                assert_eq!(here.count(), 10, "{square} at {place}");
            }
        }
    }

    #[test]
    fn all_other_triples_of_squares_are_left_to_training() {
        let dice = &mut Dice::new(Purpose::Training, 0, 0);
        let drawn: HashSet<Triple> = (0..2000).map(|_| draw_triple(dice, Flavour::Squares, Split::Training)).collect();
        assert_eq!(drawn.len(), 60);
        assert!(drawn.iter().all(|triple| !held_out(Flavour::Squares).contains(triple)));
    }
}
