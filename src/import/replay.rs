//! Answers recorded elsewhere at several scalings of attention, without attention: `scaling-sweep-*.jsonl`.
//!
//! One JSON object a line, one line an item; the layout is written down in `docs/import.md`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::layout::explain;
use super::scoring::{Scoring, UNTOUCHED, chosen};
use crate::dataset::{Familiarity, Item, Medium, benchmarks};
use crate::error::{Error, Result};
use crate::intervene::{Alpha, ScalingRow};
use crate::processor::ImageGeometry;
use crate::record::{Answer, Recorded};

/// As the frame calls what another program scaled.
const DESIGN: &str = "recorded";

/// One line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    item_id: String,
    image: String,
    question: String,
    options: Vec<String>,
    /// One of `options`, whatever the case.
    gold: String,
    relation: Option<String>,
    familiarity: Option<Familiarity>,
    pair: Option<String>,
    set: Option<String>,
    /// What was said at each alpha; "1.0" is the untouched model.
    answers: BTreeMap<String, String>,
    /// The largest probability in the vocabulary at the first answer token, at alpha 1.
    confidence: Option<f64>,
    /// Of each option, at alpha 1.
    option_probabilities: Option<Map<String, Value>>,
    model: Option<String>,
}

/// A file of answers.
pub struct Replay {
    pub path: PathBuf,
    pub name: String,
    text: String,
    pub items: Vec<Item>,
    lines: Vec<Line>,
    /// In ascending order.
    alphas: Vec<f64>,
    /// Whether relations, pairs and sets were taken from the names of photographs.
    named: bool,
}

