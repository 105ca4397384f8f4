//! Visual Spatial Reasoning: is a caption such as "The cat is on top of the suitcase." true of a photograph of COCO?
//!
//! Published as one JSON object a line: `image_link`, `caption`, `label` (1 true, 0 false), `relation`, and in the zeroshot
//! files `subj` and `obj`. Those two names are cut in places ("andbag" for "handbag"), so names are taken from the caption.

use std::path::Path;

use serde::Deserialize;

use super::note::Notes;
use super::words::name;
use super::{Rows, Source, id, unboxed};
use crate::dataset::{Item, Medium};
use crate::error::{Error, Result};

/// A source a split and file, whose names only macros can put together.
macro_rules! source {
    ($split:literal, $part:literal) => {
        Source {
            name: concat!("vsr/", $split, "-", $part),
            about: concat!("Visual Spatial Reasoning, ", $split, " split, ", $part, ": is the caption true? yes or no"),
            annotations: concat!("vsr/", $split, "/", $part, ".jsonl"),
            photographs: &["train2017", "val2017"],
            prompts: None,
            publisher: "github.com/cambridgeltl/visual-spatial-reasoning, photographs from cocodataset.org",
            read: |text, file| read(text, file, concat!("vsr_", $split, "_", $part)),
        }
    };
}

pub(super) const SOURCES: [Source; 6] = [
    source!("zeroshot", "test"),
    source!("zeroshot", "dev"),
    source!("zeroshot", "train"),
    source!("random", "test"),
    source!("random", "dev"),
    source!("random", "train"),
];

#[derive(Deserialize)]
struct Line {
    image_link: String,
    caption: String,
    label: u8,
    relation: String,
    subj: Option<String>,
    obj: Option<String>,
}

fn read(text: &str, file: &Path, prefix: &str) -> Result<Rows> {
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).collect();
    let mut notes = Notes::default();
    let item = |(index, &(number, line)): (usize, &(usize, &str))| {
        let id = id(prefix, index, lines.len());
        item(line, id, &mut notes).map_err(|error| error.within(format!("{}:{number}", file.display())))
    };
    let items = lines.iter().enumerate().map(item).collect::<Result<_>>()?;
    Ok(Rows { items, notes })
}

fn item(line: &str, id: String, notes: &mut Notes) -> Result<Item> {
    let line: Line = serde_json::from_str(line).map_err(|error| {
        Error::data(format!("expected a VSR row, {{\"image_link\", \"caption\", \"label\", \"relation\", …}}: {error}"))
    })?;
    let gold = match line.label {
        1 => 0,
        0 => 1,
        other => return Err(Error::data(format!("`label` is {other}, expected 1 (true) or 0 (false)"))),
    };
    let (subject, object) = names(&line.caption, &line.relation)?;
    for (given, in_caption) in [(&line.subj, &subject), (&line.obj, &object)] {
        if given.as_ref().is_some_and(|given| !given.eq_ignore_ascii_case(in_caption)) {
            notes.add("an object's published name is not the caption's, whose counts", &id);
        }
    }
    Ok(Item {
        id,
        image: photograph(&line.image_link)?,
        medium: Medium::Image,
        answers: Vec::new(),
        question: format!(
            "Determine whether the description about the spatial relationship is correct or not. \
             Answer with yes or no: {}",
            line.caption.trim()
        ),
        options: vec!["yes".into(), "no".into()],
        gold,
        relation: Some(line.relation),
        familiarity: None,
        objects: vec![unboxed(subject), unboxed(object)],
        pair: None,
        set: None,
    })
}

/// `http://images.cocodataset.org/train2017/000000017697.jpg`: the last folder and the file.
fn photograph(link: &str) -> Result<String> {
    let mut parts = link.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(file), Some(folder @ ("train2017" | "val2017"))) if !file.is_empty() => Ok(format!("{folder}/{file}")),
        _ => Err(Error::data(format!("`image_link` is `{link}`, expected …/train2017/FILE or …/val2017/FILE"))),
    }
}

/// "The cat is on top of the suitcase." with "on top of": the cat and the suitcase.
fn names(caption: &str, relation: &str) -> Result<(String, String)> {
    let unknown = || {
        Error::data(format!("the relation `{relation}` is not in the caption \"{caption}\""))
            .with_help("expected a caption like \"The cat is on top of the suitcase.\" and its relation")
    };
    let caption = caption.trim().trim_end_matches('.').trim_end();
    let phrase = format!(" {} ", relation.trim());
    if phrase.trim().is_empty() {
        return Err(unknown());
    }
    let at = caption.to_ascii_lowercase().find(&phrase.to_ascii_lowercase()).ok_or_else(unknown)?;
    let (before, after) = (&caption[..at], &caption[at + phrase.len()..]);
    let verbless = [" is", " are"].iter().find_map(|verb| before.strip_suffix(verb)).unwrap_or(before);
    Ok((name(verbless).ok_or_else(unknown)?, name(after).ok_or_else(unknown)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"image": "000000000009.jpg", "image_link": "http://images.cocodataset.org/train2017/000000000009.jpg", "caption": "The handbag is on top of the dining table.", "label": 0, "relation": "on top of", "subj": "andbag", "obj": "dining table"}"#;

    fn open(text: &str) -> Result<Rows> {
        (SOURCES[0].read)(text, Path::new("test.jsonl"))
    }

    #[test]
    fn a_caption_becomes_a_question_of_yes_and_no() {
        let rows =
            open(&format!("{ROW}\n\n{}", ROW.replace("\"label\": 0", "\"label\": 1").replace("andbag\"", "handbag\"")))
                .unwrap();
        let item = &rows.items[0];
        assert_eq!((SOURCES[0].name, item.id.as_str()), ("vsr/zeroshot-test", "vsr_zeroshot_test_000"));
        assert_eq!(item.image, "train2017/000000000009.jpg");
        assert!(item.question.ends_with("Answer with yes or no: The handbag is on top of the dining table."));
        assert_eq!(
            item.objects.iter().map(|object| object.name.as_str()).collect::<Vec<_>>(),
            ["handbag", "dining table"]
        );
        assert_eq!((item.gold, rows.items[1].gold), (1, 0));
        let notes = rows.notes.about(|_| true);
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].items, ["vsr_zeroshot_test_000"]);
    }

    #[test]
    fn captions_with_other_verbs() {
        let of = |caption, relation| names(caption, relation).unwrap();
        assert_eq!(of("The train contains the laptop.", "contains"), ("train".into(), "laptop".into()));
        assert_eq!(of("The cows are left of a bus", "left of"), ("cows".into(), "bus".into()));
        assert_eq!(of("The cake has as a part the person.", "has as a part"), ("cake".into(), "person".into()));
    }

    #[test]
    fn rows_that_do_not_fit_are_named_with_their_line() {
        let refused =
            |from: &str, to: &str| open(&format!("{ROW}\n{}", ROW.replace(from, to))).err().unwrap().to_string();
        let relation = refused("\"relation\": \"on top of\"", "\"relation\": \"beside\"");
        assert!(relation.starts_with("test.jsonl:2: the relation `beside` is not in the caption"), "{relation}");
        assert!(refused("\"label\": 0", "\"label\": 2").contains("`label` is 2"));
        assert!(refused("train2017", "somewhere").contains("`image_link`"));
        assert!(refused("\"caption\"", "\"captoin\"").contains("missing field `caption`"));
        assert!(open("not json").err().unwrap().to_string().starts_with("test.jsonl:1: expected a VSR row"));
    }
}
