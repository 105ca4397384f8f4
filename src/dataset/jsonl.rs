//! One line of `items.jsonl`: an item as a JSON object. Reading is strict and says where and what; `datasets/README.md`
//! documents the keys.

use std::fmt::Display;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Familiarity, Item, Medium, Object, PixelBox};
use crate::error::{Error, Result, suggestion};

const KEYS: [&str; 12] = [
    "id",
    "image",
    "video",
    "question",
    "options",
    "gold",
    "answers",
    "relation",
    "familiarity",
    "objects",
    "pair",
    "set",
];
const OBJECT_KEYS: [&str; 4] = ["name", "boxes", "frames", "metres"];

/// The line for an item whose image or video is at `image`, without the line break.
pub(super) fn write(item: &Item, image: &str) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        image: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        video: Option<&'a str>,
        question: &'a str,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        options: &'a [String],
        /// The text where it can be given, since a reader sees more in it than in a number.
        #[serde(skip_serializing_if = "Option::is_none")]
        gold: Option<&'a String>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        answers: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        relation: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        familiarity: Option<Familiarity>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        objects: Vec<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pair: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        set: Option<&'a str>,
    }
    let object = |object: &Object| {
        let numbers = |boxes: &[PixelBox]| boxes.iter().map(|b| [b.x1, b.y1, b.x2, b.y2]).collect::<Vec<_>>();
        if object.by_frame.is_empty() {
            return serde_json::json!({ "name": object.name, "boxes": numbers(&object.boxes) });
        }
        let frames: Vec<_> = object.by_frame.iter().map(|boxes| numbers(boxes)).collect();
        match object.metres {
            None => serde_json::json!({ "name": object.name, "frames": frames }),
            Some(metres) => serde_json::json!({ "name": object.name, "frames": frames, "metres": metres }),
        }
    };
    let line = Line {
        id: &item.id,
        image: (item.medium == Medium::Image).then_some(image),
        video: (item.medium == Medium::Video).then_some(image),
        question: &item.question,
        options: &item.options,
        gold: item.options.get(item.gold),
        answers: &item.answers,
        relation: item.relation.as_deref(),
        familiarity: item.familiarity,
        objects: item.objects.iter().map(object).collect(),
        pair: item.pair.as_deref(),
        set: item.set.as_deref(),
    };
    serde_json::json!(line).to_string()
}

/// The item on line `number` (from 1) of `file`. All that can be seen without the image is checked.
pub(super) fn read(text: &str, file: &Path, number: usize) -> Result<Item> {
    let place = format!("{}:{number}", file.display());
    let value: Value = serde_json::from_str(text).map_err(|error| not_json(text, &error).within(&place))?;
    let Value::Object(map) = value else {
        return Err(Error::data("expected one JSON object a line").within(&place));
    };
    let place = match map.get("id") {
        Some(Value::String(id)) => format!("{place}: item `{id}`"),
        _ => place,
    };
    item(map).map_err(|error| error.within(place))
}

fn item(map: Map<String, Value>) -> Result<Item> {
    let mut fields = Fields::new(map, &KEYS)?;
    let answers: Option<Vec<String>> = fields.optional("answers", "a list of texts")?;
    let (options, gold) = match &answers {
        None => {
            let options: Vec<String> = fields.required("options", "a list of texts")?;
            let gold = find_gold(&fields.value("gold")?, &options)?;
            (options, gold)
        }
        Some(_) if fields.has("options") || fields.has("gold") => {
            return Err(Error::data("has `answers` beside `options` and `gold`").with_help(
                "`answers` are right answers in free text; an item has those, or options of which one is right",
            ));
        }
        Some(answers) if answers.is_empty() || answers.iter().any(|answer| answer.trim().is_empty()) => {
            return Err(wrong("answers", "is empty or has an empty one"));
        }
        Some(_) => (Vec::new(), 0),
    };
    let objects: Option<Vec<Map<String, Value>>> = fields.optional("objects", "a list of {name, boxes}")?;
    let medium = if fields.has("video") { Medium::Video } else { Medium::Image };
    if medium == Medium::Video && fields.has("image") {
        return Err(Error::data("has both `image` and `video`").with_help("an item shows one or the other"));
    }
    let item = Item {
        id: fields.text("id")?,
        image: fields.text(if medium == Medium::Video { "video" } else { "image" })?,
        medium,
        answers: answers.unwrap_or_default(),
        question: fields.text("question")?,
        gold,
        options,
        relation: fields.optional("relation", "a text")?,
        familiarity: fields.optional("familiarity", "\"familiar\" or \"unfamiliar\"")?,
        objects: objects.unwrap_or_default().into_iter().enumerate().map(object).collect::<Result<_>>()?,
        pair: fields.optional("pair", "a text")?,
        set: fields.optional("set", "a text")?,
    };
    Ok(item)
}

