//! Made-up tables of interventions in the documented layout, for tests of figures and report.

mod erase;
mod lens;

use std::fs::{self, File};
use std::path::Path;

use polars::prelude::*;

use super::super::table::Estimate;
use super::rows::Measured;

/// What the made-up model is like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Slots of the encoder and of the language model.
    pub vision: usize,
    pub lm: usize,
    pub heads: usize,
    /// Rows and columns of patches.
    pub grid: usize,
}

pub const SMALL: Shape = Shape { vision: 4, lm: 7, heads: 4, grid: 8 };
pub const LARGE: Shape = Shape { vision: 25, lm: 33, heads: 32, grid: 24 };
pub const TINY: Shape = Shape { vision: 0, lm: 2, heads: 1, grid: 1 };

const GROUPS: [(&str, f64); 7] = [
    ("object", 8.0),
    ("ring_1", 24.0),
    ("strip", 32.0),
    ("strip_minus_object", 24.0),
    ("random_background", 8.0),
    ("random_as_strip", 32.0),
    ("image", 64.0),
];
const EDGES: [&str; 13] = [
    "image->last",
    "object->last",
    "background->last",
    "image->word",
    "object->word",
    "background->word",
    "word->last",
    "other_text->last",
    "last->last",
    "object->background",
    "background->object",
    "object_1->object_2",
    "object_2->object_1",
];
pub const RELATIONS: [&str; 4] = ["left", "right", "above", "below"];

/// Writes every table.
pub fn write(run: &Path, shape: Shape) {
    fs::create_dir_all(run.join("tables")).unwrap();
    let rows = [patches(shape), ablations(), knockouts(shape), enhancements(), erase::erasures(shape)].concat();
    save(run, "effects", effects(&rows));
    save(run, "effect_profiles", profiles());
    save(run, "claims", claims());
    save(run, "golden", golden());
    save(run, "decoded", erase::decoded(shape));
    save(run, "lens", lens::slots(shape));
    save(run, "lens_map", lens::map(shape));
}

pub fn save(run: &Path, name: &str, mut frame: DataFrame) {
    let file = File::create(run.join(format!("tables/{name}.parquet"))).unwrap();
    ParquetWriter::new(file).finish(&mut frame).unwrap();
}

/// A row of the thing itself, without a number.
pub fn row(kind: &str, design: &str, arm: &str) -> Measured {
    Measured {
        design: design.into(),
        kind: kind.into(),
        arm: arm.into(),
        direction: "clean<-cf".into(),
        site: "projector.out".into(),
        slot: -1,
        window: 1,
        group: "image".into(),
        edge: String::new(),
        dose: None,
        basis: String::new(),
        control: "none".into(),
        stratum: "all".into(),
        measure: String::new(),
        value: None,
        n: 180,
        images: 90,
        null: None,
        null_draws: 0,
        p_null: None,
        p_mcnemar: None,
    }
}

fn around(value: f64, half: f64) -> Option<Estimate> {
    Some(Estimate { value, interval: Some((value - half, value + half)) })
}

/// The same row, once a measure.
fn measured(of: &Measured, values: &[(&str, f64)]) -> Vec<Measured> {
    let one = |(measure, value): &(&str, f64)| Measured {
        measure: (*measure).into(),
        value: around(*value, if *measure == "n_tokens" { 0.5 } else { 0.04 }),
        ..of.clone()
    };
    values.iter().map(one).collect()
}

fn sites(shape: Shape) -> Vec<(String, i64)> {
    let vision = (0..shape.vision).map(|slot| (format!("vision.{slot}.resid"), slot as i64));
    let lm = (0..shape.lm).map(|slot| (format!("lm.{slot}.resid"), slot as i64));
    vision.chain([("projector.out".into(), -1)]).chain(lm).collect()
}

