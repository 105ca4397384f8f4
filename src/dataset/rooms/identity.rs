//! What stands in a room: a form in a colour. Six of the 24 identities are kept for testing.

use std::fmt;

use super::Split;

/// Solids that are told apart at a dozen pixels and from any side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A cube on one face.
    Box,
    Ball,
    /// A thin upright cylinder.
    Post,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Box, Self::Ball, Self::Post];

    pub fn word(self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::Ball => "ball",
            Self::Post => "post",
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            Self::Box => "boxes",
            Self::Ball => "balls",
            Self::Post => "posts",
        }
    }
}

/// Colours far apart from each other and from any wall. No two things of a room share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tint {
    Red,
    Green,
    Blue,
    Yellow,
    Purple,
    Orange,
    Cyan,
    Black,
}

impl Tint {
    pub const ALL: [Self; 8] =
        [Self::Red, Self::Green, Self::Blue, Self::Yellow, Self::Purple, Self::Orange, Self::Cyan, Self::Black];

    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Purple => "purple",
            Self::Orange => "orange",
            Self::Cyan => "cyan",
            Self::Black => "black",
        }
    }

    /// sRGB, 8 bits a channel, in full light.
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [225, 25, 30],
            Self::Green => [25, 165, 45],
            Self::Blue => [30, 70, 225],
            Self::Yellow => [250, 225, 20],
            Self::Purple => [150, 40, 190],
            Self::Orange => [255, 130, 10],
            Self::Cyan => [40, 215, 230],
            Self::Black => [25, 25, 25],
        }
    }
}

/// Form and colour together, displayed as "red box".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    pub form: Form,
    pub tint: Tint,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tint.word(), self.form.word())
    }
}

/// Never shown nor asked about in training: every form twice, six colours once, so that each is well known from other
/// combinations, and a room can be furnished with nothing else.
pub const HELD_OUT: [Identity; 6] = [
    Identity { form: Form::Box, tint: Tint::Red },
    Identity { form: Form::Box, tint: Tint::Cyan },
    Identity { form: Form::Ball, tint: Tint::Green },
    Identity { form: Form::Ball, tint: Tint::Orange },
    Identity { form: Form::Post, tint: Tint::Blue },
    Identity { form: Form::Post, tint: Tint::Yellow },
];

/// The identities on one side of the wall.
pub(super) fn identities(split: Split) -> Vec<Identity> {
    let all = Tint::ALL.into_iter().flat_map(|tint| Form::ALL.map(|form| Identity { form, tint }));
    all.filter(|identity| HELD_OUT.contains(identity) == (split == Split::HeldOut)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_wall_leaves_every_form_and_every_colour_on_the_training_side() {
        let (known, held) = (identities(Split::Training), identities(Split::HeldOut));
        assert_eq!((known.len(), held.len()), (18, 6));
        assert_eq!(held.iter().map(|identity| identity.tint).collect::<HashSet<_>>().len(), 6);
        for tint in Tint::ALL {
            assert!(known.iter().filter(|identity| identity.tint == tint).count() >= 2);
        }
    }
}
