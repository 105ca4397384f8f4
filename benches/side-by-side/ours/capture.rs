//! T2 through the recorder: rows are taken while the model walks past them, a writer thread puts them into Parquet frames.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::tensor::{Int, Tensor};
use vlmscope::dataset::{Item, Medium, PixelBox};
use vlmscope::error::Result;
use vlmscope::model::{Hook, Hooks, Rows, Site};
use vlmscope::processor::{Coverage, Grid, Group, ImageGeometry};
use vlmscope::record::{
    Answer, AttentionRow, BadItems, Bar, Columns, HiddenBlock, HiddenFrame, ItemSize, Job, Plan, Recorded, Spot,
    reduce_layer,
};
use vlmscope::study::{
    CheckpointIdentity, DatasetIdentity, Existing, Heads, Manifest, Precision, RunFolder, Study, Variant,
};

use super::{Arm, Opened, Side, numbers};
use crate::Fallible;
use crate::task::Outputs;

static NEVER: AtomicBool = AtomicBool::new(false);

pub struct Capture {
    opened: Opened,
    scratch: PathBuf,
    manifest: Manifest,
    columns: Columns,
    geometry: ImageGeometry,
    heads: usize,
    width: usize,
}

impl Capture {
    pub fn open(opened: Opened, scratch: &Path) -> Fallible<Self> {
        let study: Study = toml::from_str("title = \"T2\"\nquestion = \"\"\n[dataset]\nsource = \"inputs\"\n")?;
        let dataset = DatasetIdentity { name: "inputs".into(), blake3: String::new(), items: 0, notes: Vec::new() };
        let manifest = Manifest {
            vlmscope: env!("CARGO_PKG_VERSION").into(),
            command: String::new(),
            device: "cpu".into(),
            study,
            dataset,
            model: CheckpointIdentity { path: String::new(), blake3: None },
            notes: Vec::new(),
            import: None,
        };
        let image = opened.about.image.clone();
        let side = image.len().isqrt();
        let edge = 16 * side as u32;
        let seen = PixelBox { x1: 0.0, y1: 0.0, x2: f64::from(edge), y2: f64::from(edge) };
        let geometry =
            ImageGeometry { image_width: edge, image_height: edge, grid: Grid { rows: side, cols: side }, seen };
        let tokens = opened.inputs(&[0], Side::Clean).lengths[0];
        let columns = Columns { bos: Some(0), image, aside: Vec::new(), last: tokens - 1, len: tokens };
        let sites = opened.model.sites();
        let heads = sites.iter().filter(|spec| matches!(spec.site, Site::LmHead(0, _))).count();
        let width = opened.model.language().config().width;
        Ok(Self { opened, scratch: scratch.to_path_buf(), manifest, columns, geometry, heads, width })
    }

    fn watch(&self, item: usize) -> Result<Watch<'_>> {
        let depth = self.opened.model.depth();
        let mut watch = Watch {
            sites: (0..depth).flat_map(|layer| [Site::LmResid(layer), Site::LmAttn(layer)]).collect(),
            columns: &self.columns,
            attention: Vec::new(),
            hidden: Vec::new(),
            logits: Vec::new(),
        };
        let inputs = self.opened.inputs(&[item], Side::Clean);
        let logits = self.opened.model.run(&inputs, &mut Hooks::one(&mut watch))?;
        watch.logits = numbers(logits).map_err(told)?;
        Ok(watch)
    }

    fn recorded(&self, item: &Item, number: usize) -> Result<Recorded> {
        let watch = self.watch(number)?;
        let [a, b] = self.opened.about.options;
        let right = watch.logits[a] > watch.logits[b];
        let answer = Answer {
            text: item.options[usize::from(!right)].clone(),
            generated: None,
            p_options: None,
            confidence: None,
            correct: right,
        };
        let (item, dataset, geometry) = (item.clone(), "inputs".into(), self.geometry);
        let (attention, hidden) = (watch.attention, watch.hidden);
        Ok(Recorded { dataset, item, geometry, moments: 1, answer, attention, hidden, cross_frame: Vec::new() })
    }

    fn plan(&self, items: usize) -> Plan {
        let depth = self.opened.model.depth();
        let size = ItemSize {
            attention_rows: depth * (self.heads + 1),
            patches: self.columns.image.len(),
            cross_frame_rows: 0,
        };
        let frame = |layer: usize| HiddenFrame {
            spot: Spot::Model(Site::LmResid(layer)),
            width: self.width,
            dtype: Precision::F32,
            rows: 2 * items,
        };
        Plan::new(items, 1, 0, size, (0..depth).map(frame).collect())
    }
}

