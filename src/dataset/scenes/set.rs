//! Test sets made of scenes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use image::RgbImage;

use super::background::Background;
use super::counterpart::changed;
use super::dice::{Dice, Purpose};
use super::identity::{Colour, Split};
use super::relation::{Axis, Relation};
use super::rows::{self, Flavour, Place};
use super::scene::Scene;
use super::spec::{Ask, PairsSpec, RowsSpec, Spec};
use super::{pairs, question};
use crate::dataset::{Counterpart, Dataset, Familiarity, Item, Medium, Object, PixelBox, fingerprint};
use crate::error::{Error, Result};

/// A dataset of rendered scenes. Images are drawn when asked for; [`Scenes::scene`] gives the description, from which
/// counterparts (mirrored, swapped, …) can be made.
pub struct Scenes {
    name: String,
    items: Vec<Item>,
    scenes: HashMap<String, Scene>,
    fingerprint: OnceLock<String>,
}

/// A dataset that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    pub name: &'static str,
    /// What it asks, in a few words.
    pub about: &'static str,
    text: &'static str,
}

/// The shipped datasets, by the names under which [`crate::dataset::open`] knows them.
pub const SHIPPED: [Shipped; 3] = [
    Shipped {
        name: "scenes/pairs",
        about: "where is one object in relation to another? two objects, four relations, 600 questions",
        text: include_str!("../../../datasets/scenes/pairs.toml"),
    },
    Shipped {
        name: "scenes/rows",
        about: "which colour has the neighbour? three in a row or a column, 480 questions",
        text: include_str!("../../../datasets/scenes/rows.toml"),
    },
    Shipped {
        name: "scenes/colours",
        about: "which colour has one of two objects? the images of scenes/pairs, a question about identity",
        text: include_str!("../../../datasets/scenes/colours.toml"),
    },
];

impl Scenes {
    pub fn shipped(shipped: &Shipped) -> Result<Self> {
        Ok(Self::build(shipped.name, &Spec::parse(shipped.text, Path::new(shipped.name))?))
    }

