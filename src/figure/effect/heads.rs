//! Which single heads carry the answer over: layer by head.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::heatmap::{Cell, Heatmap};
use super::super::theme::{DIVERGING, INK};
use super::pick::Pick;
use super::rows::{Counted, Measured};
use super::wording;
use crate::model::Site;

/// One figure a patching design at heads.
pub fn figure(design: &Pick, counts: &[Counted]) -> Option<Result<Figure, Undrawn>> {
    let name = design.designs().first().copied()?;
    let all = design.real().measure("shift");
    let groups = all.distinct(|row| &row.group);
    let found: Vec<(usize, usize, &Measured)> = all.rows().iter().filter_map(|row| head(row)).collect();
    let layers = found.iter().map(|(layer, ..)| *layer).max()?;
    let heads = found.iter().map(|(_, head, _)| *head).max()?;
    let reach = found.iter().filter_map(|(.., row)| row.value).map(|of| of.value.abs()).fold(0.05, f64::max);
    let reach = (reach * 20.0).ceil() / 20.0;
    let panels = groups.iter().map(|group| {
        let cell = |(layer, head, row): &(usize, usize, &Measured)| Cell {
            x: *layer as f64,
            y: *head as f64,
            value: row.value.map(|of| of.value),
            marked: row.value.and_then(|of| of.interval).is_some_and(|(low, high)| low > 0.0 || high < 0.0),
        };
        let body = Heatmap {
            x: Axis::counting("layer", 0, layers as i64),
            y: Axis::counting("head", 0, heads as i64),
            scale: Axis::linear("shift", -reach, reach, Unit::Plain),
            colors: DIVERGING,
            cells: found.iter().filter(|(.., row)| row.group == **group).map(cell).collect(),
            labels: Vec::new(),
            frames: Vec::new(),
        };
        Panel::new(wording::capital(&wording::group(group)), "", body)
    });
    let height = (heads as f64 * 14.0).clamp(170.0, 380.0) + 40.0;
    Some(Ok(Figure {
        name: format!("patch-{name}-heads"),
        title: format!("Patch “{name}”: single heads"),
        caption: format!(
            "Normalised shift of the answer when one head’s output is put in from the other run. Dots: the 95 % image-bootstrap \
             interval excludes 0, each head by itself: of {} heads about {:.0} would by luck. {}.{} {}",
            found.len(),
            0.05 * found.len() as f64,
            all.n(),
            wording::golden(counts, name),
            most(&found)
        ),
        keys: vec![Key::new("interval excludes 0", Look::Dot(INK))],
        rows: Row::grid(groups.len().min(2), height, panels.collect()),
    }))
}

fn head<'a>(row: &&'a Measured) -> Option<(usize, usize, &'a Measured)> {
    match row.site.parse::<Site>().ok()? {
        Site::LmHead(layer, head) => Some((layer, head, *row)),
        _ => None,
    }
}

/// The head that moves the answer most.
fn most(found: &[(usize, usize, &Measured)]) -> String {
    let most = found.iter().filter_map(|(layer, head, row)| Some((layer, head, row.value?)));
    match most.max_by(|one, other| one.2.value.total_cmp(&other.2.value)) {
        Some((layer, head, of)) => format!(
            "The largest is head {head} of layer {layer}: {}; it was picked after looking, and its interval does not know that.",
            wording::estimate(of)
        ),
        None => String::new(),
    }
}
