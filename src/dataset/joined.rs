//! Several datasets one after the other, as one.

use std::collections::HashMap;

use image::RgbImage;

use super::benchmarks::{Choice, Note};
use super::{Counterpart, Dataset, Item, open_with};
use crate::error::{Error, Result};

/// Datasets one after the other. Each item knows which one it comes from: [`Dataset::source`].
pub struct Joined {
    name: String,
    parts: Vec<Box<dyn Dataset>>,
    items: Vec<Item>,
    /// Of each item's id: place in `parts`.
    part_of: HashMap<String, usize>,
}

impl Joined {
    /// Opens datasets by their [references](open) and takes the first `limit` items of each.
    ///
    /// # Errors
    /// No reference, or one that is no dataset or named twice; an item id that two of them have.
    pub fn open(references: &[String], limit: Option<usize>) -> Result<Self> {
        Self::open_with(references, limit, &Choice::default())
    }

    /// The same, with what is chosen about published benchmarks.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(references: &[String], limit: Option<usize>, choice: &Choice) -> Result<Self> {
        if references.is_empty() {
            return Err(Error::usage("no dataset is named").with_help("name one, such as \"scenes/pairs\", or several"));
        }
        let parts = references.iter().map(|reference| open_with(reference, choice)).collect::<Result<Vec<_>>>()?;
        let (mut items, mut part_of) = (Vec::new(), HashMap::new());
        for (number, part) in parts.iter().enumerate() {
            for item in part.items().iter().take(limit.unwrap_or(usize::MAX)) {
                if let Some(first) = part_of.insert(item.id.clone(), number) {
                    let (one, other) = (&references[first], &references[number]);
                    return Err(Error::data(format!("`{one}` and `{other}` both have an item `{}`", item.id))
                        .with_help("items of datasets that are joined need ids of their own"));
                }
                items.push(item.clone());
            }
        }
        Ok(Self { name: references.join(", "), parts, items, part_of })
    }

    fn part(&self, item: &Item) -> Result<&dyn Dataset> {
        let part = self.part_of.get(&item.id).map(|&part| self.parts[part].as_ref());
        part.ok_or_else(|| Error::data(format!("`{}` has no item `{}`", self.name, item.id)))
    }
}

impl Dataset for Joined {
    fn name(&self) -> &str {
        &self.name
    }

    /// That of the one dataset where it is but one.
    fn fingerprint(&self) -> String {
        if let [only] = self.parts.as_slice() {
            return only.fingerprint();
        }
        let mut hasher = blake3::Hasher::new();
        self.parts.iter().for_each(|part| {
            hasher.update(part.fingerprint().as_bytes());
        });
        hasher.finalize().to_hex().to_string()
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn image(&self, item: &Item) -> Result<RgbImage> {
        self.part(item)?.image(item)
    }

    fn frames(&self, item: &Item) -> Result<Vec<RgbImage>> {
        self.part(item)?.frames(item)
    }

    /// Of the items that were taken.
    fn notes(&self) -> Vec<Note> {
        let kept = |mut note: Note| {
            note.items.retain(|item| self.part_of.contains_key(item));
            (!note.items.is_empty()).then_some(note)
        };
        self.parts.iter().flat_map(|part| part.notes()).filter_map(kept).collect()
    }

    fn source(&self, item: &Item) -> &str {
        self.part(item).map_or(&self.name, |part| part.name())
    }

    fn offers(&self, counterpart: Counterpart) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.offers(counterpart))
    }

    fn has(&self, item: &Item, counterpart: Counterpart) -> bool {
        self.part(item).is_ok_and(|part| part.has(item, counterpart))
    }

    fn counterpart(&self, item: &Item, counterpart: Counterpart, seed: u64) -> Result<Option<(Item, RgbImage)>> {
        self.part(item)?.counterpart(item, counterpart, seed)
    }

    fn counterpart_frames(
        &self,
        item: &Item,
        counterpart: Counterpart,
        seed: u64,
    ) -> Result<Option<(Item, Vec<RgbImage>)>> {
        self.part(item)?.counterpart_frames(item, counterpart, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    fn names(references: &[&str]) -> Vec<String> {
        references.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn items_come_one_dataset_after_the_other_and_know_their_own() {
        let joined = Joined::open(&names(&["scenes/rows", "scenes/pairs"]), Some(4)).unwrap();
        let sources: Vec<_> = joined.items().iter().map(|item| joined.source(item)).collect();
        assert_eq!(sources, [["scenes/rows"; 4], ["scenes/pairs"; 4]].concat());
        let pairs = open("scenes/pairs").unwrap();
        assert!(joined.image(&joined.items()[4]).unwrap() == pairs.image(&pairs.items()[0]).unwrap());
        let shifted = Counterpart::Shifted(8);
        assert_eq!(
            joined.counterpart(&joined.items()[4], shifted, 1).unwrap(),
            pairs.counterpart(&pairs.items()[0], shifted, 1).unwrap()
        );
    }

    #[test]
    fn one_dataset_is_itself_and_two_have_a_fingerprint_of_both() {
        let one = Joined::open(&names(&["scenes/rows"]), None).unwrap();
        assert_eq!(one.fingerprint(), open("scenes/rows").unwrap().fingerprint());
        let two = |references| Joined::open(&names(references), None).unwrap().fingerprint();
        assert_ne!(two(&["scenes/rows", "scenes/pairs"]), two(&["scenes/pairs", "scenes/rows"]));
    }

    #[test]
    fn an_id_that_comes_twice_is_refused() {
        let error = Joined::open(&names(&["scenes/rows", "scenes/rows"]), None).err().unwrap();
        assert!(error.to_string().contains("both have an item `squares-000-left`"), "{error}");
        assert!(Joined::open(&[], None).is_err());
    }
}