/// The index of the right option, given as its text or as its index from 0.
fn find_gold(gold: &Value, options: &[String]) -> Result<usize> {
    if options.len() < 2 {
        return Err(wrong("options", format!("has {}, expected at least two", options.len())));
    }
    for (index, option) in options.iter().enumerate() {
        if option.trim().is_empty() {
            return Err(wrong("options", "has an empty one"));
        }
        if options[..index].contains(option) {
            return Err(wrong("options", format!("has `{option}` twice")));
        }
    }
    let found = match gold {
        Value::String(text) => options.iter().position(|option| option == text),
        Value::Number(index) => index.as_u64().map(|index| index as usize).filter(|index| *index < options.len()),
        _ => None,
    };
    found.ok_or_else(|| {
        wrong("gold", format!("is {gold}, expected one of the options ({}) or its index from 0", options.join(", ")))
    })
}

fn object((index, map): (usize, Map<String, Value>)) -> Result<Object> {
    let read = || {
        let mut fields = Fields::new(map, &OBJECT_KEYS)?;
        let name = fields.text("name")?;
        let boxes: Option<Vec<[f64; 4]>> = fields.optional("boxes", "a list of [x1, y1, x2, y2] in pixels")?;
        let frames: Option<Vec<Vec<[f64; 4]>>> = fields.optional("frames", "for each frame a list of boxes")?;
        let metres: Option<f64> = fields.optional("metres", "a number of metres")?;
        if metres.is_some_and(|metres| !(metres.is_finite() && metres >= 0.0)) {
            return Err(Error::data("`metres` is no distance: expected a number from 0"));
        }
        let read = |boxes: Vec<[f64; 4]>| boxes.into_iter().map(pixel_box).collect::<Result<Vec<_>>>();
        match (boxes, frames) {
            (Some(_), Some(_)) => Err(Error::data("has both `boxes` and `frames`")
                .with_help("`boxes` are those of an image, `frames` those of a video, a list for each frame")),
            (_, Some(frames)) => {
                Ok(Object { metres, ..Object::in_frames(name, frames.into_iter().map(read).collect::<Result<_>>()?) })
            }
            (boxes, None) => Ok(Object { metres, ..Object::new(name, read(boxes.unwrap_or_default())?) }),
        }
    };
    read().map_err(|error: Error| error.within(format!("`objects[{index}]`")))
}

fn pixel_box([x1, y1, x2, y2]: [f64; 4]) -> Result<PixelBox> {
    let found = format!("has [{x1}, {y1}, {x2}, {y2}]");
    if [x1, y1, x2, y2].iter().any(|side| !side.is_finite()) {
        return Err(wrong("boxes", format!("{found}, expected four finite numbers")));
    }
    if x1 >= x2 || y1 >= y2 {
        return Err(wrong("boxes", format!("{found}, expected x1 < x2 and y1 < y2"))
            .with_help("boxes are [x1, y1, x2, y2], two corners; COCO's are [x, y, width, height]"));
    }
    Ok(PixelBox { x1, y1, x2, y2 })
}

