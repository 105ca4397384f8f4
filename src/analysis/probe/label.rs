//! What an item says under each target: the labels of its objects, its layout or its question.

use super::scene::Scene;
use crate::dataset::{Axis, Relation};
use crate::study::{LayoutLabel, Probe, Target};

/// The label of a unit-to-be.
pub(super) struct Label {
    pub item: usize,
    pub object: Option<usize>,
    pub identity: String,
    pub says: Says,
}

pub(super) enum Says {
    /// Classes are sorted by number, then by name.
    Class(usize, String),
    Value(f64),
}

/// The labels that one item bears. `slots`: as many objects as any chosen item has.
pub(super) fn labels(asked: &Probe, axis: Axis, item: usize, scene: &Scene, slots: usize) -> Vec<Label> {
    let first = || scene.name_at(0).unwrap_or_default().to_owned();
    let whole = |identity: String, says: Option<Says>| -> Vec<Label> {
        says.map(|says| Label { item, object: None, identity, says }).into_iter().collect()
    };
    match asked.target {
        Target::Slot if scene.seen().count() < slots || slots < 2 => Vec::new(),
        Target::Slot => scene
            .seen()
            .map(|(k, object)| Label {
                item,
                object: Some(k),
                identity: object.name.clone(),
                says: Says::Class(object.rank, slot_name(axis, object.rank, slots)),
            })
            .collect(),
        Target::AbsXy => scene
            .seen()
            .map(|(k, object)| Label {
                item,
                object: Some(k),
                identity: object.name.clone(),
                says: Says::Value(axis.along(scene.relative(object.centre))),
            })
            .collect(),
        Target::Distance => scene
            .seen()
            .filter_map(|(k, object)| {
                let says = Says::Value(object.metres?);
                Some(Label { item, object: Some(k), identity: object.name.clone(), says })
            })
            .collect(),
        Target::LayoutAtFixedLocation => whole(first(), asked.label.and_then(|label| layout(label, axis, scene))),
        Target::PairRelation => {
            let both = scene.object(1).zip(scene.object(2));
            let relation = scene.relation.clone();
            whole(
                both.map_or_else(String::new, |(first, _)| first.name.clone()),
                both.and(relation).map(|relation| Says::Class(order_of(&relation), relation)),
            )
        }
        Target::RelationAtText => {
            let asked_about = scene.object(1).map_or_else(String::new, |object| object.name.clone());
            let gold = (!scene.gold.is_empty()).then(|| Says::Class(order_of(&scene.gold), scene.gold.clone()));
            whole(asked_about, gold)
        }
    }
}

fn layout(label: LayoutLabel, axis: Axis, scene: &Scene) -> Option<Says> {
    match label {
        LayoutLabel::Axis if scene.seen().count() < 2 => None,
        LayoutLabel::Axis => Some(Says::Class(axis as usize, axis.word().into())),
        LayoutLabel::Order => {
            let mut names: Vec<(&str, usize)> = scene.seen().map(|(_, seen)| (seen.name.as_str(), seen.rank)).collect();
            names.sort_unstable();
            let [(first, rank), (second, _)] = names[..] else { return None };
            let relation = axis.relations()[rank.min(1)];
            (first != second).then(|| Says::Class(rank, relation.word().into()))
        }
        LayoutLabel::Identity(k) => Some(Says::Class(0, scene.name_at(k.checked_sub(1)?)?.into())),
        LayoutLabel::Colour(k) => {
            Some(Says::Class(0, scene.name_at(k.checked_sub(1)?)?.split_whitespace().next()?.into()))
        }
    }
}

/// left and right, above and below stand in this order, other words after them.
fn order_of(word: &str) -> usize {
    Relation::named(word).map_or(4, |relation| relation as usize)
}

fn slot_name(axis: Axis, rank: usize, slots: usize) -> String {
    let [first, last] = match axis {
        Axis::Horizontal => ["left", "right"],
        Axis::Vertical => ["top", "bottom"],
    };
    match (rank, slots) {
        (0, _) => first.into(),
        (1, 3) => "middle".into(),
        _ if rank + 1 == slots => last.into(),
        _ => format!("slot {}", rank + 1),
    }
}
