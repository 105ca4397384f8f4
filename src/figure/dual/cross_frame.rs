//! How the frames of a video attend to each other in the spatial encoder's blocks across frames.

use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::heatmap::{Cell, Heatmap};
use super::super::panels::line::{CHANCE, Lines, Mark, Sample, Series};
use super::super::rows::MEAN_HEAD;
use super::super::theme::{BLUE, GREY, VIRIDIS};
use super::super::{Undrawn, wording};
use super::rows::{Between, commonest};

const NAME: &str = "cross-frame";
const TITLE: &str = "How the spatial encoder’s frames attend to each other";
/// Maps that are drawn at most.
const MAPS: usize = 6;
const HEIGHT: f64 = 190.0;

/// A map a block (evenly spaced where there are many), and what leaves the own frame by depth.
pub fn figure(rows: &[Between]) -> Result<Figure, Undrawn> {
    let lengths = rows.iter().map(|row| (row.frames, row.n));
    let Some(frames) = commonest(lengths) else {
        return Err(Undrawn::new(NAME, TITLE, "no attention from frames to frames was recorded"));
    };
    let rows: Vec<&Between> = rows.iter().filter(|row| row.frames == frames).collect();
    if frames < 2 {
        return Err(Undrawn::new(NAME, TITLE, "the videos have a single frame, which has no other to attend to"));
    }
    let mut layers: Vec<i64> = rows.iter().map(|row| row.layer).collect();
    layers.sort_unstable();
    layers.dedup();
    let shown = evenly(&layers);
    let highest = rows.iter().filter(|row| row.head == MEAN_HEAD && row.pair.is_some()).filter_map(|row| row.value);
    let scale =
        Axis::from_zero("% of a frame’s attention", highest.map(|of| of.value).fold(0.0, f64::max), Unit::Percent);
    let maps = shown.iter().map(|layer| map(&rows, *layer, frames, &scale)).collect();
    let mut all = Row::grid(3, HEIGHT, maps);
    all.extend(Row::grid(1, HEIGHT, vec![leaving(&rows, &layers)]));
    let left_out = if shown.len() < layers.len() { ", some blocks, evenly spaced" } else { "" };
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "Attention of a frame’s patches in each block across frames, by the frame that it falls on: mean over patches, heads \
             and videos{left_out}; each row adds up to 100 %. Last panel: what leaves the own frame, by block, with the 95 % \
             bootstrap interval over videos; thin: single heads; dashed: what attention that is the same everywhere would \
             give. n = {} videos of {frames} frames. {}",
            wording::count_range(rows.iter().map(|row| row.n)),
            sentence_of(&rows).unwrap_or_default()
        ),
        keys: Vec::new(),
        rows: all,
    })
}

fn evenly(layers: &[i64]) -> Vec<i64> {
    if layers.len() <= MAPS {
        return layers.to_vec();
    }
    (0..MAPS).map(|at| layers[at * (layers.len() - 1) / (MAPS - 1)]).collect()
}

fn map(rows: &[&Between], layer: i64, frames: i64, scale: &Axis) -> Panel {
    let cells = rows.iter().filter(|row| row.layer == layer && row.head == MEAN_HEAD).filter_map(|row| {
        let (query, key) = row.pair?;
        // The first frame stands at the top.
        Some(Cell { x: key, y: (frames - 1) as f64 - query, value: row.value.map(|of| of.value), marked: false })
    });
    let cells = cells.collect();
    let mut y = Axis::counting("from frame", 0, frames - 1);
    for tick in &mut y.ticks {
        tick.label = (frames - 1 - tick.at as i64).to_string();
    }
    let x = Axis::counting("to frame", 0, frames - 1);
    let body = Heatmap { x, y, scale: scale.clone(), colors: VIRIDIS, cells, labels: Vec::new(), frames: Vec::new() };
    Panel::new(format!("Block {layer}"), "", body)
}

