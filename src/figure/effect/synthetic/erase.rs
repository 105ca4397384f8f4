//! Made-up erasures, and what readers find afterwards.

use polars::prelude::*;

use super::super::rows::Measured;
use super::{Shape, measured, row, sites};

pub fn erasures(shape: Shape) -> Vec<Measured> {
    let mut rows = Vec::new();
    let mut add = |of: Measured, accuracy: f64, draws: i64| {
        let values = [
            ("accuracy", accuracy),
            ("accuracy_before", 0.95),
            ("above_chance", accuracy - 0.25),
            ("net", accuracy - 0.95),
            ("dx_rel", 0.3),
        ];
        rows.extend(measured(&of, &values).into_iter().map(|row| Measured {
            null: (draws > 0).then_some(if row.measure == "net" { (-0.1, 0.0) } else { (0.85, 0.95) }),
            null_draws: draws,
            p_null: (draws > 0 && row.measure == "net").then_some(1.0 / (1.0 + draws as f64)),
            ..row
        }));
    };
    for (depth, (site, slot)) in sites(shape).into_iter().filter(|(site, _)| !site.starts_with("vision")).enumerate() {
        for (concept, cost) in [("slot", 0.6), ("cell", 0.3)] {
            let of = Measured { site: site.clone(), slot, basis: concept.into(), ..row("erase", "sites", "leace") };
            add(of.clone(), 0.95 - cost / (1.0 + 0.3 * depth as f64), 5);
            add(Measured { control: "shuffled".into(), ..of }, 0.9, 0);
        }
    }
    for (place, concept) in ["slot", "cell", "order", "content"].into_iter().enumerate() {
        for (more, arm) in ["leace", "orthogonal", "inlp", "oracle"].into_iter().enumerate() {
            let of = Measured { basis: concept.into(), ..row("erase", "methods", arm) };
            add(of, 0.4 + 0.12 * place as f64 + 0.03 * more as f64, if arm == "oracle" { 0 } else { 100 });
        }
    }
    rows
}

pub fn decoded(shape: Shape) -> DataFrame {
    let (mut arms, mut sites_, mut read, mut slots, mut readers, mut values) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (depth, (site, slot)) in sites(shape).into_iter().filter(|(site, _)| !site.starts_with("vision")).enumerate() {
        for (arm, at, start) in [("none", "none", 0.9), ("leace", "projector.out", 0.5)] {
            for (reader, more) in [("linear", 0.0), ("mlp", 0.05)] {
                arms.push(arm);
                sites_.push(at);
                read.push(site.clone());
                slots.push(slot as i16);
                readers.push(reader);
                values.push(start + more + 0.005 * depth as f64);
            }
        }
    }
    let rows = values.len();
    df!("design" => vec!["sites"; rows], "site" => sites_, "group" => vec!["image"; rows], "arm" => arms,
        "concept" => vec!["slot"; rows], "read_site" => read, "read_slot" => slots, "reader" => readers,
        "accuracy" => values.clone(), "ci_lo" => values.iter().map(|value| value - 0.03).collect::<Vec<_>>(),
        "ci_hi" => values.iter().map(|value| value + 0.03).collect::<Vec<_>>(), "chance" => vec![0.5; rows],
        "n" => vec![400u32; rows], "images" => vec![200u32; rows])
    .unwrap()
}
