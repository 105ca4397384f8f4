//! How much of a room so many frames see: chosen with an eye to space, and evenly spaced in time.

use super::axis::{Axis, Unit};
use super::canvas::Pen;
use super::page::{Figure, Key, Look, Panel, Row};
use super::panels::line::{Lines, Mark, Sample, Series};
use super::table::Estimate;
use super::theme::{BLUE, ORANGE};
use crate::analysis::coverage::{self, Method};

const WIDTH: f64 = 2.2;

/// One panel: the share covered by the number of frames. `chosen` is the number that was asked for.
pub fn figure(rows: &[coverage::Row], video: &str, frames: usize, chosen: usize) -> Figure {
    let total = rows.first().map_or(0, |row| row.total);
    let most = rows.iter().map(|row| row.frames).max().unwrap_or(1);
    let x = Axis::counting("frames shown to the model", 1, most as i64);
    let y = Axis { high: 1.03, ..Axis::linear("% of the cubes that any frame covers", 0.0, 1.0, Unit::Percent) };
    let at = |method: Method, frames: usize| {
        let own = rows.iter().filter(|row| row.method == method && row.frames <= frames);
        own.max_by_key(|row| row.frames).map_or(0.0, |row| 100.0 * row.covered as f64 / row.total.max(1) as f64)
    };
    let series = [Method::Uniform, Method::SpaceAware].map(|method| {
        let own = rows.iter().filter(|row| row.method == method);
        let samples = own.map(|row| Sample {
            x: row.frames as f64,
            estimate: Some(Estimate { value: row.covered as f64 / row.total.max(1) as f64, interval: None }),
            mark: if row.frames == chosen { Mark::Full } else { Mark::Bare },
        });
        Series { pen: pen(method), samples: samples.collect() }
    });
    Figure {
        name: "coverage".into(),
        title: "How much of the room the frames see".into(),
        caption: format!(
            "{video}: {frames} frames, which cover {total} cubes. Space-aware sampling takes the frame that covers most new \
             cubes, and ends where none does; uniform sampling takes as many frames evenly spaced in time. With {chosen} frames \
             (marks): {:.1} % and {:.1} %. Cubes are counted, not estimated: there is no interval.",
            at(Method::SpaceAware, chosen),
            at(Method::Uniform, chosen),
        ),
        keys: vec![
            Key::new("space-aware", Look::Line(pen(Method::SpaceAware))),
            Key::new("uniform", Look::Line(pen(Method::Uniform))),
        ],
        rows: vec![Row {
            columns: 1,
            height: 300.0,
            panels: vec![Panel::new("", "", Lines { x, y, series: series.into(), ..Lines::default() })],
            ..Row::default()
        }],
    }
}

fn pen(method: Method) -> Pen {
    Pen::solid(if method == Method::SpaceAware { BLUE } else { ORANGE }, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caption_tells_both_shares_at_the_chosen_number() {
        let row = |frames, method, covered| coverage::Row { frames, method, covered, total: 200 };
        let rows = [
            row(1, Method::SpaceAware, 100),
            row(2, Method::SpaceAware, 160),
            row(1, Method::Uniform, 80),
            row(2, Method::Uniform, 120),
            row(3, Method::Uniform, 150),
        ];
        let figure = figure(&rows, "room", 9, 3);
        assert!(figure.caption.contains("With 3 frames (marks): 80.0 % and 75.0 %"), "{}", figure.caption);
        figure.save(&tempfile::tempdir().unwrap().path().join("coverage.svg")).unwrap();
    }
}