impl Replay {
    /// The file that a path means, if it is one of answers alone: such a file itself, or the only one in a folder without an
    /// `items.jsonl`.
    ///
    /// # Errors
    /// Anything about it that does not fit, by line and key.
    pub fn find(path: &Path) -> Result<Option<Self>> {
        if path.is_dir() {
            let mut sweeps: Vec<PathBuf> = std::fs::read_dir(path)
                .map_err(|source| Error::io("read", path, source))?
                .flatten()
                .map(|entry| entry.path())
                .filter(|file| {
                    name_of(file).starts_with("scaling-sweep-") && file.extension().is_some_and(|end| end == "jsonl")
                })
                .collect();
            return match (path.join("items.jsonl").is_file(), sweeps.len()) {
                (false, 1) => Self::read(&sweeps.remove(0)).map(Some),
                _ => Ok(None),
            };
        }
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let has_tensors =
            serde_json::from_str::<Map<String, Value>>(first).is_ok_and(|line| line.contains_key("tensors"));
        if has_tensors { Ok(None) } else { Self::read(path).map(Some) }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let name = name_of(path).trim_start_matches("scaling-sweep-").to_string();
        let mut replay = Self {
            path: path.to_path_buf(),
            name,
            items: Vec::new(),
            lines: Vec::new(),
            alphas: Vec::new(),
            named: false,
            text: String::new(),
        };
        let mut ids = HashSet::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = || format!("`{}`, line {}", path.display(), number + 1);
            let line: Line = serde_json::from_str(line).map_err(|error| explain(&error).within(place()))?;
            replay.add(line, &mut ids).map_err(|error| error.within(place()))?;
        }
        if replay.items.is_empty() {
            return Err(Error::data(format!("`{}` holds no items", path.display())));
        }
        replay.take_from_names();
        replay.text = text;
        Ok(replay)
    }

    fn add(&mut self, line: Line, ids: &mut HashSet<String>) -> Result<()> {
        let wrong = |message: String| Err(Error::data(format!("item `{}`: {message}", line.item_id)));
        if !ids.insert(line.item_id.clone()) {
            return wrong("a second item of this `item_id`".into());
        }
        if line.options.len() < 2 {
            return wrong(format!("`options` has {} of at least two answers", line.options.len()));
        }
        let gold = line.options.iter().position(|option| option.eq_ignore_ascii_case(line.gold.trim()));
        let Some(gold) = gold else {
            return wrong(format!("`gold` is `{}`, which is none of the options {:?}", line.gold, line.options));
        };
        if let Some(confidence) = line.confidence.filter(|confidence| !(0.0..=1.0).contains(confidence)) {
            return wrong(format!("`confidence` is {confidence}, expected 0 to 1"));
        }
        let mut alphas = Vec::with_capacity(line.answers.len());
        for key in line.answers.keys() {
            let alpha = key.parse::<f64>().map_err(|error| error.to_string()).and_then(Alpha::new);
            match alpha {
                Ok(alpha) => alphas.push(alpha.get()),
                Err(problem) => return wrong(format!("`answers` has a text at `{key}`: {problem}")),
            }
        }
        alphas.sort_by(f64::total_cmp);
        if !alphas.contains(&1.0) {
            return wrong(format!("`answers` has no text at \"{UNTOUCHED}\", the untouched model's"));
        }
        if self.alphas.is_empty() {
            self.alphas = alphas;
        } else if self.alphas != alphas {
            return wrong(format!("`answers` has the alphas {alphas:?}, the first item {:?}", self.alphas));
        }
        self.items.push(Item {
            id: line.item_id.clone(),
            image: line.image.clone(),
            medium: Medium::Image,
            answers: Vec::new(),
            question: line.question.clone(),
            options: line.options.clone(),
            gold,
            relation: line.relation.clone().or_else(|| Some(line.options[gold].clone())),
            familiarity: line.familiarity,
            objects: Vec::new(),
            pair: line.pair.clone(),
            set: line.set.clone(),
        });
        self.lines.push(line);
        Ok(())
    }

    /// Where no item says its pair, and all photographs are named as in What'sUp, the names say it.
    fn take_from_names(&mut self) {
        if self.items.iter().any(|item| item.pair.is_some() || item.set.is_some()) {
            return;
        }
        let of = |item: &Item| benchmarks::named_contrast(&item.image, &item.options);
        let Some(contrasts) = self.items.iter().map(of).collect::<Option<Vec<_>>>() else { return };
        for (item, contrast) in self.items.iter_mut().zip(contrasts) {
            item.pair = Some(contrast.pair);
            item.set = Some(contrast.set);
            item.familiarity = item.familiarity.or(Some(contrast.familiarity));
        }
        self.named = true;
    }

    pub fn fingerprint(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex().to_string()
    }

    /// The model that the items name.
    pub fn model(&self) -> String {
        let named = self.lines.iter().find_map(|line| line.model.clone());
        named.unwrap_or_else(|| "a model that the items do not name".into())
    }

    /// What had to be decided, for whoever reads the report.
    pub fn notes(&self) -> Vec<String> {
        let alphas: Vec<String> = self.alphas.iter().map(ToString::to_string).collect();
        let mut notes = vec![format!("answers at the alphas {}, recorded elsewhere; no attention", alphas.join(", "))];
        if self.named {
            notes.push("pairs, sets and familiarity are taken from the names of the photographs".into());
        }
        let unsure = self.lines.iter().filter(|line| line.confidence.is_none()).count();
        if unsure > 0 {
            notes.push(format!("{unsure} of {} items come without confidence: no gate on it", self.lines.len()));
        }
        notes
    }

    /// An item and the untouched model's answer, as of a recording of our own.
    ///
    /// # Errors
    /// Probabilities that are not those of the options.
    pub fn recorded(&self, item: &Item, scoring: Scoring) -> Result<Recorded> {
        let line = self.line(item)?;
        let text = at(&line.answers, 1.0).unwrap_or_default();
        let (named, correct) = chosen(scoring, item, text);
        Ok(Recorded {
            dataset: self.name.clone(),
            item: item.clone(),
            geometry: ImageGeometry::UNKNOWN,
            moments: 1,
            answer: Answer {
                text: named,
                generated: Some(text.to_string()),
                p_options: probabilities(item, line)?,
                confidence: line.confidence.map(|confidence| confidence as f32),
                correct,
            },
            attention: Vec::new(),
            hidden: Vec::new(),
            cross_frame: Vec::new(),
        })
    }

    fn line(&self, item: &Item) -> Result<&Line> {
        let place = self.items.iter().position(|other| other.id == item.id);
        let line = place.and_then(|place| self.lines.get(place));
        line.ok_or_else(|| Error::data(format!("no line for item `{}`", item.id)))
    }

    /// Rows of the scaling frame: the untouched model first.
    ///
    /// # Errors
    /// As [`recorded`](Self::recorded).
    pub fn rows(&self) -> Result<Vec<ScalingRow>> {
        let ones = std::iter::once(1.0).chain(self.alphas.iter().copied().filter(|alpha| *alpha != 1.0));
        let mut rows = Vec::with_capacity(self.items.len() * self.alphas.len());
        for alpha in ones {
            for (item, line) in self.items.iter().zip(&self.lines) {
                let untouched = alpha == 1.0;
                rows.push(ScalingRow {
                    design: DESIGN.into(),
                    item: item.id.clone(),
                    image: item.image.clone(),
                    operator: if untouched { "none" } else { "raw" }.into(),
                    alpha,
                    text: at(&line.answers, alpha).map(str::to_owned),
                    confidence: line.confidence.filter(|_| untouched).map(|confidence| confidence as f32),
                    p: if untouched { probabilities(item, line)? } else { None },
                    ..ScalingRow::default()
                });
            }
        }
        Ok(rows)
    }
}

/// The text at an alpha, however that is written.
fn at(answers: &BTreeMap<String, String>, alpha: f64) -> Option<&str> {
    answers.iter().find(|(key, _)| key.parse() == Ok(alpha)).map(|(_, text)| text.trim())
}

fn probabilities(item: &Item, line: &Line) -> Result<Option<Vec<f32>>> {
    line.option_probabilities.as_ref().map(|given| super::scoring::in_order(item, given)).transpose()
}

/// The name of a file without its ending.
fn name_of(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
