//! Where single questions looked before and after.

use image::RgbImage;

use super::super::frames::Shown as Item;
use super::super::page::{Figure, Panel, Row};
use super::super::panels::overlay::Overlay;
use super::super::theme::{MARGIN, PAGE_WIDTH};
use super::case::Case;
use super::rows::Shown;
use crate::error::Result;

/// Between two panels; see the page's own gutter.
const BETWEEN: f64 = 26.0;

/// An item at alpha 1 and under a scaling.
pub struct Before<'a> {
    pub shown: &'a Shown,
    pub before: Item,
    pub after: Item,
}

/// One row an item; `images` gives its picture, or None where it is not at hand.
///
/// # Errors
/// Where a map, its grid and its image do not fit together.
pub fn figure(
    case: &Case,
    pairs: &[Before<'_>],
    layer: i64,
    images: &dyn Fn(&Item) -> Option<RgbImage>,
) -> Result<Figure> {
    let width = (PAGE_WIDTH - 2.0 * MARGIN - BETWEEN) / 2.0;
    let mut rows = Vec::new();
    for pair in pairs {
        let Before { shown, before, after } = pair;
        let image = images(before);
        let (mut panels, mut height) = (Vec::new(), 0.0f64);
        let scaled = format!("{} alpha {}", shown.operator, shown.alpha);
        for (item, alpha, answer) in [(before, "alpha 1".to_string(), &shown.before), (after, scaled, &shown.after)] {
            let overlay = Overlay {
                image: image.as_ref(),
                geometry: item.geometry,
                row: &item.row,
                boxes: &item.boxes,
                caption: vec![item.question.clone(), format!("Answer: {answer}. Correct: {}.", item.gold)],
            };
            let view = overlay.view().map_err(|problem| problem.within(format!("item `{}`", shown.item)))?;
            height = height.max(view.height(width));
            panels.push(Panel::new(format!("{alpha}: {}", shown.kind), shown.item.clone(), view));
        }
        rows.push(Row { columns: 2, height, panels, ..Row::default() });
    }
    Ok(Figure {
        name: case.file("overlays"),
        title: case.told("where single questions looked before and after"),
        caption: format!(
            "Attention of the prompt’s last position to each patch at layer {layer}, mean over heads; each map has a scale of its own. \
             Questions are the first of their kind in the dataset, not typical ones."
        ),
        keys: Vec::new(),
        rows,
    })
}
