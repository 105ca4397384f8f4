//! Made-up probe tables in the documented layout, for tests of figures and report.

use std::fs::{self, File};
use std::path::Path;

use polars::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::table::Estimate;
use super::rows::Measure;
use crate::processor::Patch;

/// What the made-up probes are like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Sites of the encoder, `vision.out` among them, and of the language model.
    pub vision: usize,
    pub lm: usize,
    /// How many of [`GROUPS`].
    pub groups: usize,
    /// Rows and columns of patches.
    pub grid: usize,
    /// What slots there are.
    pub classes: &'static [&'static str],
    pub axes: &'static [&'static str],
}

const SLOTS: &[&str] = &["left", "middle", "right"];
const BOTH: &[&str] = &["horizontal", "vertical"];
const GROUPS: [&str; 10] = [
    "objects",
    "object_1",
    "ring_1",
    "strip_1",
    "strip_minus_object_1",
    "background",
    "random_background_1",
    "image",
    "word_1",
    "last",
];

/// 4 + 1 + 7 sites.
pub const SMALL: Shape = Shape { vision: 4, lm: 7, groups: 3, grid: 8, classes: SLOTS, axes: BOTH };
/// 25 + 1 + 33 sites.
pub const LARGE: Shape = Shape { vision: 25, lm: 33, groups: 4, grid: 16, classes: SLOTS, axes: BOTH };
pub const ONE_GROUP: Shape =
    Shape { vision: 1, lm: 1, groups: 1, grid: 2, classes: &["left", "right"], axes: &["horizontal"] };
pub const MANY_GROUPS: Shape = Shape { groups: GROUPS.len(), grid: 12, ..SMALL };

const SPLITS: [&str; 4] = ["random_image", "held_out_content", "held_out_pair", "held_out_position"];
const PROBE: &str = "slot";

/// A row without a number.
pub fn measure(probe: &str, site: &str, group: &str) -> Measure {
    Measure {
        probe: probe.into(),
        target: PROBE.into(),
        axis: "horizontal".into(),
        site: site.into(),
        tower: "projector".into(),
        slot: -1,
        depth: 0,
        group: group.into(),
        cell: None,
        background: None,
        fit: "standard".into(),
        split: "held_out_content".into(),
        metric: "acc".into(),
        value: None,
        chance: None,
        k: None,
        images: Some(120),
        control_kind: "none".into(),
        variant: String::new(),
        control: None,
        selectivity: None,
        p_perm: None,
        p_max: None,
    }
}

/// Writes every probe table.
pub fn write(run: &Path, shape: Shape) {
    fs::create_dir_all(run.join("tables")).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut rows = slot_rows(shape, &mut random);
    rows.extend(layout_rows(shape, &mut random));
    save(run, "probe", probe_frame(&rows));
    save(run, "probe_map", maps(shape, &mut random));
    save(run, "probe_pred", predictions(shape));
    save(run, "probe_confusion", confusions(shape));
    save(run, "probe_curve", curve(shape, &mut random));
    save(run, "probe_claims", claims());
}

fn save(run: &Path, name: &str, mut frame: DataFrame) {
    let file = File::create(run.join(format!("tables/{name}.parquet"))).unwrap();
    ParquetWriter::new(file).finish(&mut frame).unwrap();
}

/// Site, tower and slot, in the order of depth.
fn sites(shape: Shape) -> Vec<(String, &'static str, i64)> {
    let mut sites = vec![("pixels".to_owned(), "pixels", -1)];
    sites.extend((0..shape.vision - 1).map(|s| (format!("vision.{s}.resid"), "vision", s as i64)));
    sites.push(("vision.out".into(), "vision", -1));
    sites.push(("projector.out".into(), "projector", -1));
    sites.extend((0..shape.lm).map(|s| (format!("lm.{s}.resid"), "lm", s as i64)));
    sites
}

fn around(value: f64, half: f64) -> Estimate {
    Estimate { value, interval: Some(((value - half).max(0.0), (value + half).min(1.0))) }
}

fn less(value: Estimate, control: f64, half: f64) -> Estimate {
    let value = value.value - control;
    Estimate { value, interval: Some((value - half, value + half)) }
}

