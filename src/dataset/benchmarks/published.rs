//! The prompts that the attention-location study really asked, from its own files: one JSON object a line, `id` (the row of
//! the annotations), `question` and `answer`.
//!
//! They were written by hand in several sittings: line breaks come and go, some option lists have a comma before "or", some
//! offer other options than the rest, two contain the right caption. Here they are taken as they stand, and told.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::note::Notes;
use crate::dataset::Item;
use crate::error::{Error, Result};

const BEFORE: &str = "<image>\nUSER: ";
const AFTER: &str = "\nASSISTANT:";

#[derive(Deserialize)]
struct Line {
    id: usize,
    question: String,
    answer: Vec<String>,
}

/// Puts the published questions in the place of ours. `items` are all rows of the annotations.
///
/// # Errors
/// A line of the wrong shape; a row that comes twice, not at all, or that the annotations do not have; an answer that the
/// set does not know.
pub(super) fn apply(text: &str, file: &Path, items: &mut [Item], notes: &mut Notes) -> Result<()> {
    let mut lines = HashMap::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{}:{number}", file.display());
        let line: Line = serde_json::from_str(line).map_err(|error| {
            Error::data(format!("{place}: expected {{\"id\": row, \"question\": text, \"answer\": [text]}}: {error}"))
        })?;
        if line.id >= items.len() {
            return Err(Error::data(format!(
                "{place}: `id` is {}, but there are {} annotations",
                line.id,
                items.len()
            )));
        }
        let id = line.id;
        if lines.insert(id, (place.clone(), line)).is_some() {
            return Err(Error::data(format!("{place}: `id` {id} comes a second time")));
        }
    }
    for (row, item) in items.iter_mut().enumerate() {
        let missing = || Error::data(format!("{} has no prompt for row {row} (`{}`)", file.display(), item.id));
        let (place, line) = lines.remove(&row).ok_or_else(missing)?;
        replace(item, &line, notes).map_err(|error| error.within(place))?;
    }
    tell_of_commas(items, notes);
    Ok(())
}

fn replace(item: &mut Item, line: &Line, notes: &mut Notes) -> Result<()> {
    let question = line
        .question
        .strip_prefix(BEFORE)
        .and_then(|rest| rest.strip_suffix(AFTER))
        .ok_or_else(|| Error::data("`question` is not of the form \"<image>\\nUSER: …\\nASSISTANT:\""))?;
    let answer = line.answer.first().map(|answer| answer.trim().to_lowercase()).unwrap_or_default();
    let known = || format!("`answer` is \"{answer}\", expected one of: {}", item.options.join(", "));
    let gold = item.options.iter().position(|option| *option == answer).ok_or_else(|| Error::data(known()))?;
    if gold != item.gold {
        notes.add("the answer of the prompt file is not the caption's; the prompt file counts", &item.id);
        item.gold = gold;
        item.relation = Some(answer.clone());
        item.familiarity = Some(super::familiarity(&answer));
    }
    let (offered, rest) = offered(question);
    if !rest.is_empty() {
        notes.add("the published question goes on after its options and gives the answer away", &item.id);
    }
    match offered.iter().position(|option| *option == answer) {
        _ if offered == item.options => {}
        Some(gold) if offered.len() > 1 => {
            notes.add("the published question offers other options than the rest", &item.id);
            (item.options, item.gold) = (offered, gold);
        }
        _ => {
            notes.add("the published question does not offer the right answer; the set's options are scored", &item.id)
        }
    }
    item.question = question.to_string();
    Ok(())
}

/// The options of "… Answer with left, right, on or under." and what stands after the sentence.
fn offered(question: &str) -> (Vec<String>, &str) {
    let list = question.split_once("Answer with ").map_or("", |(_, list)| list);
    let end = list.find(['.', '\n']).unwrap_or(list.len());
    let words = list[..end].replace(" or ", ",");
    let words = words.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty());
    (words.collect(), list[end..].trim_matches(['.', ' ', '\n']))
}

