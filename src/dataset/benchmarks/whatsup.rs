//! What'sUp, Controlled_A (on and under, left and right of a piece of furniture) and Controlled_B (in front of, behind, left
//! and right of a thing on a table). The same two objects are photographed in all four relations.
//!
//! Published as a JSON array of `{"image_path", "caption_options"}`; the first caption is the true one. The name of the
//! photograph says the same: `mug_left_of_table.jpeg`.

use std::path::Path;

use serde::Deserialize;

use super::note::Notes;
use super::rows::{Row, rows};
use super::words::Caption;
use super::{Rows, Source, familiarity, id, unboxed};
use crate::dataset::{Familiarity, Item, Medium};
use crate::error::{Error, Result};

const PUBLISHER: &str = "github.com/amitakamath/whatsup_vlms";

pub(super) const SOURCES: [Source; 2] = [
    Source {
        name: "whatsup/controlled-a",
        about: "What'sUp Controlled_A: a thing left of, right of, on or under a piece of furniture, photographed in all four",
        annotations: "controlled_images_dataset.json",
        photographs: &["controlled_images"],
        prompts: Some("prompts/Controlled_Images_A_with_answer_four_options.jsonl"),
        publisher: PUBLISHER,
        read: |text, file| read(text, file, "controlled_a", ["left", "right", "on", "under"]),
    },
    Source {
        name: "whatsup/controlled-b",
        about: "What'sUp Controlled_B: a thing left of, right of, in front of or behind another, photographed in all four",
        annotations: "controlled_clevr_dataset.json",
        photographs: &["controlled_clevr"],
        prompts: Some("prompts/Controlled_Images_B_with_answer_four_options.jsonl"),
        publisher: PUBLISHER,
        read: |text, file| read(text, file, "controlled_b", ["left", "right", "front", "behind"]),
    },
];

/// Photographs that are published under each other's names.
const EXCHANGED: [&str; 2] = ["pillow_left_of_chair.jpeg", "pillow_right_of_chair.jpeg"];

#[derive(Deserialize)]
struct Line {
    image_path: String,
    caption_options: Vec<String>,
}

type Four = [&'static str; 4];

fn read(text: &str, file: &Path, prefix: &str, options: Four) -> Result<Rows> {
    let rows = rows(text, file)?;
    let mut notes = Notes::default();
    let item = |row: &Row| {
        let id = id(prefix, row.index, rows.len());
        item(row, id, options, &mut notes).map_err(|error| error.within(row.place(file)))
    };
    let items = rows.iter().map(item).collect::<Result<_>>()?;
    Ok(Rows { items, notes })
}

fn item(row: &Row, id: String, options: Four, notes: &mut Notes) -> Result<Item> {
    let line: Line = row.parse("{\"image_path\": text, \"caption_options\": [text, …]}")?;
    let caption = line.caption_options.first().ok_or_else(|| Error::data("`caption_options` is empty"))?;
    let caption = Caption::of_two(caption, &options).map_err(Error::data)?;
    let image = line.image_path.trim_start_matches("./");
    let image = image.strip_prefix("data/").unwrap_or(image);
    let photograph = Photograph::named(image, options)?;
    if EXCHANGED.contains(&photograph.file.as_str()) {
        notes.add("the published photographs of left and right are exchanged", &id);
    }
    if photograph.relation != caption.relation {
        notes.add("the name of the photograph and its caption disagree; the caption counts", &id);
    }
    let Contrast { pair, set, familiarity } = photograph.contrast(caption.relation, options);
    Ok(Item {
        id,
        image: image.to_string(),
        medium: Medium::Image,
        answers: Vec::new(),
        question: caption.question(&options),
        options: options.map(String::from).to_vec(),
        gold: options.iter().position(|option| *option == caption.relation).unwrap_or_default(),
        relation: Some(caption.relation.to_string()),
        familiarity: Some(familiarity),
        objects: [Some(caption.subject), caption.reference].into_iter().flatten().map(unboxed).collect(),
        pair: Some(pair),
        set: Some(set),
    })
}

/// What a photograph is a contrast of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contrast {
    pub pair: String,
    pub set: String,
    pub familiarity: Familiarity,
}

/// The contrast that a photograph's name tells, for items with one of the two sets' options; `None` for any other.
pub fn named_contrast(image: &str, options: &[String]) -> Option<Contrast> {
    let known = [["left", "right", "on", "under"], ["left", "right", "front", "behind"]];
    let four = known.into_iter().find(|four| options.iter().map(|option| option.to_lowercase()).eq(*four))?;
    let photograph = Photograph::named(image, four).ok()?;
    Some(photograph.contrast(photograph.relation, four))
}

