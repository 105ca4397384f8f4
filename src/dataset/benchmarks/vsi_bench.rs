//! VSI-Bench (Yang et al., CVPR 2025): eight kinds of questions about videos of rooms, with options or a number for an answer.

use std::path::Path;

use serde::Deserialize;

use super::note::Notes;
use super::{Rows, Source};
use crate::dataset::{Item, Medium};
use crate::error::{Error, Result};

pub(super) static SOURCES: [Source; 1] = [Source {
    name: "vsi-bench/test",
    about: "distances, directions, sizes, numbers, routes and order in videos of rooms; options or numbers",
    annotations: "vsi-bench/test.jsonl",
    photographs: &["vsi-bench/scannet", "vsi-bench/scannetpp", "vsi-bench/arkitscenes"],
    prompts: None,
    publisher: "nyu-visionx/VSI-Bench on the Hugging Face hub",
    read,
}];

/// What follows options, and what follows a question for a number, as the evaluation of Spatial-MLLM asks.
const LETTER: &str = "Answer with the option's letter from the given choices directly.";
pub(super) const PHRASE: &str = "Please answer the question using a single word or phrase.";

const LETTERS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];

#[derive(Deserialize)]
struct Row {
    id: u64,
    dataset: String,
    scene_name: String,
    question_type: String,
    question: String,
    /// A letter, or a number.
    ground_truth: Truth,
    #[serde(default)]
    options: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Truth {
    Text(String),
    Number(serde_json::Number),
}

fn read(text: &str, file: &Path) -> Result<Rows> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let items =
        lines.map(|(number, line)| item(line).map_err(|error| error.within(format!("{}:{number}", file.display()))));
    Ok(Rows { items: items.collect::<Result<_>>()?, notes: Notes::default() })
}

fn item(line: &str) -> Result<Item> {
    let row: Row =
        serde_json::from_str(line).map_err(|error| Error::data(format!("expected a VSI-Bench row: {error}")))?;
    let truth = match row.ground_truth {
        Truth::Text(text) => text,
        Truth::Number(number) => number.to_string(),
    };
    let listed = row.options.filter(|options| !options.is_empty());
    let (question, options, gold, answers) = match listed {
        Some(listed) => {
            let letters: Vec<String> = LETTERS.iter().take(listed.len()).map(|letter| (*letter).to_owned()).collect();
            if letters.len() != listed.len() || listed.len() < 2 {
                return Err(Error::data(format!("`options` has {}, expected 2 to {}", listed.len(), LETTERS.len())));
            }
            for (letter, option) in letters.iter().zip(&listed) {
                if !option.trim_start().starts_with(&format!("{letter}.")) {
                    return Err(Error::data(format!(
                        "`options` has `{option}`, expected it to begin with `{letter}.`"
                    )));
                }
            }
            let gold = letters.iter().position(|letter| *letter == truth.trim());
            let gold = gold.ok_or_else(|| {
                Error::data(format!("`ground_truth` is `{truth}`, expected one of {}", letters.join(", ")))
            })?;
            (format!("{}\nOptions:\n{}\n{LETTER}", row.question, listed.join("\n")), letters, gold, Vec::new())
        }
        None => {
            if truth.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number != 0.0).is_none() {
                return Err(Error::data(format!("`ground_truth` is `{truth}`, expected a number other than 0")));
            }
            (format!("{}\n{PHRASE}", row.question), Vec::new(), 0, vec![truth])
        }
    };
    Ok(Item {
        id: format!("vsi_{}", row.id),
        image: format!("vsi-bench/{}/{}", row.dataset, row.scene_name),
        medium: Medium::Video,
        question,
        options,
        gold,
        answers,
        relation: Some(row.question_type),
        familiarity: None,
        objects: Vec::new(),
        pair: None,
        set: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOICE: &str = r#"{"id": 3, "dataset": "scannet", "scene_name": "scene0000_00", "question_type": "object_rel_direction_easy", "question": "Left or right?", "ground_truth": "B", "options": ["A. left", "B. right"]}"#;
    const NUMBER: &str = r#"{"id": 0, "dataset": "arkitscenes", "scene_name": "41069025", "question_type": "object_counting", "question": "How many table(s) are in this room?", "ground_truth": "4", "options": null}"#;

    #[test]
    fn rows_become_prompts_as_published() {
        let rows = read(&format!("{CHOICE}\n\n{NUMBER}\n"), Path::new("test.jsonl")).unwrap();
        let [choice, number] = rows.items.as_slice() else { panic!() };
        assert_eq!(
            choice.question,
            "Left or right?\nOptions:\nA. left\nB. right\nAnswer with the option's letter from the given choices directly."
        );
        assert_eq!((choice.gold, choice.options.join(" ")), (1, "A B".into()));
        assert_eq!((choice.image.as_str(), choice.medium), ("vsi-bench/scannet/scene0000_00", Medium::Video));
        assert!(number.question.ends_with("room?\nPlease answer the question using a single word or phrase."));
        assert_eq!((number.answers.join(" "), number.relation.as_deref()), ("4".into(), Some("object_counting")));
        let plain = NUMBER.replace("\"4\"", "2.5");
        assert_eq!(item(&plain).unwrap().answers, ["2.5"]);
    }

    #[test]
    fn rows_that_do_not_fit_are_named_with_their_line() {
        let refused =
            |line: String| read(&format!("{CHOICE}\n{line}"), Path::new("test.jsonl")).err().unwrap().to_string();
        assert!(refused(CHOICE.replace("\"B\"", "\"E\"")).starts_with("test.jsonl:2: `ground_truth` is `E`"));
        assert!(refused(CHOICE.replace("B. right", "right")).contains("expected it to begin with `B.`"));
        assert!(refused(NUMBER.replace("\"4\"", "\"four\"")).contains("expected a number"));
        assert!(refused(NUMBER.replace("scene_name", "scene")).contains("missing field `scene_name`"));
    }
}
