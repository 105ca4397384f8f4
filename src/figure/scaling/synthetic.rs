//! Every figure of a made-up run.

use std::path::Path;

use super::super::Surround;
use super::super::tests::{files_are_sound, texts_stand_apart};
use super::rows::Tallied;
use super::*;
use crate::analysis::frames::{Items, Scalings};
use crate::analysis::{Frames, Params, scaling};
use crate::intervene::{Look, ScalingRow, scaling_frame};
use crate::record::write_frames;

const OPTIONS: [&str; 4] = ["left", "right", "above", "below"];

/// Writes the frames of forty made-up items under two operators, and their tables.
fn write(run: &Path) {
    std::fs::create_dir_all(run.join("frames")).unwrap();
    let mut rows = Vec::new();
    let scalings = [("none", 1.0), ("raw", 0.0), ("raw", 0.5), ("raw", 2.0), ("mass", 0.5), ("mass", 2.0)];
    for (operator, alpha) in scalings {
        for n in 0..40 {
            let answer = if (n as f64 * alpha) as usize % 3 == 2 { (n + 1) % 4 } else { n % 4 };
            let look = Look { image_share: vec![0.2, 0.4], entropy: vec![0.9, 0.5], map: Vec::new() };
            rows.push(ScalingRow {
                design: "made-up".into(),
                item: format!("item_{n}"),
                image: format!("{n}.png"),
                operator: operator.into(),
                alpha,
                answered: Some(OPTIONS[answer].into()),
                confidence: Some((n % 20) as f32 / 20.0),
                p: Some(vec![0.4, 0.3, 0.2, 0.1]),
                look: Some(look),
                ..ScalingRow::default()
            });
        }
    }
    write_frames(&run.join("frames/scaling.parquet"), std::iter::once(scaling_frame(&rows))).unwrap();
    let each = |of: &dyn Fn(usize) -> String| (0..40).map(of).collect::<Vec<_>>();
    let familiarity = |n: usize| Some(if n % 4 < 2 { "familiar" } else { "unfamiliar" }.to_string());
    let items = Items {
        id: each(&|n| format!("item_{n}")),
        dataset: each(&|_| "made-up".into()),
        image: each(&|n| format!("{n}.png")),
        options: vec![OPTIONS.map(String::from).to_vec(); 40],
        gold: each(&|n| OPTIONS[n % 4].into()),
        relation: (0..40).map(|n| Some(OPTIONS[n % 4].into())).collect(),
        familiarity: (0..40).map(familiarity).collect(),
        pair: vec![None; 40],
        set: vec![None; 40],
        ..Items::default()
    };
    let gate = |signal: &str| {
        toml::from_str(&format!("name = \"{signal}\"\nsignal = \"{signal}\"\nlow = 0.5\nhigh = 2.0\nthreshold = 0.4"))
    };
    let params = Params {
        bootstrap: 40,
        gate: ["confidence", "entropy"].map(|signal| gate(signal).unwrap()).into(),
        ..Params::default()
    };
    let frames = Frames { folder: run.join("frames"), items, scaling: true, ..Frames::default() };
    scaling::run(&frames, &params, &run.join("tables")).unwrap();
}

#[test]
fn every_figure_is_drawn_and_no_text_overlaps() {
    let run = tempfile::tempdir().unwrap();
    write(run.path());
    let rows = Tallied::read(run.path()).unwrap();
    let figures = figures(run.path(), &rows, &|_| None).unwrap();
    let names: Vec<&str> = figures.iter().map(|figure| figure.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(names, ["scaling-dose", "scaling-confusion", "scaling-confidence", "scaling-gate"]);
    for figure in figures.into_iter().flatten() {
        for surround in [Surround::Captioned, Surround::Bare] {
            texts_stand_apart(&figure.canvas(surround), &figure.name);
        }
        files_are_sound(&figure, run.path());
    }
}

#[test]
fn a_scaling_that_lacks_an_item_is_told() {
    let run = tempfile::tempdir().unwrap();
    write(run.path());
    let row = |item: &str, alpha| ScalingRow {
        design: "d".into(),
        item: item.into(),
        operator: if alpha == 1.0 { "none" } else { "raw" }.into(),
        alpha,
        ..ScalingRow::default()
    };
    let rows = [row("item_0", 1.0), row("item_1", 1.0), row("item_0", 0.5)];
    write_frames(&run.path().join("frames/scaling.parquet"), std::iter::once(scaling_frame(&rows))).unwrap();
    let items = Items { id: vec!["item_0".into(), "item_1".into()], ..Items::default() };
    let told = Scalings::open(&run.path().join("frames"), &items).unwrap_err().to_string();
    assert!(told.contains("`d`, raw 0.5: not the same items as its other scalings"), "{told}");
}
