//! What a state would answer, were it read out there: by slot, for right and wrong answers, beside a blank image.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{Lines, Mark, Sample, Series};
use super::super::panels::patches::{Cell, Patches};
use super::super::probe::family::distinct;
use super::super::table::Estimate;
use super::super::theme::{NULL, RIGHT, VIRIDIS, WRONG};
use super::super::wording::count_range;
use super::conclusion::against;
use super::rows::{LensCell, LensRow};
use super::style::{LEVEL, bare, estimates, span, within};
use super::wording;
use crate::processor::Grid;

const HEIGHT: f64 = 200.0;
const PRIOR: Pen = Pen::dashed(NULL, 2.0, 5.0, 3.0);
const RIGHT_LINE: Pen = Pen::solid(RIGHT, 2.0);
const WRONG_LINE: Pen = Pen::solid(WRONG, 2.0);
/// Whichever class is right for the item.
const CORRECT: &str = "correct answer";

/// A column a position: how far the right answer leads, and where it ranks.
pub fn profile(rows: &[LensRow]) -> Result<Figure, Undrawn> {
    const NAME: &str = "lens-slots";
    const TITLE: &str = "Logit lens: when a state says the right answer";
    let original: Vec<&LensRow> = rows.iter().filter(|row| row.variant == "original" && row.slot >= 0).collect();
    let positions = distinct(original.iter().map(|row| row.position.as_str()));
    if positions.is_empty() {
        return Err(Undrawn::new(NAME, TITLE, "no state was read out"));
    }
    let last = rows.iter().map(|row| row.slot).max().unwrap_or(0);
    let line = |position: &str, variant: &str, stratum: &str, measure: &str, pen: Pen| {
        let same = |row: &&LensRow| {
            row.position == position
                && row.variant == variant
                && row.stratum == stratum
                && row.measure == measure
                && row.slot >= 0
        };
        let mark = if variant == "original" { Mark::Full } else { Mark::Bare };
        let estimate = |of: Estimate| if mark == Mark::Full { of } else { bare(of) };
        let sample = |row: &LensRow| Sample { x: row.slot as f64, estimate: row.value.map(estimate), mark };
        let mut samples: Vec<Sample> = rows.iter().filter(same).map(sample).collect();
        samples.sort_by(|one, other| one.x.total_cmp(&other.x));
        Series { pen, samples }
    };
    let grid = |measure: &str, (label, note): (&str, &str), always: [f64; 2], reference: Option<f64>| {
        let of = |position: &&str| {
            vec![
                line(position, "blank", "all", measure, PRIOR),
                line(position, "original", "answer=wrong", measure, WRONG_LINE),
                line(position, "original", "answer=right", measure, RIGHT_LINE),
            ]
        };
        let panels = positions.iter().map(|position| {
            let series = of(position);
            let y = span(label, estimates(&series), [], always, [-60.0, 60.0]);
            let series = series.into_iter().map(|line| within(line, &y)).collect();
            let references = reference.map(|level| (level, LEVEL)).into_iter().collect();
            let body = Lines { x: Axis::counting("LM slot", 0, last), y, series, references, ..Lines::default() };
            Panel::new(wording::capital(&wording::group(position)), note, body)
        });
        panels.collect::<Vec<_>>()
    };
    let columns = positions.len().min(4);
    let mut figure_rows =
        Row::grid(columns, HEIGHT, grid("ld", ("nats", "lead of the right answer"), [-0.5, 0.5], Some(0.0)));
    figure_rows.extend(Row::grid(
        columns,
        0.8 * HEIGHT,
        grid("rank_right", ("rank", "rank of the right answer"), [1.0, 2.0], None),
    ));
    figure_rows.extend(Row::grid(
        columns,
        0.8 * HEIGHT,
        grid("kl_to_final", ("nats", "KL to the final slot"), [0.0, 0.5], None),
    ));
    let n = |stratum: &str| {
        count_range(original.iter().filter(|row| row.stratum == stratum && row.measure == "ld").map(|row| row.n))
    };
    let mut keys = Vec::new();
    for (stratum, words, pen) in
        [("answer=right", "answered right", RIGHT_LINE), ("answer=wrong", "answered wrong", WRONG_LINE)]
    {
        if original.iter().any(|row| row.stratum == stratum) {
            keys.push(Key::new(words, Look::Marked(pen)));
        }
    }
    let blank = rows.iter().any(|row| row.variant == "blank");
    if blank {
        keys.push(Key::new("blank image", Look::Line(PRIOR)));
    }
    let prior = if blank { " Dashed: the same questions over a blank image." } else { "" };
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "The model’s own final norm and output matrix at every slot: logit of the right answer less that of the best other, \
             its rank among the options, and how far the whole distribution is from the final one. Band: 95 % image-bootstrap \
             interval.{prior} n = {} items answered right, {} wrong. {}",
            n("answer=right"),
            n("answer=wrong"),
            settled(rows).join(" ")
        ),
        keys,
        rows: figure_rows,
    })
}