/// Where only some answers come with the comma of "above, or below", the comma tells of the answer.
fn tell_of_commas(items: &[Item], notes: &mut Notes) {
    fn right(item: &Item) -> Option<&String> {
        item.options.get(item.gold)
    }
    let with_comma = |item: &&Item| item.question.contains(", or ");
    let without: Vec<&Item> = items.iter().filter(|item| !with_comma(item)).collect();
    let with: Vec<_> = items.iter().filter(with_comma).map(right).collect();
    if without.iter().any(|item| !with.contains(&right(item))) {
        let about = "a comma before \"or\" in the published question, which some answers never come with";
        items.iter().filter(with_comma).for_each(|item| notes.add(about, &item.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::benchmarks::coco_spatial;

    const ANNOTATIONS: &str =
        r#"[[1, "A photo of a cat to the left of a dog", ""], [2, "A photo of a cat above a dog", ""]]"#;
    const LIST: &str = "Answer with left, right, above or below.";

    fn read(lines: &[String]) -> Result<(Vec<Item>, Vec<String>)> {
        let rows = (coco_spatial::SOURCES[1].read)(ANNOTATIONS, Path::new("two.json"))?;
        let (mut items, mut notes) = (rows.items, rows.notes);
        apply(&lines.join("\n"), Path::new("prompts.jsonl"), &mut items, &mut notes)?;
        Ok((items, notes.about(|_| true).iter().map(ToString::to_string).collect()))
    }

    fn line(id: usize, question: &str, answer: &str) -> String {
        serde_json::json!({"id": id, "question": format!("{BEFORE}{question}{AFTER}"), "answer": [answer]}).to_string()
    }

    #[test]
    fn published_questions_are_taken_as_they_stand() {
        let first = format!(" Where is the cat?\n{LIST}.\n");
        let (items, notes) = read(&[line(1, &format!("Where? {LIST}"), "Above"), line(0, &first, "Left")]).unwrap();
        assert_eq!((items[0].question.as_str(), items[0].gold), (first.as_str(), 0));
        assert_eq!(notes, [""; 0]);
    }

    #[test]
    fn what_is_wrong_with_them_is_told() {
        let (items, notes) = read(&[
            line(0, "Where? Answer with left, right, top, or bottom.\nOption A photo of a cat to the left.", "Left"),
            line(1, "Where? Answer with left, right, top, or bottom.", "Above"),
        ])
        .unwrap();
        assert_eq!(items[0].options, ["left", "right", "top", "bottom"]);
        assert_eq!((items[1].options[3].as_str(), items[1].gold), ("below", 2));
        let told =
            |about: &str, id: &str| notes.iter().any(|note| note.contains(about) && note.ends_with(&format!("({id})")));
        assert!(told("goes on after its options", "coco_two_000"), "{notes:?}");
        assert!(
            told("offers other options", "coco_two_000") && told("does not offer the right answer", "coco_two_001")
        );
        let (items, notes) = read(&[
            line(0, "Where? Answer with left, right, above, or below.", "Left"),
            line(1, &format!("Where? {LIST}"), "Below"),
        ])
        .unwrap();
        assert_eq!((items[1].gold, items[1].relation.as_deref()), (3, Some("below")));
        assert!(notes[0].contains("is not the caption's") && notes[1].contains("a comma before"), "{notes:?}");
    }

    #[test]
    fn lines_that_do_not_fit_are_named() {
        let good = line(0, &format!("Where? {LIST}"), "Left");
        let refused = |lines: &[String]| read(lines).err().unwrap().to_string();
        assert_eq!(refused(std::slice::from_ref(&good)), "prompts.jsonl has no prompt for row 1 (`coco_two_001`)");
        assert!(refused(&[good.clone(), good.clone()]).starts_with("prompts.jsonl:2: `id` 0 comes a second time"));
        assert!(refused(&[line(2, "", "")]).contains("`id` is 2, but there are 2 annotations"));
        assert!(
            refused(&[good.replace("USER: ", ""), line(1, LIST, "Above")]).contains("`question` is not of the form")
        );
        assert!(
            refused(&[good, line(1, LIST, "Near")])
                .starts_with("prompts.jsonl:2: `answer` is \"near\", expected one of")
        );
        assert!(refused(&["{}".into()]).starts_with("prompts.jsonl:1: expected {\"id\""));
    }
}