fn patches(shape: Shape) -> Vec<Measured> {
    let mut rows = Vec::new();
    let places = sites(shape);
    for (depth, (site, slot)) in places.iter().enumerate() {
        let far = depth as f64 / places.len() as f64;
        let lm = site.starts_with("lm");
        for (group, tokens) in GROUPS {
            for (control, scale) in [("none", 1.0), ("other_item", 0.1)] {
                let shift = scale * (tokens / 64.0).sqrt() * if far < 0.8 { 1.0 } else { 0.2 };
                let of = Measured {
                    site: site.clone(),
                    slot: *slot,
                    group: group.into(),
                    control: control.into(),
                    ..row("patch", "cross", "cross")
                };
                let values = [
                    ("shift", shift),
                    ("flip", shift * shift),
                    ("n_tokens", tokens),
                    ("p_right", 0.95 - 0.9 * shift),
                    ("p_right_before", 0.95),
                    ("p_cf", 0.03 + 0.9 * shift),
                ];
                rows.extend(measured(&of, &values));
            }
            if lm && group != "ring_1" {
                let of = Measured {
                    site: site.clone(),
                    slot: *slot,
                    group: group.into(),
                    ..row("patch", "resample", "resample")
                };
                rows.extend(measured(&of, &[("p_right", 0.9 - 0.1 * far), ("p_right_before", 0.95)]));
            }
        }
        for direction in ["clean<-cf", "cf<-clean"] {
            let of = Measured {
                site: site.clone(),
                slot: *slot,
                direction: direction.into(),
                ..row("patch", "last", "last")
            };
            let third = (1.0 - (6.0 * (far - 0.7)).abs()).max(0.02);
            let cf = (4.0 * (far - 0.75)).clamp(0.01, 1.0 - third);
            let values = [
                ("p_right", (0.98 - third - cf).max(0.0)),
                ("p_cf", cf),
                ("p_third", third),
                ("p_right_before", 0.98),
                ("shift", cf),
            ];
            rows.extend(if lm {
                measured(&Measured { group: "last".into(), ..of.clone() }, &values)
            } else {
                Vec::new()
            });
            for window in [1, 3, 5] {
                for group in ["object", "image", "word"].into_iter().filter(|_| lm) {
                    let of = Measured {
                        window,
                        group: group.into(),
                        design: "windows".into(),
                        arm: "cross".into(),
                        ..of.clone()
                    };
                    rows.extend(measured(
                        &of,
                        &[("shift", 0.1 * window as f64 + far), ("p_right", 0.5), ("p_cf", 0.4)],
                    ));
                }
            }
        }
    }
    for layer in 0..shape.lm - 1 {
        for head in 0..shape.heads {
            let of = Measured {
                site: format!("lm.{layer}.head.{head}"),
                slot: layer as i64,
                group: "last".into(),
                ..row("patch", "heads", "mirror")
            };
            rows.extend(measured(&of, &[("shift", if (layer, head) == (1, 0) { 0.4 } else { 0.01 })]));
        }
    }
    rows
}

fn ablations() -> Vec<Measured> {
    let mut rows = Vec::new();
    let mut add = |of: Measured, accuracy: f64, tokens: f64| {
        let values = [
            ("accuracy", accuracy),
            ("accuracy_before", 0.96),
            ("above_chance", accuracy - 0.25),
            ("share_removed", (0.96 - accuracy) / 0.71),
            ("n_tokens", tokens),
        ];
        rows.extend(measured(&of, &values));
    };
    for (place, arm) in ["zero", "mean_global", "mean_cell", "resample", "noise"].into_iter().enumerate() {
        for (group, tokens) in
            [("object", 8.0), ("ring_1", 24.0), ("random_background", 8.0), ("background", 56.0), ("image", 64.0)]
        {
            let accuracy = (0.9 - 0.01 * tokens - 0.03 * place as f64).max(0.22);
            add(Measured { group: group.into(), ..row("ablate", "ablation", arm) }, accuracy, tokens);
        }
    }
    for (objects, cost) in [("original", 0.0), ("own", 0.2), ("middle", 0.5)] {
        for (ground, more) in [("original", 0.0), ("blank", 0.05), ("other", 0.1)] {
            if cost + more > 0.0 {
                let of = Measured { group: format!("{objects}+{ground}"), ..row("ablate", "factorial", "factorial") };
                add(of, 0.96 - cost - more, 64.0);
            }
        }
    }
    rows
}