/// Of each position, a sentence: from which slot on the right answer leads, from which on it leads by more than over a blank
/// image, and where its items settle.
pub fn settled(rows: &[LensRow]) -> Vec<String> {
    let original = |row: &&LensRow| row.variant == "original" && row.stratum == "answer=right";
    let positions = distinct(rows.iter().filter(original).map(|row| row.position.as_str()));
    let told = positions.iter().map(|position| {
        let of = |measure: &'static str| {
            rows.iter().filter(original).filter(move |row| row.position == *position && row.measure == measure)
        };
        // From where on it stays above zero.
        let from = |measure: &'static str| {
            let mut leads: Vec<&LensRow> = of(measure).collect();
            leads.sort_by_key(|row| row.slot);
            let ahead =
                |row: &&&LensRow| row.value.and_then(|of| against(of, 0.0)) == Some(std::cmp::Ordering::Greater);
            leads.iter().rev().take_while(ahead).last().map(|row| row.slot)
        };
        let leads = from("ld").map_or("never leads to the end".into(), |slot| format!("leads from slot {slot} on"));
        let beyond = match (of("ld_less_blank").next().is_some(), from("ld_less_blank")) {
            (false, _) => String::new(),
            (true, Some(slot)) => format!("; it stands better than over a blank image from slot {slot} on"),
            (true, None) => "; it does not end better than over a blank image".into(),
        };
        let commitment = of("commitment").next().and_then(|row| row.value);
        let commitment = commitment.map_or(String::new(), |of| {
            format!("; whether it leads is settled at slot {} on average", wording::estimate(of))
        });
        let place =
            if *position == "image" { "image tokens".into() } else { format!("the {}", wording::group(position)) };
        format!("At {place} the right answer {leads}{beyond}{commitment}.")
    });
    told.collect()
}

/// What image tokens favour, slot by slot; None where none was read.
pub fn map(cells: &[LensCell], slots: usize) -> Option<Result<Figure, Undrawn>> {
    let shown: Vec<&LensCell> = cells
        .iter()
        .filter(|cell| cell.variant == "original" && cell.class == CORRECT && cell.stratum == "all")
        .collect();
    let mut all: Vec<i64> = shown.iter().map(|cell| cell.slot).collect();
    all.sort_unstable();
    all.dedup();
    let last = all.len().checked_sub(1)?;
    let count = slots.min(all.len()).max(1);
    let mut chosen: Vec<i64> = (0..count).map(|k| all[k * last / (count.max(2) - 1)]).collect();
    chosen.dedup();
    let classes = distinct(cells.iter().map(|cell| cell.class.as_str()).filter(|class| *class != CORRECT)).len();
    let chance = 1.0 / classes.max(1) as f64;
    let grid = Grid {
        rows: shown.iter().map(|cell| cell.patch.row + 1).max().unwrap_or(1),
        cols: shown.iter().map(|cell| cell.patch.col + 1).max().unwrap_or(1),
    };
    let values = shown.iter().filter_map(|cell| cell.share).map(|of| of.value);
    let most = values.fold(2.0 * chance, f64::max).min(1.0);
    let panels = chosen.iter().map(|slot| {
        let here: Vec<&&LensCell> = shown.iter().filter(|cell| cell.slot == *slot).collect();
        let cell = |of: &&&LensCell| Cell {
            patch: of.patch,
            value: of.share.map(|share| share.value),
            hatched: false,
            dotted: of.share.and_then(|share| against(share, chance)).is_some(),
        };
        let body = Patches {
            grid,
            cells: here.iter().map(cell).collect(),
            outlines: Vec::new(),
            scale: Axis::from_zero("share of the options", most, Unit::Plain),
            colors: VIRIDIS,
            pointer: Some(chance),
        };
        Panel::new(format!("Slot {slot}"), "", body)
    });
    let panels: Vec<Panel> = panels.collect();
    let off = |slot: i64| {
        let here = shown.iter().filter(|cell| cell.slot == slot);
        let far = here.clone().filter(|cell| cell.share.and_then(|share| against(share, chance)).is_some()).count();
        let all = here.count();
        format!("{far} of {all}; about {:.0} would by luck", 0.05 * all as f64)
    };
    let end = chosen.last().copied().unwrap_or(0);
    Some(Ok(Figure {
        name: "lens-map".into(),
        title: "Logit lens: which image tokens say the right answer".into(),
        caption: format!(
            "Share of the options that the right answer has when an image token’s state is read out, mean over n = {} items; the \
             mark on the colour bar is chance among them. Dots: the 95 % image-bootstrap interval excludes chance, each token by \
             itself: at slot {end}, {}.",
            count_range(shown.iter().map(|cell| cell.n)),
            off(end)
        ),
        keys: vec![Key::new("interval excludes chance", Look::Dot(super::super::theme::INK))],
        rows: Row::grid(4.min(panels.len()), 150.0, panels),
    }))
}
