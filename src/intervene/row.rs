//! A unit under an arm as a row of the effects frame.

use super::answers::Reading;
use super::arm::Arm;
use super::batch::Batch;
use super::frames::{EffectRow, UnitLabels};
use super::sweep::Sweep;
use super::unit::{Role, Run, Unit};
use crate::dataset::Axis;

impl Sweep<'_> {
    /// What names a unit.
    pub(super) fn labels(&self, unit: &Unit) -> UnitLabels {
        UnitLabels {
            design: self.name.to_string(),
            kind: self.design.kind(),
            item: unit.clean.name(),
            cf_item: unit.cf.as_ref().map(Run::name),
            image: unit.image().to_string(),
            axis: unit.axis.map(Axis::word),
            relation: unit.clean.item.relation.clone(),
            direction: unit.direction.name(),
        }
    }

    /// One unit under one arm.
    pub(super) fn row(
        &self,
        batch: &Batch<'_>,
        arm: &Arm,
        index: usize,
        n_tokens: usize,
        reading: &Reading,
        dx_rel: Option<f64>,
    ) -> EffectRow {
        let unit = &batch.units[index];
        let options = &unit.clean.item.options;
        let right = unit.clean.item.gold;
        let named = |class: Option<usize>| class.and_then(|class| options.get(class).cloned());
        let before = &batch.readings(Role::Clean)[index];
        let cf = batch.readings(Role::Cf).get(index);
        let difference = |reading: &Reading| reading.logit_difference(right, unit.answer_cf);
        let cf_right = unit.cf.as_ref().is_none_or(|cf| {
            batch
                .readings(Role::Cf)
                .get(index)
                .is_some_and(|reading| options.get(reading.answered).map(String::as_str) == Some(cf.answer()))
        });
        EffectRow {
            unit: self.labels(unit),
            labels: arm.labels.clone(),
            golden: before.answered == right && cf_right,
            n_tokens: n_tokens as u32,
            fold: unit.fold,
            answer_clean: unit.clean.answer().to_string(),
            answer_cf: named(unit.answer_cf),
            expected: named(unit.expected),
            third: named(unit.third),
            correct_before: before.answered == right,
            answered: named(Some(reading.answered)).unwrap_or_default(),
            correct: reading.answered == right,
            top: named(reading.top),
            ld: [Some(difference(before)), cf.map(difference), Some(difference(reading))],
            p_right: reading.p[right],
            p_right_before: before.p[right],
            p_cf: unit.answer_cf.map(|class| reading.p[class]),
            p_third: unit.third.map(|class| reading.p[class]),
            p: reading.p.iter().map(|&p| p as f32).collect(),
            kl: reading.divergence(before),
            dx_rel,
        }
    }
}
