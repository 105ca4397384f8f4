//! Attention and answers that another program recorded, to the frames of our own recordings.
//!
//! The layout, one folder, is written down in `docs/import.md`, and `scripts/record_attention.py` writes it from PyTorch:
//!
//! ```text
//! items.jsonl              one JSON object an item: question, options, gold, boxes, answer, geometry   (see `layout`)
//! tensors/*.safetensors    one file an item: the last query's attention, logits or weights, [layers, heads, columns]
//! ```

mod layout;
mod preprocess;
mod replay;
mod scoring;
mod tensors;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub use scoring::Scoring;

use self::layout::Dump;
use self::replay::Replay;
use crate::analysis::Params;
use crate::analysis::scaling::{GateSpec, published};
use crate::dataset::Item;
use crate::error::{Error, Result};
use crate::intervene::{Alpha, scaling_frame};
use crate::processor::Coverage;
use crate::record::{BadItems, Bar, Columns, ItemSize, Job, Plan, Recorded, reduce_layer, write_frames};
use crate::study::{
    CheckpointIdentity, Compat, DatasetChoice, DatasetIdentity, Existing, Heads, ImportIdentity, Manifest, ModelChoice,
    Progress, Recording, RunFolder, Study,
};

/// Items whose tensors are read at once.
const BATCH: usize = 8;

/// What to import, and where to.
pub struct Import {
    /// A folder with an `items.jsonl`, or that file.
    pub path: PathBuf,
    pub scoring: Scoring,
    /// The folder with the images, if they are at hand.
    pub images: Option<PathBuf>,
    /// How to analyse and report it; by default as the attention-location study does.
    pub study: Option<Study>,
    /// The command, for the manifest.
    pub command: String,
    pub bad_items: BadItems,
}

impl Import {
    /// Writes the frames into a run folder; says which items were skipped.
    ///
    /// # Errors
    /// Anything about the files that does not fit, by file, line, item and key; a folder that holds another run.
    pub fn into_run(self, root: &Path, stop: &AtomicBool, bar: Bar) -> Result<RunFolder> {
        if let Some(replay) = Replay::find(&self.path)? {
            return self.answers(&replay, root, stop, bar);
        }
        let dump = Dump::read(&self.path)?;
        let manifest = self.manifest(&From {
            name: &dump.name(),
            path: &dump.path,
            model: dump.model(),
            blake3: dump.fingerprint()?,
            items: dump.items.len(),
            notes: dump.notes(),
        });
        let (folder, progress) = RunFolder::prepare(root, &manifest, Existing::Resume)?;
        if progress != Progress::Recorded {
            let objects = dump.items.iter().map(|item| item.objects.len()).max().unwrap_or(0);
            let size = self.size(&dump)?;
            let plan = Plan::new(dump.items.len(), BATCH, objects, size, Vec::new());
            let by_id: HashMap<&str, &layout::Record> =
                dump.items.iter().zip(&dump.records).map(|(item, record)| (item.id.as_str(), record)).collect();
            let job = Job {
                items: &dump.items,
                plan,
                folder: &folder,
                bad_items: self.bad_items,
                stop,
                resume: self.command.clone(),
                bar,
            };
            let read = |item: &Item| recorded(item, by_id[item.id.as_str()], &dump, self.scoring, size);
            job.record(read, |batch| Ok(batch.iter().map(|(_, recorded)| recorded.clone()).collect()))?;
        }
        Ok(folder)
    }

