//! To which part of a video the last position attends.

use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::heatmap::{Cell, Heatmap};
use super::super::panels::line::{CHANCE, Lines, Mark, Sample, Series};
use super::super::rows::MEAN_HEAD;
use super::super::theme::VIRIDIS;
use super::super::{Undrawn, wording};
use super::rows::{Moment, commonest};

const NAME: &str = "moments";
const TITLE: &str = "Which part of the video the last position attends to";
const LABEL: &str = "% of the attention to the video";
const HEIGHT: f64 = 260.0;

/// Layer by moment, and the moments over depth.
pub fn figure(rows: &[Moment]) -> Result<Figure, Undrawn> {
    let rows: Vec<&Moment> = rows.iter().filter(|row| row.head == MEAN_HEAD).collect();
    let Some(moments) = commonest(rows.iter().map(|row| (row.moments, row.n))) else {
        return Err(Undrawn::new(NAME, TITLE, "no attention to a video was recorded"));
    };
    let rows: Vec<&Moment> = rows.into_iter().filter(|row| row.moments == moments).collect();
    let layers = rows.iter().map(|row| row.layer);
    let (first, last) = (layers.clone().min().unwrap_or(0), layers.max().unwrap_or(0));
    let highest = rows.iter().filter_map(|row| row.share).map(|of| of.interval.map_or(of.value, |(_, high)| high));
    let highest = highest.fold(0.0, f64::max);
    let cells = rows.iter().map(|row| Cell {
        x: row.moment as f64,
        y: row.layer as f64,
        value: row.share.map(|of| of.value),
        marked: false,
    });
    let map = Heatmap {
        x: Axis::counting("moment", 0, moments - 1),
        y: Axis::counting("layer", first, last),
        scale: Axis::from_zero(LABEL, highest, Unit::Percent),
        colors: VIRIDIS,
        cells: cells.collect(),
        labels: Vec::new(),
        frames: Vec::new(),
    };
    let pen = |moment: i64| Pen::solid(VIRIDIS.at(0.9 * moment as f64 / (moments - 1).max(1) as f64), 2.0);
    let line = |moment: i64| {
        let own = rows.iter().filter(|row| row.moment == moment);
        let sample = |row: &&Moment| Sample { x: row.layer as f64, estimate: row.share, mark: Mark::Full };
        Series { pen: pen(moment), samples: own.map(sample).collect() }
    };
    let uniform = rows.first().and_then(|row| row.uniform);
    let lines = Lines {
        x: Axis::counting("layer", first, last),
        y: Axis::from_zero(LABEL, highest, Unit::Percent),
        series: (0..moments).map(line).collect(),
        references: uniform.map(|uniform| (uniform, CHANCE)).into_iter().collect(),
        ..Lines::default()
    };
    let mut keys: Vec<Key> = [0, moments - 1]
        .map(|moment| Key::new(format!("moment {moment}"), Look::Marked(pen(moment))))
        .into_iter()
        .collect();
    keys.push(Key::new("the same everywhere", Look::Line(CHANCE)));
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "Attention of the prompt’s last token to the image tokens, mean over heads and videos, by the moment that they show: \
             the frames that become image tokens together, the first on the left. Bands: 95 % bootstrap interval over videos. \
             Dashed: what attention that is the same everywhere would give. n = {} videos.",
            wording::count_range(rows.iter().map(|row| row.n))
        ),
        keys: Vec::new(),
        rows: vec![Row {
            columns: 2,
            height: HEIGHT,
            panels: vec![Panel::new("By layer and moment", "", map), Panel::new("Over depth", "", lines).keys(keys)],
            ..Row::default()
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::Surround;
    use super::super::super::tests::{files_are_sound, texts_stand_apart};
    use super::super::synthetic;
    use super::*;

    #[test]
    fn it_is_drawn_at_any_depth() {
        for (layers, moments) in [(1, 2), (5, 4), (36, 8)] {
            let figure = figure(&synthetic::moments(layers, moments)).unwrap();
            texts_stand_apart(&figure.canvas(Surround::Captioned), NAME);
            files_are_sound(&figure, tempfile::tempdir().unwrap().path());
        }
        assert!(figure(&[]).err().unwrap().reason.contains("to a video"));
    }
}
