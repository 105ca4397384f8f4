//! ScanQA (Azuma et al., CVPR 2022): questions about ScanNet rooms, answered in free text.

use std::path::Path;

use serde::Deserialize;

use super::note::Notes;
use super::rows::rows;
use super::vsi_bench::PHRASE;
use super::{Rows, Source, unboxed};
use crate::dataset::{Item, Medium};
use crate::error::{Error, Result};

pub(super) static SOURCES: [Source; 1] = [Source {
    name: "scanqa/val",
    about: "questions about rooms of ScanNet, answered in free text",
    annotations: "scanqa/ScanQA_v1.0_val.json",
    photographs: &["scannet"],
    prompts: None,
    publisher: "github.com/ATR-DBI/ScanQA; videos: ScanNet",
    read,
}];

#[derive(Deserialize)]
struct Row {
    question_id: String,
    scene_id: String,
    question: String,
    answers: Vec<String>,
    #[serde(default)]
    object_names: Vec<String>,
}

fn read(text: &str, file: &Path) -> Result<Rows> {
    let mut items = Vec::new();
    for row in rows(text, file)? {
        let within = |error: Error| error.within(format!("{}:{}", file.display(), row.line));
        let one: Row = row.parse("a ScanQA row").map_err(within)?;
        if one.answers.iter().all(|answer| answer.trim().is_empty()) {
            return Err(within(Error::data("`answers` is empty").with_help("the test split has none; use `val`")));
        }
        items.push(Item {
            id: format!("scanqa_{}", one.question_id),
            image: format!("scannet/{}", one.scene_id),
            medium: Medium::Video,
            question: format!("{}\n{PHRASE}", one.question),
            options: Vec::new(),
            gold: 0,
            answers: one.answers,
            relation: None,
            familiarity: None,
            objects: one.object_names.into_iter().map(unboxed).collect(),
            pair: None,
            set: None,
        });
    }
    Ok(Rows { items, notes: Notes::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"answers": ["cabinet", "brown cabinet"], "object_ids": [8], "object_names": ["cabinet"], "question": "What is in the corner?", "question_id": "val-scene0011-0", "scene_id": "scene0011_00"}"#;

    #[test]
    fn rows_become_items_with_free_answers() {
        let rows = read(&format!("[{ROW}]"), Path::new("val.json")).unwrap();
        let item = &rows.items[0];
        assert_eq!((item.id.as_str(), item.image.as_str()), ("scanqa_val-scene0011-0", "scannet/scene0011_00"));
        assert_eq!(item.question, "What is in the corner?\nPlease answer the question using a single word or phrase.");
        assert_eq!((item.answers.len(), item.objects[0].name.as_str()), (2, "cabinet"));
        let refused = |row: String| read(&format!("[{ROW},\n{row}]"), Path::new("val.json")).err().unwrap().to_string();
        assert!(
            refused(ROW.replace("scene_id", "scene")).starts_with("val.json:2: expected a ScanQA row: missing field")
        );
        let none = refused(ROW.replace(r#"["cabinet", "brown cabinet"]"#, "[]"));
        assert!(none.contains("`answers` is empty"), "{none}");
    }
}
