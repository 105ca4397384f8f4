//! Test sets made of rooms.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use image::RgbImage;
use rayon::prelude::*;

use super::Split;
use super::layout::Seen;
use super::question::{Kind, Turn};
use super::room::Room;
use super::spec::Spec;
use crate::dataset::scenes::{Dice, Purpose};
use crate::dataset::{Counterpart, Dataset, Familiarity, Item, Medium, Object, fingerprint};
use crate::error::{Error, Result, suggestion};

/// A dataset of rendered videos of rooms. Frames are rendered when asked for; [`Rooms::room`] gives the description.
pub struct Rooms {
    name: String,
    items: Vec<Item>,
    rooms: HashMap<String, Room>,
    frames: usize,
    canvas: u32,
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
pub const SHIPPED: [Shipped; 2] = [
    Shipped {
        name: "rooms/test",
        about: "videos of rooms: direction, distance, number and order of things, new rooms, half of them with new things",
        text: include_str!("../../../datasets/rooms/test.toml"),
    },
    Shipped {
        name: "rooms/train",
        about: "the same questions about rooms as training shows them",
        text: include_str!("../../../datasets/rooms/train.toml"),
    },
];

impl Rooms {
    pub fn shipped(shipped: &Shipped) -> Result<Self> {
        Ok(Self::build(shipped.name, &Spec::parse(shipped.text, Path::new(shipped.name))?))
    }

    /// The test set that a room file describes.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        Ok(Self::build(&path.display().to_string(), &Spec::parse(&text, path)?))
    }

    /// A shipped dataset of rooms by its name, or a room file.
    ///
    /// # Errors
    /// Neither of both.
    pub fn open(reference: &str) -> Result<Self> {
        match SHIPPED.iter().find(|shipped| shipped.name == reference) {
            Some(shipped) => Self::shipped(shipped),
            None if Self::describes(Path::new(reference)) => Self::read(Path::new(reference)),
            None => Err(Error::usage(format!("`{reference}` is not a dataset of rooms"))
                .with_help(suggestion(reference, SHIPPED.iter().map(|shipped| shipped.name)))),
        }
    }

    /// Whether a file describes rooms; if not, it may describe scenes.
    pub fn describes(path: &Path) -> bool {
        std::fs::read_to_string(path).is_ok_and(|text| Spec::is_one(&text))
    }

    /// What the video of an item shows, by [`Item::image`].
    pub fn room(&self, image: &str) -> Option<&Room> {
        self.rooms.get(image)
    }

    /// Frames of a video, and pixels across a frame.
    pub fn shape(&self) -> (usize, u32) {
        (self.frames, self.canvas)
    }

    /// The room of an item.
    ///
    /// # Errors
    /// An item of another dataset.
    pub fn room_of(&self, item: &Item) -> Result<&Room> {
        let room = self.room(&item.image);
        room.ok_or_else(|| Error::data(format!("{} has no room `{}`", self.name, item.image)))
    }

    fn build(name: &str, spec: &Spec) -> Self {
        let sets: Vec<(Kind, u64)> =
            spec.sets.all().into_iter().flat_map(|(kind, count)| (0..count).map(move |index| (kind, index))).collect();
        let made: Vec<_> = sets.into_par_iter().flat_map_iter(|(kind, index)| items(spec, kind, index)).collect();
        let rooms = made.iter().map(|(item, room)| (item.image.clone(), room.clone())).collect();
        Self {
            name: name.to_owned(),
            items: made.into_iter().map(|(item, _)| item).collect(),
            rooms,
            frames: spec.frames,
            canvas: spec.canvas,
            fingerprint: OnceLock::new(),
        }
    }

    fn hash(&self) -> String {
        let hash = |room: &Room| {
            let mut hasher = blake3::Hasher::new();
            room.render(self.frames, self.canvas).iter().for_each(|frame| _ = hasher.update(frame.as_raw()));
            hasher.finalize().as_bytes().to_vec()
        };
        let hashes: HashMap<&str, Vec<u8>> =
            self.rooms.par_iter().map(|(image, room)| (image.as_str(), hash(room))).collect();
        fingerprint(&self.items, |image| hashes.get(image).cloned().unwrap_or_default())
    }

