//! Which two runs make a pair.

use serde::{Deserialize, Serialize};

use super::design::Source;
use super::unit::{Direction, Run, Unit, Units};
use crate::dataset::{Counterpart, Item, Relation};
use crate::error::{Error, Result};

/// What differs between the two runs of a pair, and so what a patch carries over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pairing {
    /// The opposite question about other colours: whether the last token carries the place that is asked for, or already
    /// what stands there.
    Last,
    /// The two ends exchanged: where things stand, with what they are left in place.
    Cross,
    /// The mirrored image, same positions.
    Mirror,
    /// Other things in the same places: what a patch disturbs without changing the order.
    Resample,
    /// Other colours: what a patch disturbs without changing the order or the shapes.
    Attribute,
    /// The image's tokens drowned in noise, clean states restored.
    Noise,
}

impl Pairing {
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Cross => "cross",
            Self::Mirror => "mirror",
            Self::Resample => "resample",
            Self::Attribute => "attribute",
            Self::Noise => "noise",
        }
    }

    /// The counterpart that the other side shows.
    fn counterpart(self) -> Counterpart {
        match self {
            Self::Cross => Counterpart::Swapped,
            Self::Mirror => Counterpart::Mirrored,
            Self::Resample => Counterpart::Resampled,
            Self::Last | Self::Attribute => Counterpart::Recoloured,
            Self::Noise => Counterpart::Original,
        }
    }

    /// The pairs of a source, each in these directions.
    ///
    /// # Errors
    /// A dataset that cannot make the other side of any of its items.
    pub fn units(self, source: &Source<'_>, directions: &[Direction]) -> Result<Units> {
        source.dataset.offers(self.counterpart())?;
        let mut units = Units::default();
        for item in source.items {
            if source.limit.is_some_and(|limit| units.units.len() >= limit) {
                break;
            }
            match self.pair(source, item)? {
                Ok(unit) => {
                    let turned = |direction: &Direction| match direction {
                        Direction::CleanFromCf => Some(unit.clone()),
                        Direction::CfFromClean => turned(&unit),
                    };
                    units.units.extend(directions.iter().filter_map(turned));
                }
                Err(reason) => units.drop(item, reason),
            }
        }
        if let Some(limit) = source.limit {
            units.units.truncate(limit);
        }
        Ok(units)
    }

    /// The pair of one item, or why there is none.
    fn pair(self, source: &Source<'_>, item: &Item) -> Result<std::result::Result<Unit, String>> {
        let alone = Unit::alone(item);
        let class = |answer: &str| item.options.iter().position(|option| option == answer);
        let sibling = match self {
            Self::Last => match opposite_question(source.items, item) {
                Some(sibling) => Some(sibling),
                None => return Ok(Err("no opposite question about the same image".into())),
            },
            _ => None,
        };
        let shown = Run::counterpart(source.dataset, sibling.unwrap_or(item), self.counterpart(), source.seed);
        let shown = shown.map_err(|error| named(error, item))?;
        let Some(cf) = shown else { return Ok(Err(format!("it has no counterpart `{}`", self.counterpart()))) };
        if cf.item.options != item.options {
            return Ok(Err("the two sides have different options".into()));
        }
        let answer_cf = class(cf.answer()).filter(|answer| *answer != item.gold);
        let third = sibling.and_then(|sibling| class(sibling.options.get(sibling.gold)?));
        let expected = third.or(answer_cf).or(Some(item.gold));
        Ok(Ok(Unit { cf: Some(cf), answer_cf, third, expected, ..alone }))
    }
}

/// The question about the same image that asks for the opposite neighbour, and so has another answer.
fn opposite_question<'i>(items: &'i [Item], item: &Item) -> Option<&'i Item> {
    let opposite = item.relation.as_deref().and_then(Relation::named)?.opposite();
    items.iter().find(|other| {
        other.image == item.image && other.relation.as_deref() == Some(opposite.word()) && other.gold != item.gold
    })
}

/// The same pair, the other side rewritten.
fn turned(unit: &Unit) -> Option<Unit> {
    let cf = unit.cf.clone()?;
    let gold = cf.item.gold;
    let answer_cf = Some(unit.clean.item.gold).filter(|answer| *answer != gold);
    Some(Unit {
        id: format!("{} turned", unit.id),
        clean: cf,
        cf: Some(unit.clean.clone()),
        direction: Direction::CfFromClean,
        answer_cf,
        // What stands at the clean run's place in the other image.
        third: unit.third.and_then(|_| place_of_the_other(unit)),
        expected: match unit.third {
            Some(_) => place_of_the_other(unit),
            None => answer_cf.or(Some(gold)),
        },
        ..unit.clone()
    })
}

/// In the other side's image: the colour of what the clean question asks for, the first object of the clean item.
fn place_of_the_other(unit: &Unit) -> Option<usize> {
    let cf = unit.cf.as_ref()?;
    // The sibling lists the asked object first and the other end third.
    let other = cf.item.objects.get(2)?;
    let named = |option: &String| other.name.split(' ').any(|word| word == option);
    cf.item.options.iter().position(named)
}

fn named(error: Error, item: &Item) -> Error {
    error.within(format!("item `{}`", item.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::open;

    fn units(source: &str, pairing: Pairing, limit: usize) -> Units {
        let dataset = open(source).unwrap();
        let source =
            Source { dataset: dataset.as_ref(), items: dataset.items(), limit: Some(limit), sites: &[], seed: 1 };
        pairing.units(&source, &[Direction::CleanFromCf, Direction::CfFromClean]).unwrap()
    }

    fn option(unit: &Unit, class: Option<usize>) -> &str {
        class.map_or("", |class| unit.clean.item.options[class].as_str())
    }

    fn colour(run: &Run, object: usize) -> &str {
        run.item.objects[object].name.split(' ').next().unwrap()
    }

    #[test]
    fn the_last_token_s_three_outcomes_are_three_colours() {
        let units = units("scenes/rows", Pairing::Last, 40);
        assert_eq!(units.units.len(), 40);
        for unit in &units.units {
            let cf = unit.cf.as_ref().unwrap();
            let (clean, third, other) = (unit.clean.answer(), option(unit, unit.third), option(unit, unit.answer_cf));
            assert!(clean != third && third != other && clean != other, "{clean} {third} {other}");
            assert_eq!((clean, other, third), (colour(&unit.clean, 0), colour(cf, 0), colour(&unit.clean, 2)));
            assert_eq!(unit.expected, unit.third);
            assert_ne!(unit.clean.item.question, cf.item.question);
        }
        assert!(super::tests::units("scenes/pairs", Pairing::Last, 4).units.is_empty());
    }

    #[test]
    fn a_cross_exchanges_the_ends_under_the_same_question() {
        for source in ["scenes/rows", "scenes/pairs"] {
            for unit in &units(source, Pairing::Cross, 20).units {
                let cf = unit.cf.as_ref().unwrap();
                assert_eq!(unit.clean.item.question, cf.item.question);
                assert_eq!(option(unit, unit.answer_cf), cf.answer());
                assert_eq!(unit.expected, unit.answer_cf);
                assert_ne!(unit.clean.answer(), cf.answer());
            }
        }
    }

    #[test]
    fn other_things_in_the_same_places_keep_an_answer_that_is_a_place() {
        let units = units("scenes/pairs", Pairing::Resample, 20);
        assert!(units.units.iter().all(|unit| unit.answer_cf.is_none() && unit.expected == Some(unit.clean.item.gold)));
    }
}
