//! Made-up readings of the logit lens.

use polars::prelude::*;

use super::{RELATIONS, Shape};

pub fn slots(shape: Shape) -> DataFrame {
    let (mut variants, mut positions, mut slots, mut strata, mut measures, mut values) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for variant in ["original", "blank"] {
        for position in ["last", "word_1", "word_2"] {
            for (stratum, sign) in [("all", 0.8), ("answer=right", 1.0), ("answer=wrong", -1.0)] {
                let mut add = |slot: i16, measure: &'static str, value: f64| {
                    variants.push(variant);
                    positions.push(position);
                    strata.push(stratum);
                    slots.push(slot);
                    measures.push(measure);
                    values.push(value);
                };
                add(-1, "commitment", 3.5);
                for slot in 0..shape.lm as i16 {
                    let far = f64::from(slot) / shape.lm as f64;
                    let lead = if variant == "blank" { -0.3 } else { sign * 6.0 * far * far };
                    add(slot, "ld", lead);
                    if variant == "original" {
                        add(slot, "ld_less_blank", lead + 0.3);
                    }
                    add(slot, "rank_right", 2.5 - sign * far);
                    add(slot, "kl_to_final", 8.0 * (1.0 - far));
                }
            }
        }
    }
    let low: Vec<f64> = values.iter().map(|value| value - 0.2).collect();
    let high: Vec<f64> = values.iter().map(|value| value + 0.2).collect();
    let n = vec![120u32; values.len()];
    df!("variant" => variants, "pos_kind" => positions, "slot" => slots, "stratum" => strata, "measure" => measures,
        "value" => values, "ci_lo" => low, "ci_hi" => high, "n" => n)
    .unwrap()
}

pub fn map(shape: Shape) -> DataFrame {
    let (mut slots, mut rows, mut cols, mut classes, mut shares) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for slot in 0..shape.lm as i16 {
        for row in 0..shape.grid as u32 {
            for col in 0..shape.grid as u32 {
                for class in RELATIONS.into_iter().chain(["correct answer"]) {
                    slots.push(slot);
                    rows.push(row);
                    cols.push(col);
                    classes.push(class);
                    let near = (-f64::from(row.abs_diff(shape.grid as u32 / 2))).exp();
                    shares.push(0.25 + 0.4 * near * f64::from(slot) / shape.lm as f64);
                }
            }
        }
    }
    let n = shares.len();
    let low: Vec<f64> = shares.iter().map(|share| share - 0.05).collect();
    let high: Vec<f64> = shares.iter().map(|share| share + 0.05).collect();
    df!("variant" => vec!["original"; n], "slot" => slots, "cell_row" => rows, "cell_col" => cols, "class" => classes,
        "stratum" => vec!["all"; n], "share" => shares, "share_lo" => low, "share_hi" => high, "n" => vec![40u32; n])
    .unwrap()
}
