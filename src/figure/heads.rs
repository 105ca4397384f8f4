//! Every head of every layer: which look at the objects, and which tell right from wrong answers by it.

use super::axis::{Axis, Unit};
use super::page::{Figure, Key, Look, Panel, Row};
use super::panels::heatmap::{Cell, Heatmap};
use super::rows::{Alignment, MEAN_HEAD};
use super::theme::{ColorMap, DIVERGING, INK, VIRIDIS};
use super::{NO_BOXES, Undrawn, wording};

const NAME: &str = "heads";
const TITLE: &str = "Which heads look at the objects, and whose look predicts the answer";

/// Left: mean fraction of image attention in the boxes. Right: AUROC of `metric` against correctness.
pub fn figure(rows: &[Alignment], metric: &str) -> Result<Figure, Undrawn> {
    let mut rows: Vec<&Alignment> = rows.iter().filter(|row| row.target == "objects" && row.stratum == "all").collect();
    if rows.iter().any(|row| row.head != MEAN_HEAD) {
        rows.retain(|row| row.head != MEAN_HEAD);
    }
    let fraction: Vec<&Alignment> = rows.iter().copied().filter(|row| row.metric == "fraction").collect();
    let against: Vec<&Alignment> = rows.iter().copied().filter(|row| row.metric == metric).collect();
    let (Some(any), false) = (against.first(), fraction.is_empty()) else {
        return Err(Undrawn::new(NAME, TITLE, NO_BOXES));
    };
    let (n_right, n_wrong) = (any.n_right, any.n_wrong);
    let most = fraction.iter().filter_map(|row| row.value).map(|value| value.value).fold(0.0, f64::max);
    let reach = against.iter().filter_map(|row| row.auroc).map(|auroc| (auroc.value - 0.5).abs()).fold(0.1, f64::max);
    let reach = ((reach * 20.0).ceil() / 20.0).min(0.5);
    let look = cells(&fraction, |row| row.value.map(|value| value.value), |_| false);
    let tell = cells(&against, |row| row.auroc.map(|auroc| auroc.value), |row| row.p_max.is_some_and(|p| p < 0.05));
    let heads = rows.iter().map(|row| row.head).max().unwrap_or(0) + 1;
    let height = (heads as f64 * 10.0).clamp(170.0, 380.0) + 40.0;
    let name = wording::metric_in_text(metric);
    let left = Panel::new(
        "Who looks at the objects",
        "mean fraction of image attention in the boxes",
        heatmap(&fraction, look, Axis::from_zero("% of image attention", most, Unit::Percent), VIRIDIS),
    );
    let right = Panel::new(
        "Whose look predicts the answer",
        format!("AUROC of the {name}"),
        heatmap(&against, tell, Axis::linear("AUROC", 0.5 - reach, 0.5 + reach, Unit::Plain), DIVERGING),
    );
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "Last query, union of all objects’ boxes, all items pooled. a: mean over items. b: AUROC for telling right from \
             wrong answers, white at one half; dots: p < 0.05 by label permutation, corrected over all layers \
             and heads. Grey cells are undefined. Intervals and nulls of every cell are in the table “alignment”. \
             n = {} right, {} wrong.",
            wording::grouped(n_right),
            wording::grouped(n_wrong)
        ),
        keys: vec![Key::new("p < 0.05, corrected over layers and heads", Look::Dot(INK))],
        rows: vec![Row { columns: 2, height, panels: vec![left, right], ..Row::default() }],
    })
}

fn cells(
    rows: &[&Alignment],
    value: impl Fn(&Alignment) -> Option<f64>,
    marked: impl Fn(&Alignment) -> bool,
) -> Vec<Cell> {
    let cell =
        |row: &&Alignment| Cell { x: row.layer as f64, y: row.head as f64, value: value(row), marked: marked(row) };
    rows.iter().map(cell).collect()
}

fn heatmap(rows: &[&Alignment], cells: Vec<Cell>, scale: Axis, colors: ColorMap) -> Heatmap {
    let ends = |of: fn(&Alignment) -> i64| {
        let values = rows.iter().map(|row| of(row));
        (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
    };
    let ((first_layer, last_layer), (first_head, last_head)) = (ends(|row| row.layer), ends(|row| row.head));
    let mut y = Axis::counting("head", first_head, last_head);
    for tick in y.ticks.iter_mut().filter(|tick| tick.at == MEAN_HEAD as f64) {
        tick.label = "mean".into();
    }
    let x = Axis::counting("layer", first_layer, last_layer);
    Heatmap { x, y, scale, colors, cells, labels: Vec::new(), frames: Vec::new() }
}