    /// The item in a changed room, its boxes seen anew.
    fn changed(&self, item: &Item, room: &Room) -> Option<Item> {
        let named = |object: &Object| room.solids.iter().position(|solid| solid.identity.to_string() == object.name);
        let order = item.objects.iter().map(named).collect::<Option<Vec<_>>>()?;
        Some(Item { objects: room.objects(&order, &room.sightings(self.frames, self.canvas)), ..item.clone() })
    }

    /// The counterpart's item and room; none where the item has none.
    fn other(&self, item: &Item, counterpart: Counterpart) -> Result<Option<(Item, Room)>> {
        let room = self.room_of(item)?;
        let sides = ["direction", "bearing", "side"].contains(&item.relation.as_deref().unwrap_or_default());
        Ok(match counterpart {
            Counterpart::Original | Counterpart::Noise => Some((item.clone(), room.clone())),
            // Boxes stay where they were, so that groups of tokens do.
            Counterpart::Blank => Some((item.clone(), room.empty())),
            Counterpart::Mirrored => {
                let room = room.mirrored();
                self.changed(item, &room).map(|mut item| {
                    if sides && item.gold < 2 {
                        item.gold = 1 - item.gold;
                    }
                    (item, room)
                })
            }
            _ => return Err(refused(&self.name, counterpart)),
        })
    }
}

fn refused(name: &str, counterpart: Counterpart) -> Error {
    Error::usage(format!("`{name}` has no counterpart `{counterpart}`")).with_help(
        "rooms have the counterparts `blank`, `noise` and `mirrored`; other answers are in the items of one `set`",
    )
}

/// The items of one set.
fn items(spec: &Spec, kind: Kind, index: u64) -> Vec<(Item, Room)> {
    // Counts need more things of a form than are held out.
    let split = match kind {
        Kind::Count => Split::Training,
        _ => spec.splits[(index % spec.splits.len() as u64) as usize],
    };
    let dice = &mut Dice::new(Purpose::Rooms, spec.seed, index * Kind::ALL.len() as u64 + kind as u64);
    let set = format!("{kind}-{index:03}");
    let item = |(room, turn, seen): (Room, Turn, Seen)| {
        let id = format!("{set}-{}", turn.answer());
        let item = Item {
            image: id.clone(),
            medium: Medium::Video,
            answers: Vec::new(),
            id,
            question: turn.question,
            options: turn.options,
            gold: turn.gold,
            relation: Some(kind.word().to_owned()),
            familiarity: Some(match split {
                Split::Training => Familiarity::Familiar,
                Split::HeldOut => Familiarity::Unfamiliar,
            }),
            objects: room.objects(&turn.about, &seen.sightings),
            pair: (kind == Kind::Direction).then(|| set.clone()),
            set: Some(set.clone()),
        };
        (item, room)
    };
    spec.case(dice, kind, index, split).into_iter().map(item).collect()
}

