//! Single attention rows on their images: the best and the worst aligned, among right and wrong answers.

use image::RgbImage;

use super::frames::Shown;
use super::page::{Figure, Panel, Row};
use super::panels::overlay::Overlay;
use super::theme::{MARGIN, PAGE_WIDTH};
use super::wording;
use crate::error::Result;

pub const NAME: &str = "gallery";
pub const TITLE: &str = "Where single answers looked";
/// Side by side at most; fewer where no kind has so many.
const COLUMNS: usize = 3;
/// Between two panels; see the page's own gutter.
const BETWEEN: f64 = 26.0;

/// Rows of panels, one kind after the other; `images` gives an item's picture, or None where it is not at hand.
///
/// # Errors
/// Where a row, its grid and its image do not fit together.
pub fn figure(shown: &[Shown], images: &dyn Fn(&Shown) -> Option<RgbImage>) -> Result<Figure> {
    let kinds = || shown.chunk_by(|a, b| a.choice.kind == b.choice.kind);
    let columns = kinds().map(<[Shown]>::len).max().unwrap_or(1).min(COLUMNS);
    let width = (PAGE_WIDTH - 2.0 * MARGIN - BETWEEN * (columns - 1) as f64) / columns as f64;
    let mut rows = Vec::new();
    let mut missing = 0;
    for kind in kinds() {
        for row in kind.chunks(columns) {
            let mut height: f64 = 0.0;
            let mut panels = Vec::new();
            for one in row {
                let image = images(one);
                missing += usize::from(image.is_none());
                let overlay = Overlay {
                    image: image.as_ref(),
                    geometry: one.geometry,
                    row: &one.row,
                    boxes: &one.boxes,
                    caption: caption(one),
                };
                let view = overlay.view().map_err(|problem| problem.within(format!("item `{}`", one.choice.item)))?;
                height = height.max(view.height(width));
                panels.push(Panel::new(heading(one), "", view));
            }
            rows.push(Row { columns, height, panels, ..Row::default() });
        }
    }
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: explanation(shown.len(), missing),
        keys: Vec::new(),
        rows,
    })
}

fn explanation(shown: usize, missing: usize) -> String {
    let look = match missing {
        0 => {
            "Left, the image with the annotated boxes; right, the attention of one query to each patch, over the image in grey."
        }
        some if some == shown => {
            "The attention of one query to each patch, with the annotated boxes; the images were not at hand."
        }
        _ => {
            "The image with the annotated boxes beside the attention of one query to each patch, over the image in grey; where \
              the image was not at hand, the patches alone."
        }
    };
    format!(
        "{look} Every map has its own scale, from zero to its largest patch, by square root so that faint attention shows. \
         What the model does not see is faded. Chosen by the metric named under each, best and worst among right and among \
         wrong answers: extremes, not typical items."
    )
}

/// "Right, best aligned: item".
fn heading(one: &Shown) -> String {
    let mut kind = one.choice.kind.clone();
    if let Some(first) = kind.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{kind}: {}", one.choice.item)
}

fn caption(one: &Shown) -> Vec<String> {
    let Shown { choice, question, gold, answer, p_answer, .. } = one;
    let p = p_answer.map_or(String::new(), |p| format!(" (p = {p:.2})"));
    vec![
        question.clone(),
        format!("Answer: {answer}{p}. Correct: {gold}."),
        format!(
            "Layer {}, {}, {} query; {} {:.2}.",
            choice.layer,
            wording::head(choice.head),
            choice.query,
            wording::metric_in_text(&choice.metric),
            choice.score
        ),
    ]
}