/// A code of order that grows with depth, on every group, less in those further down the list.
fn slot_rows(shape: Shape, random: &mut ChaCha8Rng) -> Vec<Measure> {
    let chance = 1.0 / shape.classes.len() as f64;
    let mut rows = Vec::new();
    let places = sites(shape);
    for (depth, (site, tower, slot)) in places.iter().enumerate() {
        let far = depth as f64 / places.len() as f64;
        for axis in shape.axes {
            for (place, group) in GROUPS[..shape.groups].iter().enumerate() {
                for (harder, split) in SPLITS.iter().enumerate() {
                    let skill = (0.35 + far).min(1.0) * (1.0 - 0.07 * place as f64) * (1.0 - 0.06 * harder as f64);
                    let value =
                        around((chance + (1.0 - chance) * skill + random.random_range(-0.02..0.02)).min(1.0), 0.03);
                    let own = Measure {
                        axis: (*axis).into(),
                        tower: (*tower).into(),
                        slot: *slot,
                        depth: depth as i64,
                        split: (*split).into(),
                        value: Some(value).filter(|_| !(depth == 2 && place == 1)),
                        chance: Some(chance),
                        k: Some(shape.classes.len() as i64),
                        p_perm: Some(0.001),
                        ..measure(PROBE, site, group)
                    };
                    rows.push(own.clone());
                    let controls = [
                        ("control_content", "", chance + 0.1 * far),
                        ("control_location", "", 0.9 * value.value),
                        ("geometry_only", "", 0.5),
                        ("untrained", "", chance + 0.3 * far),
                        ("shuffled", "", chance),
                        ("shift_ordinal", "shifted_16", 0.8 * value.value),
                        ("shift_absolute", "shifted_16", 0.15),
                    ];
                    for (kind, variant, control) in controls {
                        rows.push(Measure {
                            control_kind: kind.into(),
                            variant: variant.into(),
                            control: Some(around(control, 0.02)),
                            selectivity: Some(less(value, control, 0.04)),
                            ..own.clone()
                        });
                    }
                }
            }
            rows.push(Measure {
                axis: (*axis).into(),
                tower: (*tower).into(),
                slot: *slot,
                depth: depth as i64,
                metric: "strip_index".into(),
                value: Some(around(0.93, 0.03)),
                control_kind: "blank".into(),
                variant: "blank".into(),
                control: Some(around(0.55, 0.04)),
                selectivity: Some(less(around(0.93, 0.03), 0.55, 0.05)),
                ..measure(PROBE, site, GROUPS[0])
            });
        }
    }
    rows
}

/// Every patch tells the layout, those near the middle better.
fn layout_rows(shape: Shape, random: &mut ChaCha8Rng) -> Vec<Measure> {
    let mut rows = Vec::new();
    for (depth, (site, tower, slot)) in sites(shape).into_iter().enumerate() {
        for patch in patches(shape) {
            let middle = (shape.grid as f64 - 1.0) / 2.0;
            let off = (patch.row as f64 - middle).hypot(patch.col as f64 - middle) / shape.grid as f64;
            let value = (0.5
                + 0.5 * (-(off * off) * 8.0).exp() * (depth as f64 * 0.2).min(1.0)
                + random.random_range(-0.03..0.03))
            .clamp(0.0, 1.0);
            rows.push(Measure {
                target: "layout_at_fixed_location".into(),
                axis: "both".into(),
                tower: tower.into(),
                slot,
                depth: depth as i64,
                cell: Some(patch),
                background: Some(off > 0.3),
                value: Some(around(value, 0.05)),
                chance: Some(0.5),
                k: Some(2),
                p_perm: Some(if value > 0.6 { 0.001 } else { 0.3 }),
                ..measure("layout", &site, "image")
            });
        }
    }
    rows
}

fn patches(shape: Shape) -> impl Iterator<Item = Patch> {
    (0..shape.grid * shape.grid).map(move |at| Patch { row: at / shape.grid, col: at % shape.grid })
}