fn knockouts(shape: Shape) -> Vec<Measured> {
    let mut rows = Vec::new();
    let layers = shape.lm as i64 - 1;
    for (place, edge) in EDGES.into_iter().enumerate() {
        for centre in 0..layers {
            let (from, to) = ((centre - 1).max(0), (centre + 2).min(layers));
            let of = Measured {
                site: format!("lm.{from}.scores"),
                slot: from,
                window: to - from,
                edge: edge.into(),
                ..row("knockout", "knockout", "knockout")
            };
            let drop = -0.8 / (1.0 + place as f64) / (1.0 + (centre as f64 - layers as f64 / 2.0).abs());
            let nulled = edge.starts_with("object");
            rows.extend(measured(&of, &[("relative_change", drop)]).into_iter().map(|row| Measured {
                null: nulled.then_some((-0.06, 0.02)),
                null_draws: if nulled { 5 } else { 0 },
                ..row
            }));
        }
    }
    rows
}

fn enhancements() -> Vec<Measured> {
    let mut rows = Vec::new();
    let doses = [Some(-4.0), Some(-1.0), Some(0.5), Some(1.0), Some(4.0), None];
    let mut add = |of: Measured, strength: f64, nulled: bool| {
        let net = strength * of.dose.unwrap_or(2.0) * 0.03;
        let broken = 0.02 + (-net).max(0.0);
        let values =
            [("net", net), ("fix", 0.1 + net.max(0.0)), ("break", broken), ("fixed", broken + net), ("broken", broken)];
        rows.extend(measured(&of, &values).into_iter().map(|row| Measured {
            null: nulled.then_some((-0.03, 0.03)),
            null_draws: if nulled { 100 } else { 0 },
            p_null: (nulled && row.measure == "net").then_some(0.0099),
            p_mcnemar: (row.measure == "net").then_some(1e-5),
            ..row
        }));
    };
    for dose in doses {
        let of = Measured {
            dose,
            basis: "probe".into(),
            site: "lm.0.resid".into(),
            slot: 0,
            ..row("enhance", "gain", "gain_raw")
        };
        let nulled = [Some(1.0), Some(4.0), None].contains(&dose);
        add(of.clone(), 1.0, nulled);
        for control in ["shuffled", "wrong_axis"] {
            add(Measured { control: control.into(), ..of.clone() }, 0.1, false);
        }
        if dose.is_none() {
            for relation in RELATIONS {
                add(Measured { stratum: format!("relation={relation}"), n: 45, ..of.clone() }, 1.2, true);
            }
        }
        for (place, basis) in ["probe", "mean_difference", "pca", "content"].into_iter().enumerate() {
            for (more, arm) in ["gain_raw", "gain_proj", "add", "add_signed"].into_iter().enumerate() {
                let of = Measured { design: "operators".into(), arm: arm.into(), basis: basis.into(), ..of.clone() };
                add(of, 1.0 - 0.2 * place as f64 - 0.1 * more as f64, false);
            }
        }
        for group in ["image", "object", "background", "strip"] {
            for slot in [0, 2, 3] {
                let of = Measured {
                    design: "scopes".into(),
                    group: group.into(),
                    site: format!("lm.{slot}.resid"),
                    slot,
                    ..of.clone()
                };
                add(of, 0.5, false);
            }
        }
    }
    rows
}

