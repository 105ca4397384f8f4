//! What `run.json` and `skipped.json` say, as far as a report prints it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// The run as it was made.
pub struct Manifest {
    pub title: String,
    pub question: String,
    pub command: String,
    /// What to print in a table: label and value.
    pub facts: Vec<(String, String)>,
    /// What an import had to decide, and what is known to be wrong with items.
    pub notes: Vec<String>,
    /// Items that could not be recorded, with the reason.
    pub skipped: Vec<(String, String)>,
    /// All of it, indented.
    pub whole: String,
}

impl Manifest {
    /// Reads `RUN/run.json`; a key that is not there is left out of the facts.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join("run.json");
        let json = json(&path)?;
        let text = |pointer: &str| match json.pointer(pointer) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let facts = [
            ("Model", "/model/path"),
            ("Model hash (BLAKE3)", "/model/blake3"),
            ("Imported from", "/import/path"),
            ("Answers scored by", "/import/scoring"),
            ("Dataset", "/dataset/name"),
            ("Dataset hash (BLAKE3)", "/dataset/blake3"),
            ("Items", "/dataset/items"),
            ("Split", "/study/dataset/split"),
            ("Prompts", "/study/dataset/prompts"),
            ("Seed", "/study/analysis/seed"),
            ("Bootstrap resamples of images", "/study/analysis/bootstrap"),
            ("Draws of random and of other items’ boxes", "/study/analysis/draws"),
            ("Label permutations", "/study/analysis/permutations"),
            ("Device", "/device"),
            ("vlmscope", "/vlmscope"),
        ];
        let facts = facts.into_iter().filter_map(|(label, pointer)| Some((label.to_owned(), text(pointer)?))).collect();
        let strings = |value: Option<&Value>| -> Vec<String> {
            let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut notes: Vec<String> = strings(json.pointer("/import/notes"));
        notes.extend(strings(json.pointer("/dataset/notes")));
        Ok(Self {
            title: text("/study/title").unwrap_or_else(|| "A run of vlmscope".into()),
            question: text("/study/question").unwrap_or_default(),
            command: text("/command").unwrap_or_default(),
            facts,
            notes,
            skipped: skipped(&run.join("skipped.json"))?,
            whole: serde_json::to_string_pretty(&json).unwrap_or_default(),
        })
    }
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    serde_json::from_str(&text).map_err(|problem| Error::data(format!("`{}` is not JSON: {problem}", path.display())))
}

fn skipped(path: &Path) -> Result<Vec<(String, String)>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let list = json(path)?;
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(entries.iter().map(|entry| (text(entry, "item"), text(entry, "reason"))).collect())
}
