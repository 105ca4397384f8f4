//! Where one thing is, seen from another, and along which axis of the image.

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

    /// The axis along which things are told apart: that of the relation where it is one of the four, else that along which
    /// their centres (x, y) are spread more widely; horizontal where both are equal.
    pub fn of(relation: Option<&str>, centres: impl Iterator<Item = [f64; 2]> + Clone) -> Self {
        let spread = |axis: Self| {
            let along = centres.clone().map(|centre| axis.along(centre));
            let (least, most) = along.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), at| (lo.min(at), hi.max(at)));
            most - least
        };
        match relation.and_then(Relation::named) {
            Some(relation) => relation.axis(),
            None if spread(Self::Vertical) > spread(Self::Horizontal) => Self::Vertical,
            None => Self::Horizontal,
        }
    }

    /// The coordinate of a point (x, y) along this axis.
    pub fn along(self, [x, y]: [f64; 2]) -> f64 {
        match self {
            Self::Horizontal => x,
            Self::Vertical => y,
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

    /// The relation of this [`word`](Self::word).
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|relation| relation.word() == word)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_is_the_relation_s_or_that_of_the_wider_spread() {
        let of = |relation, centres: &[[f64; 2]]| Axis::of(relation, centres.iter().copied());
        assert_eq!(of(Some("below"), &[[0.0, 0.0], [9.0, 1.0]]), Axis::Vertical);
        assert_eq!(of(Some("behind"), &[[0.0, 0.0], [9.0, 1.0]]), Axis::Horizontal);
        assert_eq!(of(None, &[[5.0, 0.0], [4.0, 1.0], [5.0, 3.0]]), Axis::Vertical);
        assert_eq!(of(None, &[]), Axis::Horizontal);
    }
}