impl Dataset for Rooms {
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
        let first = self.frames(item)?.into_iter().next();
        first.ok_or_else(|| Error::data(format!("item `{}`: no frames", item.id)))
    }

    fn frames(&self, item: &Item) -> Result<Vec<RgbImage>> {
        Ok(self.room_of(item)?.render(self.frames, self.canvas))
    }

    fn offers(&self, counterpart: Counterpart) -> Result<()> {
        match counterpart {
            Counterpart::Original | Counterpart::Noise | Counterpart::Blank | Counterpart::Mirrored => Ok(()),
            _ => Err(refused(&self.name, counterpart)),
        }
    }

    fn counterpart(&self, item: &Item, counterpart: Counterpart, seed: u64) -> Result<Option<(Item, RgbImage)>> {
        let first = |(item, frames): (Item, Vec<RgbImage>)| Some((item, frames.into_iter().next()?));
        Ok(self.counterpart_frames(item, counterpart, seed)?.and_then(first))
    }

    fn counterpart_frames(
        &self,
        item: &Item,
        counterpart: Counterpart,
        seed: u64,
    ) -> Result<Option<(Item, Vec<RgbImage>)>> {
        let Some((changed, room)) = self.other(item, counterpart)? else { return Ok(None) };
        let mut frames = room.render(self.frames, self.canvas);
        if counterpart == Counterpart::Noise {
            for (number, frame) in frames.iter_mut().enumerate() {
                let name = format!("frame {number} of {}", item.image);
                let painted = counterpart.paint(std::mem::take(frame), &name, seed);
                *frame = painted.ok_or_else(|| refused(&self.name, counterpart))?;
            }
        }
        Ok(Some((changed, frames)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::HELD_OUT;
    use super::*;

    /// A small test set of every kind.
    fn small() -> Rooms {
        let text = include_str!("../../../datasets/rooms/test.toml");
        let (head, _) = text.split_once("[sets]").unwrap();
        let sets = "direction = 6\nbearing = 4\ndistance = 4\ncount = 4\norder = 4\nside = 4\nnearer = 4\n";
        Rooms::build("small", &Spec::parse(&format!("{head}[sets]\n{sets}"), Path::new("small")).unwrap())
    }

    #[test]
    fn a_question_tells_nothing_about_its_answer() {
        let rooms = small();
        let mut sets: HashMap<&str, Vec<&Item>> = HashMap::new();
        rooms.items().iter().for_each(|item| sets.entry(item.set.as_deref().unwrap()).or_default().push(item));
        assert_eq!(sets.len(), 30);
        for (set, items) in sets {
            let first = items[0];
            assert!(items.iter().all(|item| item.question == first.question && item.options == first.options));
            let golds: HashSet<usize> = items.iter().map(|item| item.gold).collect();
            assert_eq!((items.len(), golds.len()), (first.options.len(), first.options.len()), "{set}");
            let starts: HashSet<&str> = first.options.iter().map(|option| option.split(' ').next().unwrap()).collect();
            assert_eq!(starts.len(), first.options.len());
        }
    }

    #[test]
    fn things_of_a_set_are_all_from_one_side_of_the_wall() {
        let rooms = small();
        let held: Vec<String> = HELD_OUT.iter().map(ToString::to_string).collect();
        for item in rooms.items() {
            let unfamiliar = item.familiarity == Some(Familiarity::Unfamiliar);
            assert!(item.objects.iter().all(|object| held.contains(&object.name) == unfamiliar), "{}", item.id);
            assert!(!unfamiliar || item.relation.as_deref() != Some("count"));
        }
        let sides: std::collections::BTreeSet<_> = rooms.items().iter().map(|item| item.familiarity).collect();
        assert_eq!(sides.len(), 2);
    }

    #[test]
    fn every_thing_can_be_seen_and_boxes_are_inside() {
        let rooms = small();
        for item in rooms.items() {
            for object in &item.objects {
                assert_eq!(object.by_frame.len(), 8);
                let boxes: Vec<_> = object.by_frame.iter().flatten().collect();
                assert!(boxes.iter().any(|b| (b.x2 - b.x1) * (b.y2 - b.y1) >= 30.0), "{} {}", item.id, object.name);
                assert!(boxes.iter().all(|b| b.x1 >= 0.0 && b.y1 >= 0.0 && b.x2 <= 84.0 && b.y2 <= 84.0));
            }
        }
    }

    #[test]
    fn counterparts_change_what_they_say() {
        let rooms = small();
        let item = &rooms.items()[0];
        let frames = rooms.frames(item).unwrap();
        let (mirrored, other) = rooms.counterpart_frames(item, Counterpart::Mirrored, 1).unwrap().unwrap();
        assert_eq!((frames.len(), other.len(), mirrored.gold), (8, 8, 1 - item.gold));
        assert_ne!(mirrored.objects[0].by_frame, item.objects[0].by_frame);
        let (same, blank) = rooms.counterpart_frames(item, Counterpart::Blank, 1).unwrap().unwrap();
        assert!(&same == item && blank[0] != frames[0]);
        let (_, noise) = rooms.counterpart_frames(item, Counterpart::Noise, 1).unwrap().unwrap();
        assert!(noise[0] != noise[1]);
        let refused = rooms.counterpart_frames(item, Counterpart::Swapped, 1).unwrap_err();
        assert!(refused.to_string().contains("`small` has no counterpart `swapped`"));
        assert!(rooms.image(item).unwrap() == frames[0]);
    }

    /// A shipped name means the same pixels for ever. A deliberate change of the rooms changes this.
    #[test]
    fn the_rooms_are_the_same_to_the_byte() {
        assert_eq!(small().fingerprint(), "997c8224d2a16cf3e715ffb3e1e8184dd3af2d8af8734d85c29950ec7bae8a6e");
    }
}