fn effects(rows: &[Measured]) -> DataFrame {
    let text = |of: fn(&Measured) -> &String| rows.iter().map(|row| of(row).clone()).collect::<Vec<_>>();
    let number = |of: fn(&Measured) -> Option<f64>| rows.iter().map(of).collect::<Vec<_>>();
    let columns = vec![
        Column::new("design".into(), text(|row| &row.design)),
        Column::new("kind".into(), text(|row| &row.kind)),
        Column::new("arm".into(), text(|row| &row.arm)),
        Column::new("pair_direction".into(), text(|row| &row.direction)),
        Column::new("site".into(), text(|row| &row.site)),
        Column::new("slot".into(), rows.iter().map(|row| row.slot as i16).collect::<Vec<_>>()),
        Column::new("window".into(), rows.iter().map(|row| row.window as u32).collect::<Vec<_>>()),
        Column::new("group".into(), text(|row| &row.group)),
        Column::new("edge".into(), text(|row| &row.edge)),
        Column::new("dose".into(), number(|row| row.dose)),
        Column::new("basis".into(), text(|row| &row.basis)),
        Column::new("control".into(), text(|row| &row.control)),
        Column::new("stratum".into(), text(|row| &row.stratum)),
        Column::new("measure".into(), text(|row| &row.measure)),
        Column::new("value".into(), number(|row| row.value.map(|of| of.value))),
        Column::new("ci_lo".into(), number(|row| Some(row.value?.interval?.0))),
        Column::new("ci_hi".into(), number(|row| Some(row.value?.interval?.1))),
        Column::new("n".into(), rows.iter().map(|row| row.n as u32).collect::<Vec<_>>()),
        Column::new("images".into(), rows.iter().map(|row| row.images as u32).collect::<Vec<_>>()),
        Column::new("null_lo".into(), number(|row| row.null.map(|null| null.0))),
        Column::new("null_hi".into(), number(|row| row.null.map(|null| null.1))),
        Column::new("null_draws".into(), rows.iter().map(|row| row.null_draws as u32).collect::<Vec<_>>()),
        Column::new("p_null".into(), number(|row| row.p_null)),
        Column::new("p_mcnemar".into(), number(|row| row.p_mcnemar)),
    ];
    DataFrame::new_infer_height(columns).unwrap()
}

fn profiles() -> DataFrame {
    df!("design" => ["cross", "cross"], "arm" => ["cross", "cross"], "pair_direction" => ["clean<-cf", "clean<-cf"],
        "window" => [1u32, 1], "group" => ["image", "strip"], "control" => ["none", "none"], "onset" => [0.0, 0.0],
        "onset_lo" => [0.0, 0.0], "onset_hi" => [0.0, 1.0], "handover" => [Some(5.0), None],
        "handover_lo" => [Some(4.0), None], "handover_hi" => [Some(5.0), None])
    .unwrap()
}

fn claims() -> DataFrame {
    df!("claim" => ["C2", "C3", "C4", "C5", "C6"],
        "says" => ["layout is spread over the background", "the language model uses the vision side's layout directly",
            "the language model has a code of its own", "the language model's own code is secondary",
            "enhancing the layout helps"],
        "test" => ["cross patch of the strips without their objects at lm.0.resid: shift"; 5],
        "number" => [Some(0.31), Some(0.92), Some(0.21), None, Some(0.04)],
        "ci_lo" => [Some(0.22), Some(0.88), Some(0.14), None, Some(-0.02)],
        "ci_hi" => [Some(0.40), Some(0.96), Some(0.28), None, Some(0.09)],
        "control" => ["as many random background tokens", "another pair's states",
            "chance; the first slot, where exchanging objects must do nothing", "one half",
            "random directions of equal size"],
        "verdict" => ["refuted", "supported", "supported", "undecided", "undecided"],
        "reason" => ["the strips' shift is below one half"; 5])
    .unwrap()
}

fn golden() -> DataFrame {
    df!("design" => ["cross", "cross", "cross"], "kind" => ["patch"; 3], "pair_direction" => ["clean<-cf"; 3],
        "what" => ["units", "golden", "dropped"], "reason" => ["", "", "not right on both sides"], "n" => [200u32, 180, 20],
        "of" => [200u32; 3], "share" => [1.0, 0.9, 0.1], "ci_lo" => [0.98, 0.85, 0.07], "ci_hi" => [1.0, 0.93, 0.15])
    .unwrap()
}