fn probe_frame(rows: &[Measure]) -> DataFrame {
    fn text(rows: &[Measure], of: impl Fn(&Measure) -> &str) -> Vec<&str> {
        rows.iter().map(of).collect()
    }
    let number = |of: fn(&Measure) -> Option<f64>| rows.iter().map(of).collect::<Vec<_>>();
    let cell = |of: fn(Patch) -> usize| rows.iter().map(|row| row.cell.map(|cell| of(cell) as i16)).collect::<Vec<_>>();
    let background = |row: &Measure| row.background.map_or("", |is| if is { "yes" } else { "no" });
    let mut frame = df!(
        "probe" => text(rows, |row| &row.probe), "target" => text(rows, |row| &row.target),
        "axis" => text(rows, |row| &row.axis), "site" => text(rows, |row| &row.site),
        "tower" => text(rows, |row| &row.tower),
        "slot" => rows.iter().map(|row| row.slot as i16).collect::<Vec<_>>(),
        "depth" => rows.iter().map(|row| row.depth as i16).collect::<Vec<_>>(),
        "group" => text(rows, |row| &row.group), "cell_row" => cell(|cell| cell.row), "cell_col" => cell(|cell| cell.col),
        "background" => rows.iter().map(background).collect::<Vec<_>>(),
        "fit_mode" => text(rows, |row| &row.fit), "split" => text(rows, |row| &row.split),
        "metric" => text(rows, |row| &row.metric), "control_kind" => text(rows, |row| &row.control_kind),
        "control_variant" => text(rows, |row| &row.variant), "chance" => number(|row| row.chance),
        "n_groups_test" => rows.iter().map(|row| row.images.map(|n| n as u32)).collect::<Vec<_>>(),
        "k" => rows.iter().map(|row| row.k.map(|k| k as u32)).collect::<Vec<_>>(),
        "p_perm" => number(|row| row.p_perm), "p_max" => number(|row| row.p_max)
    )
    .unwrap();
    type Pick = fn(&Measure) -> Option<Estimate>;
    let estimates: [(&str, &str, Pick); 3] = [
        ("value", "ci", |row| row.value),
        ("control_value", "control", |row| row.control),
        ("selectivity", "selectivity", |row| row.selectivity),
    ];
    for (name, prefix, of) in estimates {
        let end =
            |pick: fn((f64, f64)) -> f64| rows.iter().map(|row| Some(pick(of(row)?.interval?))).collect::<Vec<_>>();
        let value: Vec<_> = rows.iter().map(|row| of(row).map(|of| of.value)).collect();
        frame.with_column(Column::new(name.into(), value)).unwrap();
        frame.with_column(Column::new(format!("{prefix}_lo").into(), end(|ends| ends.0))).unwrap();
        frame.with_column(Column::new(format!("{prefix}_hi").into(), end(|ends| ends.1))).unwrap();
    }
    frame
}

/// Which slot the middle of a patch is nearest to, along the axis.
fn nearest(shape: Shape, axis: &str, patch: Patch) -> usize {
    let along = if axis == "vertical" { patch.row } else { patch.col };
    along * shape.classes.len() / shape.grid
}

/// The patches of the object in a slot, two by two around the middle of its strip.
fn object(shape: Shape, axis: &str, slot: usize, shift: usize) -> Vec<Patch> {
    let (pitch, half) = (shape.grid as f64 / shape.classes.len() as f64, shape.grid / 2);
    let from = ((slot as f64 + 0.5) * pitch) as usize + shift;
    let around = |at: usize| [at.saturating_sub(1), at].into_iter().filter(|at| *at < shape.grid).collect::<Vec<_>>();
    let mut patches = Vec::new();
    for along in around(from) {
        for across in around(half) {
            let (row, col) = if axis == "vertical" { (along, across) } else { (across, along) };
            patches.push(Patch { row, col });
        }
    }
    patches.sort_by_key(|patch| (patch.row, patch.col));
    patches.dedup();
    patches
}

fn maps(shape: Shape, random: &mut ChaCha8Rng) -> DataFrame {
    let (mut axes, mut variants, mut classes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rows, mut cols, mut probs) = (Vec::new(), Vec::new(), Vec::new());
    for axis in shape.axes {
        for (variant, sure) in [("original", 0.9), ("blank", 0.4)] {
            for (place, class) in shape.classes.iter().enumerate() {
                for patch in patches(shape) {
                    let rest = (1.0 - sure) / shape.classes.len() as f64;
                    let own = if nearest(shape, axis, patch) == place { sure } else { 0.0 };
                    axes.push(*axis);
                    variants.push(variant);
                    classes.push(*class);
                    rows.push(patch.row as i16);
                    cols.push(patch.col as i16);
                    probs.push(own + rest + random.random_range(-0.02..0.02));
                }
            }
        }
    }
    let n = axes.len();
    df!("probe" => vec![PROBE; n], "axis" => axes, "site" => vec!["projector.out"; n], "group" => vec![GROUPS[0]; n],
        "variant" => variants, "cell_row" => rows, "cell_col" => cols, "class" => classes, "prob" => probs,
        "n" => vec![120u32; n])
    .unwrap()
}

