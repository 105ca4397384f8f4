//! Interventions whose effect is known.

use rand::Rng;

use super::*;
use crate::analysis::frames::{Effect, Effects, Key};
use crate::stats::seed::rng;
use crate::stats::shift::Contrast;

const PAIRS: usize = 120;

/// A key of a made-up patching design at a slot.
fn key(group: &str, slot: i16, control: &str) -> Key {
    let mut key = Key::example("patch", group, control);
    (key.site, key.slot) = (format!("lm.{slot}.resid"), slot);
    key
}

/// The clean logit difference is about 3, the counterfactual one about -3; a patch moves it by `shift` of the way.
fn effect(noise: &mut impl Rng, key: usize, unit: usize, shift: f64) -> Effect {
    let (clean, counterfactual) = (noise.random_range(2.0..4.0), noise.random_range(-4.0..-2.0));
    let patched = clean - shift * (clean - counterfactual) + noise.random_range(-0.5..0.5);
    Effect {
        key,
        image: unit / 2,
        item: unit,
        unit,
        strata: [Some(unit % 2), None],
        correct_before: true,
        correct: patched > 0.0,
        flip: Some(patched < 0.0),
        contrast: Some(Contrast { clean, counterfactual, patched }),
        ld: Some(patched),
        ld_before: Some(clean),
        ..Effect::default()
    }
}

fn world(cells: &[(Key, f64)]) -> Effects {
    let mut noise = rng(5, "planted effects", 0);
    let mut rows = Vec::new();
    for (at, (_, shift)) in cells.iter().enumerate() {
        rows.extend((0..PAIRS).map(|unit| effect(&mut noise, at, unit, *shift)));
    }
    let keys = cells.iter().map(|(key, _)| key.clone()).collect();
    let strata = ["axis=horizontal".into(), "axis=vertical".into()].into();
    Effects { keys, images: PAIRS / 2, strata, rows, ..Effects::default() }
}

fn params() -> Params {
    Params { bootstrap: 300, ..Params::default() }
}

fn row<'a>(rows: &'a [Row], group: &str, slot: i16, stratum: &str, measure: &str) -> &'a Row {
    let same =
        |row: &&Row| row.key.group == group && row.key.slot == slot && row.stratum == stratum && row.measure == measure;
    rows.iter().find(same).unwrap()
}

#[test]
fn a_planted_shift_is_found_and_none_is_not() {
    let effects = world(&[(key("strip", 0, "none"), 1.0), (key("object", 0, "none"), 0.0)]);
    let rows = rows(&effects, &[0.25; PAIRS], &params());
    for (group, truth) in [("strip", 1.0), ("object", 0.0)] {
        for (stratum, n) in [("all", PAIRS), ("axis=vertical", PAIRS / 2)] {
            for measure in ["shift", "shift_mean"] {
                let Row { estimate, .. } = row(&rows, group, 0, stratum, measure);
                let interval = estimate.interval.unwrap();
                assert!((estimate.value.unwrap() - truth).abs() < 0.03, "{group} {stratum} {measure} {estimate:?}");
                assert!(interval.lo <= truth + 0.02 && interval.hi >= truth - 0.02 && interval.hi - interval.lo < 0.06);
                assert_eq!(estimate.n as usize, n);
            }
        }
        let flip = row(&rows, group, 0, "all", "flip").estimate.value.unwrap();
        assert_eq!(flip, truth);
    }
    // Everything was right before and is wrong after the strip's patch; chance is a quarter.
    let removed = row(&rows, "strip", 0, "all", "share_removed").estimate.value.unwrap();
    assert!((removed - 1.0 / 0.75).abs() < 1e-9, "{removed}");
    assert_eq!(row(&rows, "strip", 0, "all", "net").p_mcnemar, Some(crate::stats::mcnemar(0, PAIRS)));
}

#[test]
fn pairs_that_hardly_differ_are_counted_not_divided_by() {
    let mut effects = world(&[(key("strip", 0, "none"), 0.5)]);
    for effect in effects.rows.iter_mut().take(30) {
        effect.contrast = Some(Contrast { clean: 0.4, counterfactual: -0.4, patched: 40.0 });
    }
    let rows = rows(&effects, &[0.25; PAIRS], &params());
    let mean = &row(&rows, "strip", 0, "all", "shift_mean").estimate;
    assert_eq!((mean.undefined, mean.n as usize), (30, PAIRS - 30));
    assert!((mean.value.unwrap() - 0.5).abs() < 0.03);
}

#[test]
fn null_draws_say_where_the_real_one_stands() {
    let random = key("image", 0, "random");
    let mut noise = rng(6, "planted null", 0);
    for (truth, beats) in [(0.9, true), (0.0, false)] {
        let mut effects = world(&[(key("image", 0, "none"), truth)]);
        effects.keys.push(random.clone());
        for draw in 0..100 {
            let drawn = (0..PAIRS).map(|unit| Effect { draw: Some(draw), ..effect(&mut noise, 1, unit, 0.0) });
            effects.rows.extend(drawn.collect::<Vec<_>>());
        }
        let rows = rows(&effects, &[0.25; PAIRS], &params());
        let null = row(&rows, "image", 0, "all", "shift").null.unwrap();
        assert_eq!(null.draws, 100);
        assert!(null.range.lo > -0.05 && null.range.hi < 0.05, "{null:?}");
        let p = null.p.unwrap();
        assert!(if beats { p == 1.0 / 101.0 } else { p > 0.02 }, "{p}");
        // Draws are no cells of their own.
        assert!(rows.iter().all(|row| row.key.control == "none"));
    }
}

#[test]
fn of_two_kinds_of_draws_the_one_that_beats_more_counts() {
    let mut real = key("image", 0, "none");
    real.basis = "slot".into();
    let random = |basis: &str| Key { control: "random".into(), basis: basis.into(), ..real.clone() };
    let mut noise = rng(7, "planted kinds", 0);
    let mut effects = world(&[(real.clone(), 0.5)]);
    effects.keys.extend([random("slot, same rank"), random("slot, same variance")]);
    for draw in 0..20 {
        for (key, shift) in [(1, 0.0), (2, 0.8)] {
            let drawn = (0..PAIRS).map(|unit| Effect { draw: Some(draw), ..effect(&mut noise, key, unit, shift) });
            effects.rows.extend(drawn.collect::<Vec<_>>());
        }
    }
    let rows = rows(&effects, &[0.25; PAIRS], &params());
    let null = row(&rows, "image", 0, "all", "shift").null.unwrap();
    assert_eq!((null.draws, null.p), (20, Some(1.0)));
    assert!(null.range.lo > 0.7, "{null:?}");
}

#[test]
fn turns_are_slots_not_points() {
    let shifts = [(2, 0.0), (3, 0.9), (5, 1.0), (6, 0.1)];
    let cells: Vec<_> = shifts.iter().map(|&(slot, shift)| (key("strip", slot, "none"), shift)).collect();
    let found = profiles::rows(&world(&cells), 200, 1);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].onset, found[0].handover, found[0].slots), (Some(3), Some(6), 4));
    assert_eq!(found[0].onset_interval, Some(crate::stats::Interval { lo: 3.0, hi: 3.0 }));
    let flat: Vec<_> = shifts.iter().map(|&(slot, _)| (key("object", slot, "none"), 0.0)).collect();
    assert_eq!(profiles::rows(&world(&flat), 200, 1)[0].onset, None);
}
