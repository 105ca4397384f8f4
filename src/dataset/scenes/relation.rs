//! Where one thing is, seen from another.

/// An image axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    Horizontal,
    Vertical,
}

impl Axis {
    pub const ALL: [Self; 2] = [Self::Horizontal, Self::Vertical];

    pub fn word(self) -> &'static str {
        match self {
            Self::Horizontal => "horizontal",
            Self::Vertical => "vertical",
        }
    }

    /// The relation towards smaller coordinates (left, above), then the one towards larger ones.
    pub fn relations(self) -> [Relation; 2] {
        match self {
            Self::Horizontal => [Relation::Left, Relation::Right],
            Self::Vertical => [Relation::Above, Relation::Below],
        }
    }
}

/// The first object's place in relation to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    Left,
    Right,
    Above,
    Below,
}

impl Relation {
    /// In the order of the answer options.
    pub const ALL: [Self; 4] = [Self::Left, Self::Right, Self::Above, Self::Below];

    pub fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Above => "above",
            Self::Below => "below",
        }
    }

    /// As it stands before a noun: "to the left of".
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Left => "to the left of",
            Self::Right => "to the right of",
            Self::Above => "above",
            Self::Below => "below",
        }
    }

    pub fn axis(self) -> Axis {
        match self {
            Self::Left | Self::Right => Axis::Horizontal,
            Self::Above | Self::Below => Axis::Vertical,
        }
    }

    /// The second object's place in relation to the first.
    pub fn opposite(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
            Self::Above => Self::Below,
            Self::Below => Self::Above,
        }
    }
}