fn predictions(shape: Shape) -> DataFrame {
    let (mut axes, mut variants, mut items, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut rows, mut cols) = (Vec::new(), Vec::new());
    let pitch = shape.grid / shape.classes.len();
    for axis in shape.axes {
        for (variant, shift) in [("original", 0), ("shifted_16", pitch)] {
            for item in ["rows/0001", "rows/0002"] {
                for slot in 0..shape.classes.len() {
                    for patch in object(shape, axis, slot, shift) {
                        axes.push(*axis);
                        variants.push(variant);
                        items.push(item);
                        labels.push(slot as u32);
                        rows.push(patch.row as i16);
                        cols.push(patch.col as i16);
                    }
                }
            }
        }
    }
    let n = axes.len();
    df!("probe" => vec![PROBE; n], "axis" => axes, "site" => vec!["projector.out"; n], "group" => vec![GROUPS[0]; n],
        "variant" => variants, "item" => items, "cell_row" => rows, "cell_col" => cols, "y" => labels)
    .unwrap()
}

fn confusions(shape: Shape) -> DataFrame {
    let (mut axes, mut variants, mut truths, mut predicted, mut counts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for axis in shape.axes {
        for (variant, right) in [("original", 460u32), ("shifted_16", 400)] {
            for truth in shape.classes {
                for guess in shape.classes {
                    axes.push(*axis);
                    variants.push(variant);
                    truths.push(*truth);
                    predicted.push(*guess);
                    counts.push(if truth == guess { right } else { (480 - right) / (shape.classes.len() as u32 - 1) });
                }
            }
        }
    }
    let n = axes.len();
    df!("probe" => vec![PROBE; n], "axis" => axes, "site" => vec!["projector.out"; n], "group" => vec![GROUPS[0]; n],
        "variant" => variants, "y" => truths, "predicted" => predicted, "n" => counts)
    .unwrap()
}

fn curve(shape: Shape, random: &mut ChaCha8Rng) -> DataFrame {
    let (mut axes, mut names, mut sizes, mut seeds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut bits, mut lengths, mut compressions) = (Vec::new(), Vec::new(), Vec::new());
    let uniform = (shape.classes.len() as f64).log2();
    for axis in shape.axes {
        for (depth, (site, ..)) in sites(shape).into_iter().enumerate() {
            for seed in 0..5u32 {
                let ease = 1.0 + depth.min(8) as f64 * 0.5 + random.random_range(0.0..0.2);
                let mut length = 12.0 * uniform;
                for size in [12u32, 45, 90, 180, 360, 720] {
                    let label = uniform / (1.0 + ease * f64::from(size) / 100.0);
                    length += label * f64::from(size);
                    axes.push(*axis);
                    names.push(site.clone());
                    sizes.push(size);
                    seeds.push(seed);
                    bits.push(label);
                    lengths.push(length);
                    compressions.push(1.0 + ease);
                }
            }
        }
    }
    let n = axes.len();
    df!("probe" => vec![PROBE; n], "axis" => axes, "site" => names, "group" => vec![GROUPS[0]; n],
        "n_train" => sizes, "bits" => bits, "codelength" => lengths, "compression" => compressions, "seed" => seeds)
    .unwrap()
}

fn claims() -> DataFrame {
    let text = |value: &str| vec![value.to_owned(); 3];
    let mut frame = df!("claim" => ["C1", "C2", "lm_adds"], "probe" => ["layout", "layout", PROBE],
        "axis" => ["both", "both", "horizontal"], "site" => ["projector.out", "projector.out", "chosen"],
        "group" => ["image", "image", GROUPS[0]],
        "number" => [0.41, 0.08, -0.01], "lo" => [0.36, -0.02, -0.04], "hi" => [0.46, 0.18, 0.02],
        "control" => ["majority", "majority", "projector.out"], "verdict" => ["supported", "undecided", "refuted"])
    .unwrap();
    let more =
        [("test", "held-out content, mean over cells"), ("reason", "above the majority class +0.410 [+0.360, +0.460]")];
    for (name, value) in more {
        frame.with_column(Column::new(name.into(), text(value))).unwrap();
    }
    frame
}