    /// Answers alone: the items frame and the scaling frame.
    fn answers(&self, replay: &Replay, root: &Path, stop: &AtomicBool, bar: Bar) -> Result<RunFolder> {
        let from = From {
            name: &replay.name,
            path: &replay.path,
            model: replay.model(),
            blake3: replay.fingerprint(),
            items: replay.items.len(),
            notes: replay.notes(),
        };
        let mut manifest = self.manifest(&from);
        let analysis = &mut manifest.study.analysis;
        if let Some((_, [low, high, threshold])) = published::gate(&replay.name).filter(|_| self.study.is_none()) {
            let alpha = |value| Alpha::new(value).map_err(Error::data);
            analysis.gate.push(GateSpec::published(alpha(low)?, alpha(high)?, threshold));
        }
        let (folder, progress) = RunFolder::prepare(root, &manifest, Existing::Resume)?;
        if progress != Progress::Recorded {
            // The items come last: they say that the recording is whole.
            write_frames(&folder.frame("scaling"), std::iter::once(scaling_frame(&replay.rows()?)))?;
            let job = Job {
                items: &replay.items,
                plan: Plan::new(replay.items.len(), BATCH, 0, ItemSize::default(), Vec::new()),
                folder: &folder,
                bad_items: self.bad_items,
                stop,
                resume: self.command.clone(),
                bar,
            };
            let read = |item: &Item| replay.recorded(item, self.scoring);
            job.record(read, |batch| Ok(batch.iter().map(|(_, recorded)| recorded.clone()).collect()))?;
        }
        Ok(folder)
    }

