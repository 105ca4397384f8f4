//! Made-up tables of a model with two encoders.

use super::super::effect::rows::Measured;
use super::super::table::Estimate;
use super::rows::{Addend, Between, Moment};

fn around(value: f64) -> Option<Estimate> {
    Some(Estimate { value, interval: Some((value - 0.05, value + 0.05)) })
}

pub fn addends() -> Vec<Addend> {
    let row = |group: &str, states: &str, measure: &str, value: f64, control: Option<Estimate>| Addend {
        group: group.into(),
        states: states.into(),
        measure: measure.into(),
        value: around(value),
        control,
        n: 120,
        tokens: 8640,
    };
    let of = |group: &'static str, states: &'static str| {
        [
            row(group, states, "norm_2d", 3.0, None),
            row(group, states, "norm_3d", 2.4, None),
            row(group, states, "norm_sum", 4.1, around(3.8)),
            row(group, states, "share_3d", 0.4, None),
            row(group, states, "cosine", if states == "as_is" { 0.3 } else { -0.1 }, around(0.02)),
        ]
    };
    ["background", "image", "objects"]
        .into_iter()
        .flat_map(|g| ["as_is", "centred"].map(|s| of(g, s)).concat())
        .collect()
}

/// Two heads; more leaves the own frame the deeper.
pub fn between(layers: i64, frames: i64) -> Vec<Between> {
    let mut rows = Vec::new();
    for layer in 0..layers {
        for head in -1..2 {
            let leaving = 0.3 + 0.6 * (layer + 1) as f64 / layers as f64;
            let row =
                |pair, value, uniform| Between { layer, head, frames, pair, value, uniform: Some(uniform), n: 60 };
            let each = 1.0 / frames as f64;
            rows.push(row(None, around(leaving), 1.0 - each));
            for (query, key) in (0..frames).flat_map(|query| (0..frames).map(move |key| (query, key))) {
                let share = if query == key { 1.0 - leaving } else { leaving / (frames - 1) as f64 };
                rows.push(row(Some((query as f64, key as f64)), around(share), each));
            }
        }
    }
    rows
}

pub fn moments(layers: i64, moments: i64) -> Vec<Moment> {
    let share = |layer: i64, moment: i64| (1.0 + ((layer + moment) % 3) as f64) / (2 * moments) as f64;
    let row = |layer: i64, moment: i64| Moment {
        layer,
        head: -1,
        moments,
        moment,
        share: around(share(layer, moment)),
        uniform: Some(1.0 / moments as f64),
        n: 60,
    };
    (0..layers).flat_map(|layer| (0..moments).map(move |moment| row(layer, moment))).collect()
}

/// Zeros and another video's, at both addends and the sum.
pub fn ablated() -> Vec<Measured> {
    let kinds =
        ["all", "relation=direction", "relation=bearing", "relation=distance", "relation=count", "relation=order"];
    let mut rows = Vec::new();
    for arm in ["zero", "resample"] {
        for (site, accuracy) in [("connector.2d", 0.45), ("connector.3d", 0.6), ("projector.out", 0.35)] {
            for stratum in kinds {
                let measured = [
                    ("accuracy", accuracy),
                    ("accuracy_before", 0.7),
                    ("above_chance", accuracy - 0.4),
                    ("net", accuracy - 0.7),
                ];
                rows.extend(measured.map(|(measure, value)| Measured {
                    design: "addends".into(),
                    kind: "ablate".into(),
                    arm: arm.into(),
                    direction: String::new(),
                    site: site.into(),
                    slot: -1,
                    window: 1,
                    group: "image".into(),
                    edge: String::new(),
                    dose: None,
                    basis: String::new(),
                    control: "none".into(),
                    stratum: stratum.into(),
                    measure: measure.into(),
                    value: around(value),
                    n: 540,
                    images: 540,
                    null: None,
                    null_draws: 0,
                    p_null: None,
                    p_mcnemar: (measure == "net").then_some(0.012),
                }));
            }
        }
    }
    rows
}
