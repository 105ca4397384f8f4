//! SQA3D (Ma et al., ICLR 2023): questions about ScanNet rooms for somebody in a described situation, answered in a word or two.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::note::Notes;
use super::vsi_bench::PHRASE;
use super::{Rows, Source};
use crate::dataset::{Item, Medium};
use crate::error::{Error, Result};

pub(super) static SOURCES: [Source; 1] = [Source {
    name: "sqa3d/test",
    about: "questions about rooms of ScanNet from a described place in them, answered in a word or two",
    annotations: "sqa3d/v1_balanced_questions_test_scannetv2.json",
    photographs: &["scannet"],
    prompts: None,
    publisher: "github.com/SilongYong/SQA3D (sqa_task/balanced); videos: ScanNet",
    read,
}];

/// Beside the questions.
const ANSWERS: &str = "v1_balanced_sqa_annotations_test_scannetv2.json";

#[derive(Deserialize)]
struct Questions {
    questions: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    question_id: u64,
    scene_id: String,
    situation: String,
    question: String,
}

#[derive(Deserialize)]
struct Annotations {
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    question_id: u64,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    answer: String,
}

fn read(text: &str, file: &Path) -> Result<Rows> {
    let path = file.with_file_name(ANSWERS);
    let help = format!("`sqa3d/test` needs both files of its split; {ANSWERS} has the answers");
    let answers = std::fs::read_to_string(&path)
        .map_err(|error| Error::data(format!("cannot read {}: {error}", path.display())).with_help(help))?;
    join(text, file, &answers, &path)
}

fn join(questions: &str, file: &Path, answers: &str, answers_file: &Path) -> Result<Rows> {
    let broken = |file: &Path, error: serde_json::Error| Error::data(format!("{}: {error}", file.display()));
    let Questions { questions } = serde_json::from_str(questions).map_err(|error| broken(file, error))?;
    let Annotations { annotations } = serde_json::from_str(answers).map_err(|error| broken(answers_file, error))?;
    let mut right: HashMap<u64, Vec<String>> = annotations
        .into_iter()
        .map(|one| (one.question_id, one.answers.into_iter().map(|answer| answer.answer).collect()))
        .collect();
    let item = |one: Question| {
        let answers = right.remove(&one.question_id).filter(|answers: &Vec<String>| !answers.is_empty());
        let answers = answers.ok_or_else(|| {
            Error::data(format!(
                "{}: question {} has no answer in {}",
                file.display(),
                one.question_id,
                answers_file.display()
            ))
        })?;
        Ok(Item {
            id: format!("sqa3d_{}", one.question_id),
            image: format!("scannet/{}", one.scene_id),
            medium: Medium::Video,
            question: format!("{} {}\n{PHRASE}", one.situation.trim(), one.question.trim()),
            options: Vec::new(),
            gold: 0,
            answers,
            relation: Some(kind(&one.question).to_owned()),
            familiarity: None,
            objects: Vec::new(),
            pair: None,
            set: None,
        })
    };
    Ok(Rows { items: questions.into_iter().map(item).collect::<Result<_>>()?, notes: Notes::default() })
}

/// The six kinds in which results are published: by the first word.
fn kind(question: &str) -> &'static str {
    let first = question.split_whitespace().next().unwrap_or_default().to_lowercase();
    ["what", "is", "how", "can", "which"].into_iter().find(|kind| *kind == first).unwrap_or("others")
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTIONS: &str = r#"{"questions": [{"scene_id": "scene0050_00", "situation": "I am facing a desk.", "alternative_situation": [], "question": "Is the door behind me?", "question_id": 220602000000}]}"#;
    const ANSWERS: &str = r#"{"annotations": [{"scene_id": "scene0050_00", "question_id": 220602000000, "answers": [{"answer": "yes", "answer_confidence": "yes", "answer_id": 1}], "rotation": {}, "position": {}}]}"#;

    fn joined(questions: &str, answers: &str) -> Result<Rows> {
        join(questions, Path::new("questions.json"), answers, Path::new("answers.json"))
    }

    #[test]
    fn questions_meet_their_answers() {
        let rows = joined(QUESTIONS, ANSWERS).unwrap();
        let item = &rows.items[0];
        assert!(item.question.starts_with("I am facing a desk. Is the door behind me?\nPlease answer"));
        assert_eq!((item.answers.join(""), item.relation.as_deref()), ("yes".into(), Some("is")));
        assert_eq!([kind("Where am I?"), kind("How many?")], ["others", "how"]);
        let error = joined(QUESTIONS, &ANSWERS.replace("220602000000", "7")).err().unwrap().to_string();
        assert_eq!(error, "questions.json: question 220602000000 has no answer in answers.json");
        assert!(joined(&QUESTIONS.replace("situation\"", "where\""), ANSWERS).is_err());
    }

    #[test]
    fn the_second_file_has_to_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(QUESTIONS, &folder.path().join("questions.json")).err().unwrap();
        assert!(error.to_string().contains("v1_balanced_sqa_annotations_test_scannetv2.json"), "{error}");
    }
}
