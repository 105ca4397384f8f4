//! What is measured of a set of effects: each a ratio of two sums over units, so that one bootstrap serves all.

use crate::analysis::frames::Effect;
use crate::stats::shift::GUARD;

/// A ratio of sums: `sum of part / sum of whole` over the units that have both.
pub struct Measure {
    pub name: &'static str,
    /// Part and whole of one unit; `None` leaves the unit out. The last argument is the chance level of its item.
    pub of: fn(&Effect, f64) -> Option<(f64, f64)>,
    /// The mean whole must be at least this large in size, or the ratio is undefined.
    pub guard: f64,
    pub tail: Tail,
}

/// Which end of the null draws counts against the null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// A real effect is larger than the null's.
    Upper,
    /// An enhancement is larger than its null, any other intervention smaller.
    UpperIfEnhanced,
    /// Described, not tested.
    None,
}

/// A share or mean over all units.
const fn mean(name: &'static str, of: fn(&Effect, f64) -> Option<(f64, f64)>, tail: Tail) -> Measure {
    Measure { name, of, guard: 0.0, tail }
}

fn one(value: f64) -> Option<(f64, f64)> {
    Some((value, 1.0))
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// Every measure, in the order of the table.
pub const MEASURES: &[Measure] = &[
    Measure {
        name: "shift",
        of: |effect, _| effect.contrast.map(|contrast| (contrast.moved(), contrast.range())),
        guard: GUARD,
        tail: Tail::Upper,
    },
    mean("shift_mean", |effect, _| one(effect.contrast?.shift()?), Tail::Upper),
    mean("flip", |effect, _| one(flag(effect.flip?)), Tail::Upper),
    mean("flip_vocabulary", |effect, _| one(flag(effect.flip_vocabulary?)), Tail::None),
    mean("iia", |effect, _| one(flag(effect.as_expected?)), Tail::Upper),
    mean("third", |effect, _| one(flag(effect.as_third?)), Tail::None),
    mean("accuracy", |effect, _| one(flag(effect.correct)), Tail::UpperIfEnhanced),
    mean("above_chance", |effect, chance| one(flag(effect.correct) - chance), Tail::None),
    mean("accuracy_before", |effect, _| one(flag(effect.correct_before)), Tail::None),
    mean("net", |effect, _| one(flag(effect.correct) - flag(effect.correct_before)), Tail::UpperIfEnhanced),
    mean("fix", |effect, _| (!effect.correct_before).then(|| (flag(effect.correct), 1.0)), Tail::UpperIfEnhanced),
    mean("break", |effect, _| effect.correct_before.then(|| (flag(!effect.correct), 1.0)), Tail::None),
    mean("fixed", |effect, _| one(flag(!effect.correct_before && effect.correct)), Tail::None),
    mean("broken", |effect, _| one(flag(effect.correct_before && !effect.correct)), Tail::None),
    Measure {
        name: "share_removed",
        of: |effect, chance| {
            Some((flag(effect.correct_before) - flag(effect.correct), flag(effect.correct_before) - chance))
        },
        // Five points above chance: less leaves nothing to remove.
        guard: 0.05,
        tail: Tail::None,
    },
    mean("p_right", |effect, _| one(effect.p_right), Tail::UpperIfEnhanced),
    mean("p_right_before", |effect, _| one(effect.p_right_before), Tail::None),
    mean("p_cf", |effect, _| one(effect.p_cf?), Tail::None),
    mean("p_third", |effect, _| one(effect.p_third?), Tail::None),
    mean(
        "relative_change",
        |effect, _| (effect.p_right_before > 0.0).then(|| (effect.p_right / effect.p_right_before - 1.0, 1.0)),
        Tail::UpperIfEnhanced,
    ),
    mean("ld", |effect, _| one(effect.ld?), Tail::None),
    mean("ld_change", |effect, _| one(effect.ld? - effect.ld_before?), Tail::UpperIfEnhanced),
    mean("kl", |effect, _| one(effect.kl), Tail::None),
    mean("valid", |effect, _| one(flag(effect.valid)), Tail::None),
    mean("dx_rel", |effect, _| one(effect.dx_rel?), Tail::None),
    mean("n_tokens", |effect, _| one(effect.tokens), Tail::None),
];