    /// The test set that a scene file describes.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        Ok(Self::build(&path.display().to_string(), &Spec::parse(&text, path)?))
    }

    /// What the image of an item shows, by [`Item::image`].
    pub fn scene(&self, image: &str) -> Option<&Scene> {
        self.scenes.get(image)
    }

    fn scene_of(&self, item: &Item) -> Result<&Scene> {
        let scene = self.scene(&item.image);
        scene.ok_or_else(|| Error::data(format!("{} has no scene `{}`", self.name, item.image)))
    }

    /// The scene of an item moved along the item's axis, and by how much; None where an entity would leave the canvas.
    fn shifted(&self, item: &Item, pixels: i32) -> Result<Option<(Scene, [i32; 2])>> {
        let by = match item.axis() {
            Axis::Horizontal => [pixels, 0],
            Axis::Vertical => [0, pixels],
        };
        Ok(self.scene_of(item)?.shifted(by[0], by[1]).map(|scene| (scene, by)))
    }

    fn hash(&self) -> String {
        fingerprint(&self.items, |image| self.scene(image).map(|scene| scene.render().into_raw()).unwrap_or_default())
    }

    fn build(name: &str, spec: &Spec) -> Self {
        let (name, fingerprint) = (name.to_owned(), OnceLock::new());
        let mut set = Self { name, items: Vec::new(), scenes: HashMap::new(), fingerprint };
        match spec {
            Spec::Pairs(spec) => (0..spec.sets).for_each(|index| set.add_pairs(spec, index)),
            Spec::Rows(spec) => {
                for flavour in &spec.flavours {
                    (0..spec.triples).for_each(|index| set.add_rows(spec, *flavour, index));
                }
            }
        }
        set
    }

    /// One set: the same two objects, sizes and background in all four relations.
    fn add_pairs(&mut self, spec: &PairsSpec, index: u64) {
        let dice = &mut Dice::new(Purpose::Pairs, spec.seed, index);
        let geometry = spec.geometry();
        // Of the first n sets, this many share an attribute; so the share is exact and no set depends on another.
        let sharing = |sets: u64| (sets as f64 * spec.sharing) as u64;
        let share = if sharing(index + 1) > sharing(index) { 1.0 } else { 0.0 };
        let identities = pairs::draw_identities(dice, &spec.split.identities(), share);
        let [first, second] = identities;
        // A shape that both have would not say which is meant.
        if spec.ask == Ask::Colour && first.shape == second.shape {
            return;
        }
        let sizes = [geometry.draw_size(dice), geometry.draw_size(dice)];
        let layout = pairs::draw_layout(dice, &geometry, sizes);
        let background = Background::draw(dice, &spec.backgrounds);
        let set = format!("pairs-{index:03}");
        for relation in Relation::ALL {
            let scene = pairs::arrange(&geometry, background.clone(), identities, sizes, layout, relation);
            let image = format!("{set}-{}", relation.word());
            let (id, question, options, answer) = match spec.ask {
                Ask::Relation => {
                    let words = Relation::ALL.map(|relation| relation.word().to_owned());
                    (image.clone(), question::relation(first, second), words.to_vec(), relation.word())
                }
                Ask::Colour => {
                    let words = Colour::ALL.map(|colour| colour.word().to_owned());
                    (format!("{image}-colour"), question::colour_of(first.shape), words.to_vec(), first.colour.word())
                }
            };
            let familiar = spec.familiar.contains(&relation);
            self.items.push(Item {
                image: image.clone(),
                medium: Medium::Image,
                answers: Vec::new(),
                id,
                question,
                gold: options.iter().position(|option| option == answer).unwrap_or_default(),
                options,
                relation: Some(relation.word().to_owned()),
                familiarity: Some(if familiar { Familiarity::Familiar } else { Familiarity::Unfamiliar }),
                objects: objects(&scene, &[0, 1]),
                pair: Some(format!("{set}/{}", relation.axis().word())),
                set: Some(set.clone()),
            });
            self.scenes.insert(image, scene);
        }
    }

    /// One triple: as a row and as a column, each with the two questions that refer to the middle entity.
    fn add_rows(&mut self, spec: &RowsSpec, flavour: Flavour, index: u64) {
        let dice = &mut Dice::new(Purpose::Rows, spec.seed, 2 * index + flavour as u64);
        let drawn = rows::draw_triple(dice, flavour, Split::Training);
        let triple = match spec.split {
            Split::Training => drawn,
            Split::HeldOut => rows::held_out(flavour).get(index as usize).copied().unwrap_or(drawn),
        };
        let background = Background::draw(dice, &spec.backgrounds);
        let set = format!("{}-{index:03}", flavour.plural());
        for axis in Axis::ALL {
            let place = Place { axis, lane: spec.lane, start: spec.start };
            let scene = Scene { background: background.clone(), ..place.arrange(spec.canvas, spec.size, triple) };
            let image = format!("{set}-{}", if axis == Axis::Horizontal { "row" } else { "column" });
            for (asked, direction, reference) in rows::neighbours(axis).into_iter().take(2) {
                let other = 3 - asked - reference;
                let answer = triple[asked].colour;
                self.items.push(Item {
                    id: format!("{set}-{}", direction.word()),
                    image: image.clone(),
                    medium: Medium::Image,
                    answers: Vec::new(),
                    question: question::neighbour(flavour, direction, triple[reference]),
                    options: Colour::ALL.map(|colour| colour.word().to_owned()).into(),
                    gold: Colour::ALL.iter().position(|known| *known == answer).unwrap_or_default(),
                    relation: Some(direction.word().to_owned()),
                    familiarity: None,
                    objects: objects(&scene, &[asked, reference, other]),
                    pair: Some(image.clone()),
                    set: Some(set.clone()),
                });
            }
            self.scenes.insert(image, scene);
        }
    }
}

impl Dataset for Scenes {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.get_or_init(|| self.hash()).clone()
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn image(&self, item: &Item) -> Result<RgbImage> {
        Ok(self.scene_of(item)?.render())
    }

    fn offers(&self, _counterpart: Counterpart) -> Result<()> {
        Ok(())
    }

    fn has(&self, item: &Item, counterpart: Counterpart) -> bool {
        match counterpart {
            Counterpart::Shifted(pixels) => self.shifted(item, pixels).is_ok_and(|shifted| shifted.is_some()),
            Counterpart::Original | Counterpart::Blank | Counterpart::Noise => true,
            // Whether identities can be drawn does not depend on the seed.
            other => self.scene_of(item).is_ok_and(|scene| changed(item, scene, other, 0).is_some()),
        }
    }

    fn counterpart(&self, item: &Item, counterpart: Counterpart, seed: u64) -> Result<Option<(Item, RgbImage)>> {
        let scene = self.scene_of(item)?;
        match counterpart {
            Counterpart::Original => Ok(Some((item.clone(), scene.render()))),
            Counterpart::Blank => Ok(Some((item.clone(), scene.blank().render()))),
            Counterpart::Noise => {
                Ok(counterpart.paint(scene.render(), &item.image, seed).map(|image| (item.clone(), image)))
            }
            Counterpart::Shifted(pixels) => {
                let Some((scene, [dx, dy])) = self.shifted(item, pixels)? else { return Ok(None) };
                let mut item = item.clone();
                for one in item.objects.iter_mut().flat_map(|object| &mut object.boxes) {
                    let (dx, dy) = (f64::from(dx), f64::from(dy));
                    *one = PixelBox { x1: one.x1 + dx, y1: one.y1 + dy, x2: one.x2 + dx, y2: one.y2 + dy };
                }
                Ok(Some((item, scene.render())))
            }
            other => Ok(changed(item, scene, other, seed).map(|(item, scene)| (item, scene.render()))),
        }
    }
}