/// A JSON object whose keys are taken one by one, so that every error can name its key.
struct Fields(Map<String, Value>);

impl Fields {
    fn new(map: Map<String, Value>, known: &[&str]) -> Result<Self> {
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(Error::data(format!("unknown key `{key}`; {}", suggestion(key, known.iter().copied())))),
            None => Ok(Self(map)),
        }
    }

    /// The value, which may not be missing nor null.
    fn value(&mut self, key: &str) -> Result<Value> {
        let value = self.0.remove(key).filter(|value| !value.is_null());
        value.ok_or_else(|| Error::data(format!("has no `{key}`")))
    }

    fn required<T: DeserializeOwned>(&mut self, key: &str, expected: &str) -> Result<T> {
        let value = self.value(key)?;
        serde_json::from_value(value).map_err(|error| wrong(key, format!("expected {expected}: {error}")))
    }

    fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !value.is_null())
    }

    /// None where the key is missing or null.
    fn optional<T: DeserializeOwned>(&mut self, key: &str, expected: &str) -> Result<Option<T>> {
        self.has(key).then(|| self.required(key, expected)).transpose()
    }

    /// A text that is not empty.
    fn text(&mut self, key: &str) -> Result<String> {
        let text: String = self.required(key, "a text")?;
        if text.trim().is_empty() { Err(wrong(key, "is empty")) } else { Ok(text) }
    }
}

fn wrong(key: &str, what: impl Display) -> Error {
    Error::data(format!("`{key}` {what}"))
}

