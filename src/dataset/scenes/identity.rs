//! What an entity is: a shape in a colour. Twelve of the 48 identities are kept for testing.

use std::fmt;

/// The six shapes, told apart even at a dozen pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Star,
    Cross,
}

impl Shape {
    pub const ALL: [Self; 6] = [Self::Circle, Self::Square, Self::Triangle, Self::Diamond, Self::Star, Self::Cross];

    pub fn word(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Diamond => "diamond",
            Self::Star => "star",
            Self::Cross => "cross",
        }
    }
}

/// The eight colours, saturated and far apart on pale backgrounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Colour {
    Red,
    Green,
    Blue,
    Yellow,
    Purple,
    Orange,
    Brown,
    Black,
}

impl Colour {
    pub const ALL: [Self; 8] =
        [Self::Red, Self::Green, Self::Blue, Self::Yellow, Self::Purple, Self::Orange, Self::Brown, Self::Black];

    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Purple => "purple",
            Self::Orange => "orange",
            Self::Brown => "brown",
            Self::Black => "black",
        }
    }

    /// sRGB, 8 bits a channel.
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [220, 30, 30],
            Self::Green => [30, 160, 50],
            Self::Blue => [35, 80, 225],
            Self::Yellow => [240, 210, 20],
            Self::Purple => [150, 45, 185],
            Self::Orange => [250, 130, 10],
            Self::Brown => [120, 70, 30],
            Self::Black => [15, 15, 15],
        }
    }
}

/// Shape and colour together, displayed as "red circle".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    pub shape: Shape,
    pub colour: Colour,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.colour.word(), self.shape.word())
    }
}

/// Never shown nor asked about in training. Every shape is here twice, every colour once or twice, so that each is
/// well known from other combinations.
pub const HELD_OUT: [Identity; 12] = [
    Identity { shape: Shape::Circle, colour: Colour::Green },
    Identity { shape: Shape::Circle, colour: Colour::Orange },
    Identity { shape: Shape::Square, colour: Colour::Yellow },
    Identity { shape: Shape::Square, colour: Colour::Purple },
    Identity { shape: Shape::Triangle, colour: Colour::Red },
    Identity { shape: Shape::Triangle, colour: Colour::Blue },
    Identity { shape: Shape::Diamond, colour: Colour::Red },
    Identity { shape: Shape::Diamond, colour: Colour::Black },
    Identity { shape: Shape::Star, colour: Colour::Blue },
    Identity { shape: Shape::Star, colour: Colour::Brown },
    Identity { shape: Shape::Cross, colour: Colour::Green },
    Identity { shape: Shape::Cross, colour: Colour::Orange },
];

/// The side of the wall between what a model may have been trained on and what it never met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What training may show: 36 identities, and every triple of them that is not held out.
    #[default]
    Training,
    /// What training never shows: the 12 held-out identities (pairs), the held-out ordered triples (rows).
    HeldOut,
}

impl Split {
    /// The identities on this side, shape by shape.
    pub fn identities(self) -> Vec<Identity> {
        let all = Shape::ALL.into_iter().flat_map(|shape| Colour::ALL.map(|colour| Identity { shape, colour }));
        all.filter(|identity| HELD_OUT.contains(identity) == (self == Self::HeldOut)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_held_out_twice_and_every_colour_once_or_twice() {
        for shape in Shape::ALL {
            assert_eq!(HELD_OUT.iter().filter(|identity| identity.shape == shape).count(), 2, "{shape:?}");
        }
        for colour in Colour::ALL {
            let n = HELD_OUT.iter().filter(|identity| identity.colour == colour).count();
            assert!((1..=2).contains(&n), "{colour:?} {n} times");
        }
    }

    #[test]
    fn the_wall_divides_all_48_identities() {
        assert_eq!(Split::Training.identities().len(), 36);
        let mut held_out = Split::HeldOut.identities();
        held_out.sort();
        assert_eq!(held_out, HELD_OUT);
    }
}