fn objects(scene: &Scene, order: &[usize]) -> Vec<Object> {
    let entities = order.iter().filter_map(|index| scene.entities.get(*index));
    entities.map(|entity| Object::new(entity.identity.to_string(), vec![entity.pixel_box()])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::*;
    use crate::dataset::scenes::HELD_OUT;

    fn shipped(index: usize) -> Scenes {
        Scenes::shipped(&SHIPPED[index]).unwrap()
    }

    /// How often each key comes.
    fn counts<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
        let mut counts = BTreeMap::new();
        keys.for_each(|key| *counts.entry(key).or_default() += 1);
        counts
    }

    fn each<K: Ord>(keys: impl Iterator<Item = K>, groups: usize, size: usize) {
        let counts: Vec<_> = counts(keys).into_values().collect();
        assert_eq!(counts, vec![size; groups]);
    }

    #[test]
    fn pairs_are_600_and_balanced() {
        let set = shipped(0);
        assert_eq!(set.items.len(), 600);
        each(set.items.iter().map(|item| &item.id), 600, 1);
        each(set.items.iter().map(|item| item.gold), 4, 150);
        each(set.items.iter().map(|item| &item.relation), 4, 150);
        each(set.items.iter().map(|item| item.familiarity), 2, 300);
        each(set.items.iter().map(|item| &item.pair), 300, 2);
        each(set.items.iter().map(|item| &item.set), 150, 4);
        let common = set.items.iter().filter(|item| {
            let [a, b] = [0, 1].map(|k| set.scenes[&item.image].entities[k].identity);
            a.shape == b.shape || a.colour == b.colour
        });
        assert_eq!(common.count(), 4 * 30);
    }

    #[test]
    fn pairs_show_only_held_out_identities_and_all_of_them() {
        let set = shipped(0);
        let shown: HashSet<_> = set.scenes.values().flat_map(|scene| &scene.entities).map(|e| e.identity).collect();
        assert_eq!(shown, HashSet::from(HELD_OUT));
    }

    #[test]
    fn the_gold_relation_of_a_pair_is_true_of_its_boxes() {
        let set = shipped(0);
        for item in &set.items {
            let [a, b] = [0, 1].map(|k| item.objects[k].boxes[0]);
            let (dx, dy) = ((a.x1 + a.x2 - b.x1 - b.x2) / 2.0, (a.y1 + a.y2 - b.y1 - b.y2) / 2.0);
            let (main, across) = match item.options[item.gold].as_str() {
                "left" => (-dx, dy),
                "right" => (dx, dy),
                "above" => (-dy, dx),
                "below" => (dy, dx),
                other => panic!("{other}"),
            };
            assert!(main >= 36.0 && across.abs() <= main / 2.0, "{}: {main} {across}", item.id);
            assert!(a.x2 < b.x1 || b.x2 < a.x1 || a.y2 < b.y1 || b.y2 < a.y1, "{} overlaps", item.id);
            for PixelBox { x1, y1, x2, y2 } in [a, b] {
                assert!(x1 >= 1.0 && y1 >= 1.0 && x2 <= 127.0 && y2 <= 127.0, "{}", item.id);
            }
            let named = format!("Where is the {} in relation to the {}?", item.objects[0].name, item.objects[1].name);
            assert!(item.question.starts_with(&named));
        }
    }

    #[test]
    fn the_two_of_a_pair_have_exchanged_their_places() {
        let set = shipped(0);
        for items in set.items.chunks(2) {
            let [one, other] = [0, 1].map(|k| &set.scenes[&items[k].image]);
            assert_eq!(one.swapped(0, 1).as_ref(), Some(other), "{}", items[0].id);
        }
    }

    #[test]
    fn rows_are_480_and_balanced() {
        let set = shipped(1);
        assert_eq!(set.items.len(), 480);
        each(set.items.iter().map(|item| &item.id), 480, 1);
        each(set.items.iter().map(|item| (item.id.starts_with("squares"), &item.relation)), 8, 60);
        each(set.items.iter().map(|item| &item.pair), 240, 2);
        each(set.items.iter().map(|item| &item.set), 120, 4);
        let answers = |flavour: &str| {
            counts(set.items.iter().filter(|item| item.id.starts_with(flavour)).map(|item| &item.options[item.gold]))
        };
        assert_eq!(answers("squares").into_values().collect::<Vec<_>>(), [40; 6]);
        let shapes = answers("shapes");
        assert!(shapes.len() == 8 && shapes.values().all(|count| (24..=36).contains(count)), "{shapes:?}");
    }

    #[test]
    fn rows_show_held_out_triples_in_the_canonical_place() {
        let set = shipped(1);
        for (image, scene) in &set.scenes {
            let triple: rows::Triple = std::array::from_fn(|k| scene.entities[k].identity);
            assert!(Flavour::ALL.iter().any(|flavour| rows::held_out(*flavour).contains(&triple)), "{image}");
            assert!(!triple.iter().any(|identity| HELD_OUT.contains(identity)), "{image}");
            let centres: Vec<_> = scene.entities.iter().map(|entity| (entity.centre.x, entity.centre.y)).collect();
            let row = image.ends_with("row");
            assert_eq!(centres, if row { [(16, 48), (48, 48), (80, 48)] } else { [(48, 16), (48, 48), (48, 80)] });
        }
    }

    #[test]
    fn the_gold_colour_of_a_row_is_that_of_the_neighbour() {
        let set = shipped(1);
        for item in &set.items {
            let [asked, reference] = [0, 1].map(|k| item.objects[k].boxes[0]);
            let apart = (asked.x1 - reference.x1, asked.y1 - reference.y1);
            let (place, phrase) = match item.relation.as_deref() {
                Some("left") => ((-32.0, 0.0), "to the left of"),
                Some("right") => ((32.0, 0.0), "to the right of"),
                Some("above") => ((0.0, -32.0), "above"),
                Some("below") => ((0.0, 32.0), "below"),
                other => panic!("{other:?}"),
            };
            assert_eq!(apart, place, "{}", item.id);
            let reference = &item.objects[1].name;
            assert!(item.question.ends_with(&format!(" {phrase} the {reference}?")), "{}", item.question);
            assert!(item.objects[0].name.starts_with(&item.options[item.gold]), "{}", item.id);
            each(item.objects.iter().map(|object| &object.name), 3, 1);
        }
    }

    #[test]
    fn boxes_are_tight_on_the_pixels() {
        for set in [shipped(0), shipped(1)] {
            for (image, scene) in &set.scenes {
                let blank = scene.blank().render();
                for (k, entity) in scene.entities.iter().enumerate() {
                    let drawn = scene.isolated(k).unwrap().render();
                    let changed = drawn.enumerate_pixels().filter(|(x, y, pixel)| *pixel != blank.get_pixel(*x, *y));
                    let (xs, ys): (Vec<_>, Vec<_>) = changed.map(|(x, y, _)| (f64::from(x), f64::from(y))).unzip();
                    let least = |all: &[f64]| all.iter().copied().fold(f64::INFINITY, f64::min);
                    let past = |all: &[f64]| all.iter().copied().fold(0.0, f64::max) + 1.0;
                    let PixelBox { x1, y1, x2, y2 } = entity.pixel_box();
                    for (found, edge) in [(least(&xs), x1), (least(&ys), y1), (past(&xs), x2), (past(&ys), y2)] {
                        assert!((found - edge).abs() <= 1.0, "{image}, {}: {found} for {edge}", entity.identity);
                    }
                }
            }
        }
    }

    /// What was published is what everybody gets, on every platform. A deliberate change of the test sets changes these.
    #[test]
    fn the_shipped_sets_are_the_same_to_the_byte() {
        assert_eq!(shipped(0).fingerprint(), "92185d7723438a8dfea27bb90e86a272de38f89759e59c97350dd3e87deee4d6");
        assert_eq!(shipped(1).fingerprint(), "8eb4fa3ba81ace6f2f0e1a08cbe611df6c9725328ee9e9a7a938cfc6d314fcae");
    }

    #[test]
    fn a_set_does_not_depend_on_how_many_there_are() {
        let few = Spec::parse(&SHIPPED[0].text.replace("sets = 150", "sets = 40"), Path::new("few")).unwrap();
        let (few, all) = (Scenes::build("few", &few), shipped(0));
        assert_eq!(few.items, all.items[..160]);
        assert!(few.scenes.iter().all(|(image, scene)| all.scenes[image] == *scene));
        let other = Spec::parse(&SHIPPED[0].text.replace("seed = 20261120", "seed = 1"), Path::new("other")).unwrap();
        assert_ne!(Scenes::build("other", &other).fingerprint(), all.fingerprint());
    }
}
