//! Figures of attention scaling: what each alpha does, and what a gate between two of them does.

pub mod case;
mod confidence;
mod confusion;
mod dose;
mod gate;
mod overlays;
pub mod rows;
#[cfg(test)]
mod synthetic;
pub mod wording;

use std::path::Path;

use image::RgbImage;

use super::frames::{Shown as Item, look_up_maps};
use super::{Figure, Undrawn};
use crate::error::Result;
use case::Case;
use overlays::Before;
use rows::{Binned, Confused, Looked, Shown, Tallied, Threshold};

/// Items of each kind and alpha among the overlays.
const EACH: usize = 1;

/// Every figure of a run; of further interventions on a dataset only what alpha does.
///
/// # Errors
/// A table that is missing or not of this version; maps that do not fit their images.
pub fn figures(
    run: &Path,
    tallied: &[Tallied],
    images: &dyn Fn(&Item) -> Option<RgbImage>,
) -> Result<Vec<Result<Figure, Undrawn>>> {
    let (looked, confused, binned) = (Looked::read(run)?, Confused::read(run)?, Binned::read(run)?);
    let (thresholds, shown) = (Threshold::read(run)?, Shown::read(run)?);
    let mut figures = Vec::new();
    for case in Case::all(tallied) {
        figures.push(Ok(dose::figure(&case, tallied, &looked)));
        if !case.first {
            continue;
        }
        let undrawn = |what: &str, title: &str, reason: &str| Undrawn::new(case.file(what), case.told(title), reason);
        figures.push(confusion::figure(&case, tallied, &confused).ok_or_else(|| {
            undrawn("confusion", "right and given answers at each alpha", "the questions have different options")
        }));
        figures
            .push(confidence::figure(&case, &binned).ok_or_else(|| {
                undrawn("confidence", "how sure the untouched model is", "confidence was not recorded")
            }));
        figures.extend(gate::figure(&case, tallied, &thresholds).map(Ok));
        let chosen = few(&shown, &case);
        if !chosen.is_empty() {
            let keys: Vec<(&str, &str, &str, f64)> = chosen
                .iter()
                .flat_map(|one| {
                    let (design, item) = (one.design.as_str(), one.item.as_str());
                    [(design, item, "none", 1.0), (design, item, one.operator.as_str(), one.alpha)]
                })
                .collect();
            let mut items = look_up_maps(run, &keys)?.into_iter();
            let mut pairs = Vec::new();
            for shown in chosen {
                if let (Some(before), Some(after)) = (items.next(), items.next()) {
                    pairs.push(Before { shown, before, after });
                }
            }
            let layer = pairs.first().map_or(0, |pair| pair.before.choice.layer);
            figures.push(Ok(overlays::figure(&case, &pairs, layer, images)?));
        }
    }
    Ok(figures)
}

/// The first of each kind and alpha whose item is of the case.
fn few<'a>(shown: &'a [Shown], case: &Case) -> Vec<&'a Shown> {
    let mut few: Vec<&Shown> = Vec::new();
    for one in shown.iter().filter(|one| case.has(&one.design, &one.dataset)) {
        let same = few.iter().filter(|other| other.kind == one.kind && other.alpha == one.alpha).count();
        if same < EACH {
            few.push(one);
        }
    }
    few
}