    /// The size of the first item that can be read; the others must be like it.
    fn size(&self, dump: &Dump) -> Result<ItemSize> {
        let mut first_error = None;
        for record in &dump.records {
            match tensors::Attention::read(&dump.file(&record.tensors)) {
                Ok(attention) => {
                    let patches = record.grid[0] * record.grid[1];
                    let attention_rows = attention.layers * (1 + attention.heads);
                    return Ok(ItemSize { attention_rows, patches, ..ItemSize::default() });
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or_else(|| Ok(ItemSize::default()), Err)
    }

    fn study(&self, from: &From<'_>) -> Study {
        let name = from.name;
        let model = ModelChoice { path: from.model.clone() };
        let dataset = DatasetChoice::of(&from.path.display().to_string());
        match &self.study {
            Some(study) => Study { model, dataset, intervene: Vec::new(), ..study.clone() },
            None => Study {
                title: format!("Attention recorded elsewhere: {name}"),
                question: "Where did the model look, and does attention on the objects predict a right answer?".into(),
                model,
                dataset,
                record: Recording::default(),
                intervene: Vec::new(),
                analysis: Params::default(),
                probe: Vec::new(),
            },
        }
    }

    fn manifest(&self, from: &From<'_>) -> Manifest {
        let mut study = self.study(from);
        study.analysis.compat = study.analysis.compat.or(match self.scoring {
            Scoring::Words => None,
            Scoring::AdaptVis => Some(Compat::Adaptvis),
        });
        Manifest {
            vlmscope: env!("CARGO_PKG_VERSION").into(),
            command: self.command.clone(),
            device: "elsewhere".into(),
            study,
            dataset: DatasetIdentity {
                name: from.name.into(),
                blake3: from.blake3.clone(),
                items: from.items,
                notes: Vec::new(),
            },
            model: CheckpointIdentity { path: from.model.clone(), blake3: None },
            notes: Vec::new(),
            import: Some(ImportIdentity {
                path: from.path.display().to_string(),
                scoring: self.scoring.name().into(),
                images: self.images.as_ref().map(|images| images.display().to_string()),
                notes: from.notes.clone(),
            }),
        }
    }
}

/// What a recording from elsewhere says of itself.
struct From<'a> {
    name: &'a str,
    path: &'a Path,
    model: String,
    blake3: String,
    items: usize,
    notes: Vec<String>,
}

/// One item's rows: softmax where logits were recorded, shares, the row over the grid, and the scored answer.
fn recorded(item: &Item, record: &layout::Record, dump: &Dump, scoring: Scoring, size: ItemSize) -> Result<Recorded> {
    let path = dump.file(&record.tensors);
    let attention = tensors::Attention::read(&path)?;
    let geometry = record.geometry()?;
    let columns = Columns {
        bos: record.bos,
        image: (record.image_tokens[0]..record.image_tokens[1]).collect(),
        aside: Vec::new(),
        last: attention.columns.saturating_sub(1),
        len: attention.columns,
    };
    let layers = record.check(&attention, &path, size)?;
    let coverage = Coverage::of(&item.objects, &geometry);
    let mut rows = Vec::with_capacity(size.attention_rows);
    for (&layer, raw) in layers.iter().zip(attention.by_layer()) {
        let weights = attention
            .weights(raw)
            .map_err(|error| error.within(format_args!("`{}`, layer {layer}", path.display())))?;
        rows.extend(reduce_layer(layer, &weights, attention.columns, Heads::All, &columns, &coverage));
    }
    rows.sort_by_key(|row| (row.layer, row.head));
    let answer = scoring.answer(item, record)?;
    Ok(Recorded {
        dataset: dump.name(),
        item: item.clone(),
        geometry,
        moments: 1,
        answer,
        attention: rows,
        hidden: Vec::new(),
        cross_frame: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;
    use serde_json::{Value, json};

    use super::*;
    use crate::record::read_frame;

    static NEVER: AtomicBool = AtomicBool::new(false);

    /// A 40 x 20 image of which a 2 x 2 grid sees the middle 20 x 20: patches of 10 x 10, from x = 10.
    fn item(id: &str, more: Value) -> Value {
        let mut item = json!({
            "item_id": id, "image": format!("{id}.jpg"), "image_width": 40, "image_height": 20,
            "question": "Where is the cup?", "options": ["left", "on"], "gold": "on",
            "subject": "cup", "object": "table", "subject_boxes": [[5.0, 0.0, 15.0, 10.0]],
            "object_boxes": [[10.0, 10.0, 20.0, 20.0], [20.0, 10.0, 25.0, 20.0]],
            "answers": {"1.0": "The cup is on the table.", "0.5": "Left"},
            "option_probabilities": {"Left": 0.25, "On": 0.75},
            "tensors": format!("tensors/{id}.safetensors"), "image_tokens": [1, 5], "grid": [2, 2],
            "preprocess": "resize shortest edge 28, centre crop 28, patch 14", "layers": [7, 3]
        });
        let (Value::Object(all), Value::Object(more)) = (&mut item, more) else { panic!("objects") };
        all.extend(more);
        all.retain(|_, value| *value != json!("absent"));
        item
    }

    /// BOS, four patches, one word, the query. Sums to 1.
    const ROW: [f32; 7] = [0.4, 0.1, 0.2, 0.05, 0.05, 0.15, 0.05];
    const OTHER: [f32; 7] = [0.1, 0.2, 0.1, 0.1, 0.3, 0.1, 0.1];

    /// Two layers of two heads: the row and the other, then both the other way round.
    fn write(folder: &Path, items: &[Value], name: &str, value: impl Fn(f32) -> f32) {
        std::fs::create_dir_all(folder.join("tensors")).unwrap();
        let lines: Vec<String> = items.iter().map(Value::to_string).collect();
        std::fs::write(folder.join("items.jsonl"), lines.join("\n")).unwrap();
        let bytes: Vec<u8> =
            [ROW, OTHER, OTHER, ROW].iter().flatten().flat_map(|&weight| value(weight).to_le_bytes()).collect();
        for item in items {
            let view = TensorView::new(Dtype::F32, vec![2, 2, 7], &bytes).unwrap();
            let file = safetensors::serialize([(name, view)], None).unwrap();
            std::fs::write(folder.join(item["tensors"].as_str().unwrap()), file).unwrap();
        }
    }

    fn import(place: &Path, scoring: Scoring) -> Result<RunFolder> {
        let import = Import {
            path: place.join("dump"),
            scoring,
            images: None,
            study: None,
            command: "vlmscope import dump".into(),
            bad_items: BadItems::Stop,
        };
        import.into_run(&place.join("run"), &NEVER, Bar::hidden())
    }

    fn numbers(frame: &DataFrame, column: &str) -> Vec<Option<f32>> {
        frame.column(column).unwrap().f32().unwrap().to_vec()
    }

    fn close(found: &[Option<f32>], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        let off = |(a, b): (&Option<f32>, &f32)| a.is_none_or(|a| (a - b).abs() > 1e-6);
        assert!(!found.iter().zip(expected).any(off), "{found:?} is not {expected:?}");
    }

    #[test]
    fn softmax_boxes_and_shares_by_hand() {
        let place = tempfile::tempdir().unwrap();
        // Logits are only fixed up to a constant a row.
        write(&place.path().join("dump"), &[item("a", json!({}))], "lm.attention_logits.last", |w| w.ln() - 3.0);
        let folder = import(place.path(), Scoring::Words).unwrap();
        let attention = read_frame(&folder.frame("attention"), None).unwrap();
        let layers: Vec<_> = attention.column("layer").unwrap().i16().unwrap().to_vec();
        // In the order of the layers, though the tensor holds layer 7 first; so the rows are other, row, row, other.
        assert_eq!(layers, [[Some(3); 3], [Some(7); 3]].concat());
        let heads: Vec<_> = attention.column("head").unwrap().i16().unwrap().to_vec();
        assert_eq!(heads, [[Some(-1), Some(0), Some(1)]; 2].concat());
        close(&numbers(&attention, "bos"), &[0.25, 0.1, 0.4, 0.25, 0.4, 0.1]);
        close(&numbers(&attention, "image"), &[0.55, 0.7, 0.4, 0.55, 0.4, 0.7]);
        close(&numbers(&attention, "text"), &[0.125, 0.1, 0.15, 0.125, 0.15, 0.1]);
        close(&numbers(&attention, "last"), &[0.075, 0.1, 0.05, 0.075, 0.05, 0.1]);
        // The cup: half of patch 0. The table: patch 2 and half of patch 3.
        close(&numbers(&attention, "object_1"), &[0.075, 0.1, 0.05, 0.075, 0.05, 0.1]);
        close(&numbers(&attention, "object_2"), &[0.1625, 0.25, 0.075, 0.1625, 0.075, 0.25]);
        close(&numbers(&attention, "objects"), &[0.2375, 0.35, 0.125, 0.2375, 0.125, 0.35]);
        close(&numbers(&attention, "background"), &[0.3125, 0.35, 0.275, 0.3125, 0.275, 0.35]);
        let rows =
            attention.column("row").unwrap().explode(ExplodeOptions { empty_as_null: true, keep_nulls: true }).unwrap();
        close(&rows.f32().unwrap().to_vec()[8..12], &ROW[1..5]);

        let items = read_frame(&folder.frame("items"), None).unwrap();
        let text = |column: &str| items.column(column).unwrap().str().unwrap().get(0).unwrap().to_string();
        assert_eq!((text("answer"), text("gold"), text("relation")), ("on".into(), "on".into(), "on".into()));
        assert_eq!(text("generated"), "The cup is on the table.");
        assert_eq!(items.column("object_1_visible").unwrap().f64().unwrap().get(0), Some(0.5));
        assert_eq!(items.column("object_1_outside").unwrap().bool().unwrap().get(0), Some(true));
        assert_eq!(items.column("object_2_outside").unwrap().bool().unwrap().get(0), Some(false));
        assert_eq!(items.column("correct").unwrap().bool().unwrap().get(0), Some(true));
        assert_eq!(items.column("seen_x1").unwrap().f64().unwrap().get(0), Some(10.0));
        assert!(items.column("confidence").unwrap().is_null().get(0).unwrap());
    }

    #[test]
    fn weights_missing_boxes_and_named_objects() {
        let place = tempfile::tempdir().unwrap();
        let none = item("a", json!({"subject_boxes": [], "object_boxes": []}));
        let one = item(
            "b",
            json!({"subject": "absent", "object": "absent", "subject_boxes": "absent",
            "object_boxes": "absent", "objects": [{"name": "cup", "boxes": [[10.0, 0.0, 30.0, 20.0]]}],
            "answers": "absent", "answer": "A lemon", "confidence": 0.5, "bos": null}),
        );
        write(&place.path().join("dump"), &[none, one], "lm.attention.last", |weight| weight);
        let folder = import(place.path(), Scoring::AdaptVis).unwrap();
        let attention = read_frame(&folder.frame("attention"), None).unwrap();
        assert_eq!(numbers(&attention, "objects")[..6], [None; 6]);
        assert_eq!(numbers(&attention, "background")[..6], [None; 6]);
        // One box over all that the model sees.
        close(&numbers(&attention, "objects")[6..], &[0.55, 0.7, 0.4, 0.55, 0.4, 0.7]);
        // Without a BOS column, column 0 is text.
        close(&numbers(&attention, "bos")[6..], &[0.0; 6]);
        close(&numbers(&attention, "text")[6..], &[0.375, 0.2, 0.55, 0.375, 0.55, 0.2]);
        let items = read_frame(&folder.frame("items"), None).unwrap();
        let answers: Vec<_> = items.column("answer").unwrap().str().unwrap().iter().map(Option::unwrap).collect();
        assert_eq!(answers, ["on", "on"], "the released rule finds `on` in `lemon`");
        let notes = folder.manifest().unwrap().import.unwrap().notes;
        assert!(notes[1].contains("1 of 2 items lack the boxes"), "{notes:?}");
    }

    #[test]
    fn what_does_not_fit_is_told_by_line_item_and_key() {
        let cases = [
            (json!({"gold": "under"}), "none of the options"),
            (json!({"options": ["on"]}), "at least two"),
            (json!({"subject_boxes": [[15.0, 0.0, 5.0, 10.0]]}), "of `cup` has no area"),
            (json!({"subject_boxes": [[50.0, 0.0, 55.0, 10.0]]}), "of `cup` lies outside"),
            (json!({"preprocess": "absent"}), "neither `preprocess` nor `seen`"),
            (json!({"grid": [3, 2]}), "gives 2 x 2 patches"),
            (json!({"image_tokens": [1, 4]}), "disagree"),
            (json!({"relatoin": "on"}), "unknown key `relatoin`"),
            (json!({"question": "absent"}), "missing field `question`"),
            (json!({"layers": [1]}), "`layers` names 1"),
            (json!({"image_tokens": [3, 7]}), "the last column must be the query"),
            (json!({"answers": {"0.5": "On"}}), "no answer of the untouched model"),
            (json!({"option_probabilities": {"On": 0.5}}), "no number for `left`"),
            (json!({"item_id": "a"}), "a second item `a`"),
        ];
        for (wrong, expected) in cases {
            let place = tempfile::tempdir().unwrap();
            write(&place.path().join("dump"), &[item("a", json!({})), item("b", wrong)], "lm.attention.last", |w| w);
            let Err(error) = import(place.path(), Scoring::Words) else { panic!("{expected}") };
            let message = error.to_string();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("line 2") || message.contains("item `b`"), "{message}");
            assert_eq!(error.exit_code(), 1);
        }
    }

    #[test]
    fn a_missing_tensor_file_is_told_with_its_item() {
        let place = tempfile::tempdir().unwrap();
        write(&place.path().join("dump"), &[item("a", json!({})), item("b", json!({}))], "lm.attention.last", |w| w);
        std::fs::remove_file(place.path().join("dump/tensors/b.safetensors")).unwrap();
        let message = import(place.path(), Scoring::Words).err().unwrap().to_string();
        assert!(message.contains("item `b`") && message.contains("b.safetensors"), "{message}");
        assert!(import(&place.path().join("nowhere"), Scoring::Words).is_err());
    }
}