/// What a photograph's name says.
struct Photograph {
    file: String,
    first: String,
    last: String,
    relation: &'static str,
}

impl Photograph {
    /// `controlled_images/mug_left_of_table.jpeg`: the first, the second and the last of the fields between underscores.
    fn named(path: &str, options: Four) -> Result<Self> {
        let file = path.rsplit('/').next().unwrap_or(path);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let fields: Vec<&str> = stem.split('_').collect();
        let [first, relation, .., last] = fields[..] else {
            return Err(Error::data(format!("`{file}` is not named like mug_left_of_table.jpeg")));
        };
        let word = if relation == "in-front" { "front" } else { relation };
        let known = options.into_iter().find(|option| *option == word);
        let relation = known.ok_or_else(|| {
            Error::data(format!("unknown relation `{relation}` in `{file}`; expected one of: {}", options.join(", ")))
        })?;
        Ok(Self { file: file.into(), first: first.into(), last: last.into(), relation })
    }

    fn contrast(&self, relation: &str, options: Four) -> Contrast {
        let set = format!("{}_{}", self.first, self.last);
        let pair = match relation {
            "left" | "right" => [options[0], options[1]],
            _ => [options[2], options[3]],
        };
        Contrast { pair: format!("{set}/{}", pair.join("-")), set, familiarity: familiarity(relation) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<Rows> {
        (SOURCES[0].read)(text, Path::new("a.json"))
    }

    fn row(image: &str, caption: &str) -> String {
        format!(r#"{{"image_path": "data/controlled_images/{image}", "caption_options": ["{caption}", "no"]}}"#)
    }

    #[test]
    fn pairs_and_sets_are_told_by_the_objects() {
        let four = ["left_of", "right_of", "on", "under"].map(|relation| {
            let words = relation.replace("_of", " of").replace("left", "to the left").replace("right", "to the right");
            row(&format!("toy-cactus_{relation}_arm-chair.jpeg"), &format!("A toy cactus {words} a arm chair"))
        });
        let items = open(&format!("[{}]", four.join(","))).unwrap().items;
        assert!(items.iter().all(|item| item.set.as_deref() == Some("toy-cactus_arm-chair")));
        let pairs: Vec<_> = items.iter().map(|item| item.pair.clone().unwrap()).collect();
        assert_eq!((&pairs[0], &pairs[2]), (&pairs[1], &pairs[3]));
        assert_eq!(
            (pairs[0].as_str(), pairs[3].as_str()),
            ("toy-cactus_arm-chair/left-right", "toy-cactus_arm-chair/on-under")
        );
        assert_eq!(
            items[2].question,
            "Where is the toy cactus in relation to the arm chair? Answer with left, right, on or under."
        );
        assert_eq!((items[2].gold, items[2].id.as_str()), (2, "controlled_a_002"));
        assert_eq!(items[2].image, "controlled_images/toy-cactus_on_arm-chair.jpeg");
    }

    #[test]
    fn known_noise_is_told_and_left_as_it_is() {
        let text = format!(
            "[{}, {}]",
            row("pillow_left_of_chair.jpeg", "A pillow to the left of a chair"),
            row("mug_on_table.jpeg", "A mug under a table")
        );
        let rows = open(&text).unwrap();
        assert_eq!((rows.items[0].gold, rows.items[1].relation.as_deref()), (0, Some("under")));
        let notes: Vec<String> = rows.notes.about(|_| true).iter().map(ToString::to_string).collect();
        assert!(notes[0].contains("exchanged: 1 item (controlled_a_000)"), "{notes:?}");
        assert!(notes[1].contains("disagree; the caption counts: 1 item (controlled_a_001)"), "{notes:?}");
    }

    #[test]
    fn rows_that_do_not_fit_are_named() {
        let refused = |text: &str| open(text).err().unwrap().to_string();
        let good = row("mug_on_table.jpeg", "A mug on a table");
        let shape = refused(&format!("[{good},\n{{\"image_path\": 3}}]"));
        assert!(shape.starts_with("a.json:2: row 1: expected {\"image_path\": text,"), "{shape}");
        let relation = refused(&format!("[{}]", row("mug_near_table.jpeg", "A mug on a table")));
        assert!(relation.contains("a.json:1: row 0: unknown relation `near` in `mug_near_table.jpeg`"), "{relation}");
        assert!(refused(&format!("[{}]", row("mug.jpeg", "A mug on a table"))).contains("is not named like"));
        assert!(
            refused(&format!("[{}]", row("mug_on_table.jpeg", "A mug near a table"))).contains("no known relation")
        );
        assert!(refused(r#"[{"image_path": "mug_on_table.jpeg", "caption_options": []}]"#).contains("is empty"));
    }
}
