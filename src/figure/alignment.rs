//! How well attention meets the boxes, layer by layer, for items answered rightly and wrongly.

use super::axis::{Axis, Unit};
use super::canvas::Pen;
use super::page::{Figure, Key, Look, Panel, Row};
use super::panels::line::{Band, BandLook, CHANCE, Lines, Mark, Sample, Series};
use super::rows::{Alignment, MEAN_HEAD};
use super::table::Estimate;
use super::theme::{Color, INK, NULL, RIGHT, WRONG};
use super::wording::{METRICS, Metric};
use super::{NO_BOXES, Undrawn, wording};

const NAME: &str = "alignment";
const TITLE: &str = "How well attention meets the objects’ boxes";
/// How much of the null's grey its band shows.
pub(super) const NULL_BAND: f64 = 0.32;
/// Other items' boxes, in every figure.
pub(super) const OTHER: Pen = Pen::dashed(INK, 1.0, 1.5, 2.5);

/// One panel a metric: all objects, all items, mean over heads.
pub fn figure(rows: &[Alignment]) -> Result<Figure, Undrawn> {
    let rows: Vec<&Alignment> =
        rows.iter().filter(|row| row.head == MEAN_HEAD && row.target == "objects" && row.stratum == "all").collect();
    let panels: Vec<Panel> = METRICS.iter().filter_map(|metric| panel(*metric, &rows)).collect();
    let Some(any) = rows.first().filter(|_| !panels.is_empty()) else {
        return Err(Undrawn::new(NAME, TITLE, NO_BOXES));
    };
    let (n_right, n_wrong) = (any.n_right, any.n_wrong);
    let keys = vec![
        Key::new("answered rightly", Look::Marked(Pen::solid(RIGHT, 2.0))),
        Key::new("answered wrongly", Look::Marked(Pen::solid(WRONG, 2.0))),
        Key::new("random boxes of the same area, 95 % range", Look::Patch(NULL.opacity(NULL_BAND))),
        Key::new("other items’ boxes", Look::Line(OTHER)),
    ];
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "Last query, mean over heads, union of all objects’ boxes; mean over items with its 95 % image-bootstrap \
             interval. Grey: the same mean when every item’s boxes are replaced by random boxes of the same size inside the \
             image; dotted: by the boxes of other items. n = {} right, {} wrong.",
            wording::grouped(n_right),
            wording::grouped(n_wrong)
        ),
        keys,
        rows: Row::grid(3, 210.0, panels),
    })
}

fn panel(metric: Metric, rows: &[&Alignment]) -> Option<Panel> {
    let rows: Vec<&Alignment> = rows.iter().copied().filter(|row| row.metric == metric.name).collect();
    let (first, last) = (rows.iter().map(|row| row.layer).min()?, rows.iter().map(|row| row.layer).max()?);
    let series = |pick: fn(&Alignment) -> Option<Estimate>, color: Color| Series {
        pen: Pen::solid(color, 2.0),
        samples: rows.iter().map(|row| Sample { x: row.layer as f64, estimate: pick(row), mark: Mark::Full }).collect(),
    };
    let other = Series {
        pen: OTHER,
        samples: rows
            .iter()
            .map(|row| {
                let estimate = row.other_value.map(|value| Estimate { value, interval: None });
                Sample { x: row.layer as f64, estimate, mark: Mark::Bare }
            })
            .collect(),
    };
    let null = rows.iter().map(|row| (row.layer as f64, row.null_value.and_then(|value| value.interval))).collect();
    let shown = rows.iter().flat_map(|row| [row.right, row.wrong, row.null_value]).flatten();
    let ends = |one: Estimate| one.interval.map_or([one.value; 2], |(low, high)| [low, high]);
    let ends: Vec<f64> = shown.flat_map(ends).collect();
    let highest = ends.iter().copied().fold(0.0, f64::max);
    // An AUROC lives around one half; everything else has a true zero.
    let is_auroc = metric.name == "patch_auroc";
    let y = if is_auroc {
        let lowest = ends.iter().copied().fold(0.5, f64::min);
        Axis::linear(metric.axis, (lowest * 10.0).floor() / 10.0, (highest.max(0.5) * 10.0).ceil() / 10.0, Unit::Plain)
    } else {
        Axis::from_zero(metric.axis, highest, metric.unit)
    };
    let undefined = ends.is_empty().then(|| "undefined in every layer".to_owned());
    let body = Lines {
        x: Axis::counting("layer", first, last),
        y,
        bands: vec![Band { ranges: null, look: BandLook::Filled(NULL.opacity(NULL_BAND)) }],
        series: vec![other, series(|row| row.wrong, WRONG), series(|row| row.right, RIGHT)],
        references: is_auroc.then_some((0.5, CHANCE)).into_iter().collect(),
        undefined,
        ..Lines::default()
    };
    Some(Panel::new(metric.title, "", body))
}