fn not_json(text: &str, error: &serde_json::Error) -> Error {
    let wrong = Error::data(format!("not JSON at column {}: {error}", error.column()));
    if ["NaN", "Infinity"].iter().any(|word| text.contains(word)) {
        return wrong.with_help("JSON has no NaN or Infinity; leave out a box that is not known");
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id": "a", "image": "a.png", "question": "Where?", "options": ["left", "right"], "gold": "right",
        "relation": "right", "familiarity": "unfamiliar", "pair": "p", "set": "s",
        "objects": [{"name": "cup", "boxes": [[1, 2.5, 3, 4], [5, 6, 7, 8]]}, {"name": "hat"}]}"#;

    fn parse(text: &str) -> Result<Item> {
        read(text, Path::new("items.jsonl"), 7)
    }

    fn refused(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from));
        parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_full_line_is_read_and_written_back() {
        let item = parse(GOOD).unwrap();
        assert_eq!((item.gold, item.familiarity), (1, Some(Familiarity::Unfamiliar)));
        assert_eq!(item.objects[0].boxes[0], PixelBox { x1: 1.0, y1: 2.5, x2: 3.0, y2: 4.0 });
        assert_eq!(item.objects[1], Object::new("hat", vec![]));
        assert_eq!(parse(&write(&item, &item.image)).unwrap(), item);
    }

    #[test]
    fn an_answer_may_be_free_text() {
        let text = r#"{"id":"a","image":"a.png","question":"How many?","answers":["3","three"]}"#;
        let item = parse(text).unwrap();
        assert_eq!((item.answers.len(), item.options.len()), (2, 0));
        assert_eq!(parse(&write(&item, "a.png")).unwrap(), item);
        let both = text.replacen(r#""answers""#, r#""gold":0,"answers""#, 1);
        assert!(parse(&both).unwrap_err().to_string().contains("`answers` beside"));
        let none = text.replacen(r#"["3","three"]"#, "[]", 1);
        assert!(parse(&none).unwrap_err().to_string().contains("`answers` is empty"));
    }

    #[test]
    fn a_video_has_boxes_by_frame() {
        let text = r#"{"id":"a","video":"clip","question":"?","options":["1","0"],"gold":1,
            "objects":[{"name":"cup","frames":[[],[[0,1,2,3]]],"metres":2.5}]}"#;
        let item = parse(text).unwrap();
        assert_eq!((item.medium, item.objects[0].by_frame.len(), item.objects[0].boxes.len()), (Medium::Video, 2, 0));
        assert_eq!(parse(&write(&item, "clip")).unwrap(), item);
        let both = text.replacen(r#""video""#, r#""image":"a.png","video""#, 1);
        assert!(parse(&both).unwrap_err().to_string().contains("both `image` and `video`"));
        let behind = text.replacen("2.5", "-2.5", 1);
        assert!(parse(&behind).unwrap_err().to_string().contains("`metres` is no distance"));
        let both = text.replacen(r#""frames""#, r#""boxes":[],"frames""#, 1);
        assert!(parse(&both).unwrap_err().to_string().contains("both `boxes` and `frames`"));
    }

    #[test]
    fn the_smallest_line_is_enough_and_gold_may_be_an_index() {
        let item = parse(r#"{"id":"a","image":"a.png","question":"Where?","options":["1","0"],"gold":1}"#).unwrap();
        assert_eq!((item.gold, item.relation, item.objects.len()), (1, None, 0));
        assert_eq!(parse(&write(&item_with_gold_zero(), "a.png")).unwrap().gold, 0);
    }

    fn item_with_gold_zero() -> Item {
        parse(r#"{"id":"a","image":"a.png","question":"Where?","options":["1","0"],"gold":"1"}"#).unwrap()
    }

    #[test]
    fn errors_name_file_line_item_and_key() {
        let error = refused(r#""gold": "right""#, r#""gold": "up""#);
        assert_eq!(
            error,
            "items.jsonl:7: item `a`: `gold` is \"up\", expected one of the options (left, right) or its index from 0"
        );
        assert!(refused(r#""gold": "right""#, r#""gold": 2"#).contains("`gold` is 2"));
        assert!(refused(r#""gold": "right","#, "").contains("has no `gold`"));
        assert!(refused(r#"["left", "right"]"#, "[]").contains("`options` has 0"));
        assert!(refused(r#"["left", "right"]"#, r#"["right", "right"]"#).contains("`options` has `right` twice"));
        assert!(refused(r#"["left", "right"]"#, r#"["right", " "]"#).contains("`options` has an empty one"));
        assert!(refused(r#"["left", "right"]"#, r#""left""#).contains("`options` expected a list of texts"));
        assert!(refused(r#""options": ["left", "right"],"#, "").contains("has no `options`"));
        assert!(refused(r#""relation""#, r#""realtion""#).contains("unknown key `realtion`; did you mean `relation`"));
        assert!(refused(r#""unfamiliar""#, r#""rare""#).contains("`familiarity` expected \"familiar\" or"));
        assert!(refused(r#""id": "a""#, r#""id": """#).contains("`id` is empty"));
        assert!(refused(r#""id": "a""#, r#""id": 3"#).starts_with("items.jsonl:7: `id` expected a text"));
        assert!(refused(r#""name": "cup""#, r#""nam": "cup""#).contains("`objects[0]`: unknown key `nam`"));
    }

    #[test]
    fn boxes_that_make_no_sense_are_refused() {
        assert!(
            refused("[5, 6, 7, 8]", "[7, 6, 5, 8]").contains("`objects[0]`: `boxes` has [7, 6, 5, 8], expected x1")
        );
        assert!(refused("[5, 6, 7, 8]", "[5, 6, 7]").contains("`boxes` expected a list of [x1, y1, x2, y2]"));
        assert!(refused("[5, 6, 7, 8]", "[5, 6, 7, null]").contains("`boxes`"));
        assert!(refused("[5, 6, 7, 8]", "[5, 6, 7, 1e999]").contains("not JSON"));
        let nan = parse(&GOOD.replacen("[5, 6, 7, 8]", "[NaN, 6, 7, 8]", 1)).unwrap_err();
        assert!(nan.to_string().contains("items.jsonl:7") && nan.help().is_some_and(|help| help.contains("NaN")));
    }
}