fn told(error: Box<dyn std::error::Error>) -> vlmscope::error::Error {
    vlmscope::error::Error::data(error.to_string())
}

fn item(number: usize) -> Item {
    Item {
        id: format!("item-{number}"),
        image: format!("image-{number}"),
        medium: Medium::Image,
        question: "Which?".into(),
        options: vec!["one".into(), "other".into()],
        gold: 0,
        answers: Vec::new(),
        relation: None,
        familiarity: None,
        objects: Vec::new(),
        pair: None,
        set: None,
    }
}

impl Arm for Capture {
    fn run(&mut self, first: usize, count: usize) -> Fallible<u64> {
        let place = self.scratch.join("run");
        drop(std::fs::remove_dir_all(&place));
        let (folder, _) = RunFolder::prepare(&place, &self.manifest, Existing::Refuse)?;
        let items: Vec<Item> = (first..first + count).map(item).collect();
        let job = Job {
            items: &items,
            plan: self.plan(count),
            folder: &folder,
            bad_items: BadItems::Stop,
            stop: &NEVER,
            resume: String::new(),
            bar: Bar::hidden(),
        };
        let number = |item: &Item| item.id.trim_start_matches("item-").parse::<usize>().unwrap_or(0);
        job.record(
            |item| Ok(number(item)),
            |batch| batch.iter().map(|(item, number)| self.recorded(item, *number)).collect(),
        )?;
        bytes_under(&place)
    }

    fn outputs(&mut self) -> Fallible<Outputs> {
        let watch = self.watch(0)?;
        let (depth, width) = (self.opened.model.depth(), self.width);
        // The recorder also keeps each layer's mean over the heads, as head -1.
        let heads = watch.attention.iter().filter(|row| row.head >= 0).flat_map(|row| row.patches.clone()).collect();
        let state =
            |row: usize| watch.hidden.iter().flat_map(|block| block.vectors[row * width..][..width].to_vec()).collect();
        Ok(Outputs::from([
            ("attention".into(), (vec![depth, self.heads, self.columns.image.len()], heads)),
            ("last".into(), (vec![depth, width], state(0))),
            ("mean".into(), (vec![depth, width], state(1))),
        ]))
    }
}

fn bytes_under(folder: &Path) -> Fallible<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { bytes_under(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// Takes what T2 asks for, reduced on the spot.
struct Watch<'a> {
    sites: Vec<Site>,
    columns: &'a Columns,
    attention: Vec<AttentionRow>,
    hidden: Vec<HiddenBlock>,
    logits: Vec<f32>,
}

impl Hook for Watch<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        Rows::Last
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        let [_, count, _] = tokens.dims();
        let image: Vec<i64> = self.columns.image.iter().map(|&at| at as i64).collect();
        let image: Tensor<1, Int> = Tensor::from_data(image.as_slice(), &tokens.device());
        let mean = tokens.clone().select(1, image).mean_dim(1);
        let vectors = numbers(Tensor::cat(vec![tokens.clone().narrow(1, count - 1, 1), mean], 1)).map_err(told)?;
        let rows = vec![(Group::Last, None), (Group::Image, None)];
        self.hidden.push(HiddenBlock { spot: Spot::Model(site), variant: Variant::ORIGINAL, rows, vectors });
        Ok(tokens)
    }

    fn attention(&mut self, site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        let [_, _, _, keys] = rows.dims();
        let weights = numbers(rows.clone()).map_err(told)?;
        let layer = site.index().unwrap_or(0) as i16;
        let nothing = Coverage { objects: Vec::new(), union: None };
        self.attention.extend(reduce_layer(layer, &weights, keys, Heads::All, self.columns, &nothing));
        Ok(rows)
    }
}