fn leaving(rows: &[&Between], layers: &[i64]) -> Panel {
    let of_head = |head: i64| {
        let samples = rows.iter().filter(|row| row.head == head && row.pair.is_none());
        samples.map(|row| (row.layer as f64, row.value)).collect::<Vec<_>>()
    };
    let mut heads: Vec<i64> = rows.iter().map(|row| row.head).filter(|head| *head != MEAN_HEAD).collect();
    heads.sort_unstable();
    heads.dedup();
    let line = |head: i64| {
        let single = head != MEAN_HEAD;
        let pen = if single { Pen::solid(GREY, 1.0) } else { Pen::solid(BLUE, 2.0) };
        let sample = |(x, estimate): (f64, Option<super::super::table::Estimate>)| Sample {
            x,
            estimate: estimate.map(|of| if single { super::super::effect::style::bare(of) } else { of }),
            mark: if single { Mark::Bare } else { Mark::Full },
        };
        Series { pen, samples: of_head(head).into_iter().map(sample).collect() }
    };
    let uniform = rows.iter().find(|row| row.pair.is_none()).and_then(|row| row.uniform);
    let (first, last) = (layers.first().copied().unwrap_or(0), layers.last().copied().unwrap_or(0));
    let mut keys = vec![Key::new("mean over heads", Look::Marked(Pen::solid(BLUE, 2.0)))];
    if !heads.is_empty() {
        keys.push(Key::new("single heads", Look::Line(Pen::solid(GREY, 1.0))));
    }
    keys.push(Key::new("the same everywhere", Look::Line(CHANCE)));
    let body = Lines {
        x: Axis::counting("block across frames", first, last),
        y: Axis::linear("% that leaves the own frame", 0.0, 1.0, Unit::Percent),
        series: heads.iter().copied().chain([MEAN_HEAD]).map(line).collect(),
        references: uniform.map(|uniform| (uniform, CHANCE)).into_iter().collect(),
        ..Lines::default()
    };
    Panel::new("What leaves the own frame", "", body).keys(keys)
}

/// In which block most leaves the own frame.
pub fn sentence(rows: &[Between]) -> Option<String> {
    let frames = commonest(rows.iter().map(|row| (row.frames, row.n)))?;
    sentence_of(&rows.iter().filter(|row| row.frames == frames).collect::<Vec<_>>())
}

fn sentence_of(rows: &[&Between]) -> Option<String> {
    let all = rows.iter().filter(|row| row.head == MEAN_HEAD && row.pair.is_none());
    let most = all.max_by(|a, b| {
        let value = |row: &Between| row.value.map_or(f64::NEG_INFINITY, |of| of.value);
        value(a).total_cmp(&value(b))
    })?;
    let percent = |value: f64| format!("{:.0} %", 100.0 * value);
    Some(format!(
        "Most attention leaves the own frame in block {}: {}, where attention that is the same everywhere would leave {}.",
        most.layer,
        percent(most.value?.value),
        percent(most.uniform?)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::Surround;
    use super::super::super::tests::{files_are_sound, texts_stand_apart};
    use super::super::synthetic;
    use super::*;

    #[test]
    fn it_is_drawn_at_any_depth() {
        for (layers, frames) in [(1, 2), (3, 8), (24, 16)] {
            let figure = figure(&synthetic::between(layers, frames)).unwrap();
            texts_stand_apart(&figure.canvas(Surround::Captioned), NAME);
            files_are_sound(&figure, tempfile::tempdir().unwrap().path());
            let panels: usize = figure.rows.iter().map(|row| row.panels.len()).sum();
            assert_eq!(panels, 1 + (layers as usize).min(MAPS));
        }
        let caption = figure(&synthetic::between(3, 8)).unwrap().caption;
        assert!(caption.contains("in block 2: 90 %") && caption.contains("would leave 88 %"), "{caption}");
    }

    #[test]
    fn nothing_to_draw_says_why() {
        assert!(figure(&[]).err().unwrap().reason.contains("frames to frames"));
        assert!(figure(&synthetic::between(2, 1)).err().unwrap().reason.contains("single frame"));
    }
}
