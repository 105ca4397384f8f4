//! Where along the slots an effect sets in, and where it is handed over.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::Table;
use crate::analysis::frames::{Effect, Effects, Key};
use crate::stats::profile::{Profile, Turn};
use crate::stats::{Interval, Replicates};

use super::row::keyed;

/// One sweep over the slots of the language model.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Of the sweep's first slot.
    pub key: Key,
    /// In slots, not points.
    pub onset: Option<i16>,
    pub onset_interval: Option<Interval>,
    /// Share of the replicates that have an onset.
    pub onset_reached: f64,
    pub handover: Option<i16>,
    pub handover_interval: Option<Interval>,
    pub handover_reached: f64,
    /// Mean height of the shift over the slots.
    pub area: Option<f64>,
    pub area_interval: Option<Interval>,
    pub slots: u32,
    /// Units that every slot has.
    pub n: u32,
}

/// Every sweep of at least two slots whose rows have a shift.
pub fn rows(effects: &Effects, count: usize, seed: u64) -> Vec<Row> {
    let mut sweeps: BTreeMap<Key, BTreeMap<i16, BTreeMap<usize, &Effect>>> = BTreeMap::new();
    for effect in effects.rows.iter().filter(|effect| effect.draw.is_none() && effect.contrast.is_some()) {
        let key = &effects.keys[effect.key];
        let in_stream = key.site.starts_with("lm.") && key.site.ends_with(".resid");
        if in_stream {
            let sweep = Key { site: "lm.*.resid".into(), slot: 0, ..key.clone() };
            sweeps.entry(sweep).or_default().entry(key.slot).or_default().insert(effect.unit, effect);
        }
    }
    let sweeps = sweeps.into_iter().filter(|(_, slots)| slots.len() >= 2);
    sweeps.filter_map(|(key, slots)| row(key, &slots, count, seed)).collect()
}

fn row(key: Key, slots: &BTreeMap<i16, BTreeMap<usize, &Effect>>, count: usize, seed: u64) -> Option<Row> {
    let everywhere = slots.values().map(|units| units.keys().copied().collect::<BTreeSet<_>>());
    let units = everywhere.reduce(|these, those| &these & &those).filter(|units| !units.is_empty())?;
    let at = |of: &BTreeMap<usize, &Effect>| units.iter().filter_map(|unit| of[unit].contrast).collect();
    let contrasts: Vec<Vec<_>> = slots.values().map(at).collect();
    let first = slots.values().next()?;
    let replicates = Replicates::draw(&numbered(units.iter().map(|unit| first[unit].image)), count, seed);
    let profile = Profile::of(&contrasts, &replicates);
    let names: Vec<i16> = slots.keys().copied().collect();
    let slot = |turn: Turn| turn.at.and_then(|at| names.get(at).copied());
    let ends = |turn: Turn| {
        let end = |at: f64| names.get(at.round() as usize).map_or(f64::NAN, |&slot| f64::from(slot));
        turn.interval.map(|interval| Interval { lo: end(interval.lo), hi: end(interval.hi) })
    };
    Some(Row {
        key,
        onset: slot(profile.onset),
        onset_interval: ends(profile.onset),
        onset_reached: profile.onset.reached,
        handover: slot(profile.handover),
        handover_interval: ends(profile.handover),
        handover_reached: profile.handover.reached,
        area: profile.area,
        area_interval: profile.area_interval,
        slots: names.len() as u32,
        n: units.len() as u32,
    })
}

/// Values numbered from 0 in order of appearance.
fn numbered(values: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut known: BTreeMap<usize, usize> = BTreeMap::new();
    values
        .map(|value| {
            let next = known.len();
            *known.entry(value).or_insert(next)
        })
        .collect()
}

impl Row {
    pub fn table(rows: &[Self]) -> Table {
        let slot =
            |of: fn(&Self) -> Option<i16>| rows.iter().map(move |row| of(row).map(f64::from)).collect::<Vec<_>>();
        keyed(Table::new(), rows.iter().map(|row| &row.key))
            .number("onset", slot(|row| row.onset))
            .interval("onset_", rows.iter().map(|row| row.onset_interval))
            .number("onset_reached", rows.iter().map(|row| Some(row.onset_reached)))
            .number("handover", slot(|row| row.handover))
            .interval("handover_", rows.iter().map(|row| row.handover_interval))
            .number("handover_reached", rows.iter().map(|row| Some(row.handover_reached)))
            .number("area", rows.iter().map(|row| row.area))
            .interval("area_", rows.iter().map(|row| row.area_interval))
            .count("slots", rows.iter().map(|row| row.slots))
            .count("n", rows.iter().map(|row| row.n))
    }
}
