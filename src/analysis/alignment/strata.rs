//! Which items are pooled, and inside what.

use std::collections::BTreeMap;

use crate::analysis::frames::Items;

/// Positions in [`Strata::partitions`].
const ALL: usize = 0;
const RELATION: usize = 1;
const FAMILIARITY: usize = 2;

/// A way of parting the items: all together, by relation, by familiarity.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// Each item's group; `None` where the item does not say.
    pub group_of: Vec<Option<usize>>,
    pub groups: usize,
}

/// One line of the tables: some groups of one partition, whose evidence is added up.
#[derive(Clone, Debug, PartialEq)]
pub struct Stratum {
    /// "all", "relation=left", "familiarity=familiar", "within relation".
    pub name: String,
    pub partition: usize,
    pub pool: Pool,
}

/// Which groups of its partition a stratum takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    One(usize),
    /// Every group that has both right and wrong items. Pairs are formed inside groups only.
    Within,
}

impl Stratum {
    /// Whether all pairs are formed between items of the same relation.
    pub fn inside_relation(&self) -> bool {
        self.partition == RELATION
    }
}

/// All partitions and strata of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Strata {
    pub partitions: Vec<Partition>,
    pub strata: Vec<Stratum>,
}

impl Strata {
    /// "all" first, then each relation and each familiarity in order of appearance, then "within relation".
    pub fn of(items: &Items) -> Self {
        let all = Partition { group_of: vec![Some(0); items.len()], groups: 1 };
        let mut strata = vec![Stratum { name: "all".into(), partition: ALL, pool: Pool::One(0) }];
        let mut partitions = vec![all];
        let by_value = [("relation", RELATION, &items.relation), ("familiarity", FAMILIARITY, &items.familiarity)];
        for (key, at, values) in by_value {
            let (partition, names) = by(values);
            let stratum =
                |(group, name)| Stratum { name: format!("{key}={name}"), partition: at, pool: Pool::One(group) };
            strata.extend(names.into_iter().enumerate().map(stratum));
            partitions.push(partition);
        }
        if partitions[RELATION].groups > 0 {
            strata.push(Stratum { name: "within relation".into(), partition: RELATION, pool: Pool::Within });
        }
        Self { partitions, strata }
    }

    /// The items of each stratum that is one group, with its name: what a proportion can be taken over.
    pub fn members(&self) -> impl Iterator<Item = (&str, Vec<usize>)> {
        self.strata.iter().filter_map(move |stratum| {
            let Pool::One(group) = stratum.pool else { return None };
            let partition = &self.partitions[stratum.partition];
            let groups = partition.group_of.iter().enumerate();
            Some((stratum.name.as_str(), groups.filter(|(_, of)| **of == Some(group)).map(|(item, _)| item).collect()))
        })
    }
}

/// Groups by value, numbered in order of appearance.
fn by(values: &[Option<String>]) -> (Partition, Vec<&str>) {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names = Vec::new();
    let group_of = values
        .iter()
        .map(|value| {
            let value = value.as_deref()?;
            Some(*numbers.entry(value).or_insert_with(|| {
                names.push(value);
                names.len() - 1
            }))
        })
        .collect();
    (Partition { group_of, groups: names.len() }, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_of_appearance() {
        let some = |values: [&str; 3]| values.map(|value| (!value.is_empty()).then(|| value.to_owned())).to_vec();
        let items = Items {
            id: ["a", "b", "c"].map(String::from).to_vec(),
            relation: some(["right", "left", "right"]),
            familiarity: some(["", "familiar", ""]),
            ..Items::default()
        };
        let strata = Strata::of(&items);
        let names: Vec<&str> = strata.strata.iter().map(|stratum| stratum.name.as_str()).collect();
        assert_eq!(names, ["all", "relation=right", "relation=left", "familiarity=familiar", "within relation"]);
        assert_eq!(strata.partitions[RELATION].group_of, [Some(0), Some(1), Some(0)]);
        assert_eq!(strata.partitions[FAMILIARITY].group_of, [None, Some(0), None]);
    }

    #[test]
    fn nothing_known_but_the_items() {
        let items = Items { id: vec!["a".into()], relation: vec![None], familiarity: vec![None], ..Items::default() };
        assert_eq!(Strata::of(&items).strata.len(), 1);
    }
}
