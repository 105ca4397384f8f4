//! Which items are about the same image: what the encoder makes of it is computed once a batch and recorded once a run.

use std::collections::HashMap;

use crate::dataset::{Dataset, Item};

/// The images of a dataset's items, numbered in the order in which they come.
#[derive(Clone, Debug)]
pub struct Images {
    /// Of each item's id.
    number: HashMap<String, usize>,
    /// Of each image: its items, by their place in the dataset.
    items: Vec<Vec<usize>>,
}

impl Images {
    pub fn of(dataset: &dyn Dataset) -> Self {
        let mut numbers: HashMap<(&str, &str), usize> = HashMap::new();
        let (mut number, mut items) = (HashMap::new(), Vec::<Vec<usize>>::new());
        for (place, item) in dataset.items().iter().enumerate() {
            let next = numbers.len();
            // Files of one name in two datasets are two images.
            let image = *numbers.entry((dataset.source(item), item.image.as_str())).or_insert(next);
            if image == items.len() {
                items.push(Vec::new());
            }
            items[image].push(place);
            number.insert(item.id.clone(), image);
        }
        Self { number, items }
    }

    /// The number of an item's image.
    pub fn number(&self, item: &Item) -> usize {
        self.number.get(&item.id).copied().unwrap_or(usize::MAX)
    }

    /// The items before this one that are about its image.
    pub fn earlier<'a>(&'a self, item: &'a Item, all: &'a [Item]) -> impl Iterator<Item = &'a Item> {
        let places = self.items.get(self.number(item)).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|&place| all.get(place)).take_while(|other| other.id != item.id)
    }

    /// The first item of each image, by its place in the dataset.
    pub fn firsts(&self) -> impl Iterator<Item = usize> {
        self.items.iter().filter_map(|items| items.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Joined;

    #[test]
    fn questions_about_one_image_follow_its_first() {
        let rows = Joined::open(&["scenes/rows".to_owned()], Some(6)).unwrap();
        let images = Images::of(&rows);
        let items = rows.items();
        assert_eq!(items.iter().map(|item| images.number(item)).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);
        assert_eq!(images.firsts().collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(images.earlier(&items[0], items).count(), 0);
        assert_eq!(images.earlier(&items[3], items).map(|item| &item.id).collect::<Vec<_>>(), [&items[2].id]);
    }
}
