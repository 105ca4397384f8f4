//! The probability of each answer by depth, while states of another run are put in: the paper's own figure.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{Lines, Mark, Series};
use super::super::theme::{BLUE, ORANGE, VERMILLION};
use super::depth::Depth;
use super::pick::Pick;
use super::rows::Counted;
use super::style::{LEVEL, dots, group_pen};
use super::wording;

const TITLE: &str = "which answer it gets";
const HEIGHT: f64 = 165.0;

/// Three answers, each with its measure and colour.
const ANSWERS: [(&str, Pen); 3] =
    [("p_right", Pen::solid(BLUE, 2.0)), ("p_cf", Pen::solid(VERMILLION, 2.0)), ("p_third", Pen::solid(ORANGE, 2.0))];
/// The dotted line: the counterfactual answer under another pair's states.
const OTHER: &str = "other_item";

/// One figure a patching design with at least two places; a panel for each group and direction, or, where the other side has
/// the same answer, one for each direction.
pub fn figure(design: &Pick, counts: &[Counted]) -> Option<Result<Figure, Undrawn>> {
    let name = design.designs().first().copied()?;
    let sites = design.distinct(|row| &row.site);
    let depth = Depth::of(&sites);
    if depth.count() < 2 {
        return None;
    }
    let arm = design.first()?.arm.as_str();
    let window = design.windows().first().copied().unwrap_or(1);
    let rows = design.only(|row| row.window == window && depth.at(&row.site).is_some());
    let directions = rows.distinct(|row| &row.direction);
    let groups = rows.distinct(|row| &row.group);
    let turns = !rows.measure("p_cf").is_empty();
    let mut panels = Vec::new();
    if turns {
        for group in &groups {
            for direction in &directions {
                let own = rows.group(group).only(|row| row.direction == *direction);
                panels.push(Panel::new(
                    wording::capital(&wording::group(group)),
                    if directions.len() > 1 { wording::direction(direction) } else { "" },
                    plot(&depth, answers(&depth, &own)),
                ));
            }
        }
    } else {
        for direction in &directions {
            let own = rows.only(|row| row.direction == *direction);
            let title = if directions.len() > 1 { wording::direction(direction) } else { "The right answer" };
            panels.push(Panel::new(title, "", plot(&depth, by_group(&depth, &own, &groups))));
        }
    }
    let third = !rows.measure("p_third").is_empty();
    let keys = if turns { answer_keys(arm, third, !rows.control(OTHER).is_empty()) } else { group_keys(&groups) };
    let columns = if turns && directions.len() == 1 { 3.min(panels.len()) } else { directions.len().max(1) };
    let what = if turns { "Probability of each answer" } else { "Probability of the right answer" };
    let dotted = if turns && !rows.control(OTHER).is_empty() {
        " Dotted: the counterfactual answer when another pair’s states are put in."
    } else {
        ""
    };
    Some(Ok(Figure {
        name: format!("patch-{name}-answers"),
        title: format!("Patch “{name}”: {TITLE}, by depth"),
        caption: format!(
            "{what}, sum over its single-token forms in the whole vocabulary, after states at one place were put in from the \
             other run; band: 95 % image-bootstrap interval.{dotted} {}.{}",
            rows.real().measure("p_right").n(),
            wording::golden(counts, name)
        ),
        keys,
        rows: Row::grid(columns, HEIGHT, panels),
    }))
}

fn answers(depth: &Depth, own: &Pick) -> Vec<Series> {
    let mut lines = Vec::new();
    let other = own.control(OTHER).measure("p_cf");
    lines.push(Series { pen: dots(VERMILLION), samples: depth.samples(other.rows(), |row| row.value, Mark::Bare) });
    for (measure, pen) in ANSWERS {
        let rows = own.real().measure(measure);
        lines.push(Series { pen, samples: depth.samples(rows.rows(), |row| row.value, Mark::Full) });
    }
    lines
}

fn by_group(depth: &Depth, own: &Pick, groups: &[&str]) -> Vec<Series> {
    let line = |(place, group): (usize, &&str)| {
        let rows = own.group(group).real().measure("p_right");
        Series { pen: group_pen(group, place), samples: depth.samples(rows.rows(), |row| row.value, Mark::Full) }
    };
    let mut lines: Vec<Series> = groups.iter().enumerate().map(line).collect();
    let before = groups.first().map(|group| own.group(group).real().measure("p_right_before"));
    let before = before.map(|rows| depth.samples(rows.rows(), |row| row.value.map(super::style::bare), Mark::Bare));
    lines.extend(before.map(|samples| Series { pen: LEVEL, samples }));
    lines
}

fn answer_keys(arm: &str, third: bool, other: bool) -> Vec<Key> {
    let names = match arm {
        "last" => [
            "clean answer: nothing carried over",
            "counterfactual answer: what stands there",
            "third answer: the place",
        ],
        _ => ["clean answer", "counterfactual answer", "third answer"],
    };
    let mut keys: Vec<Key> =
        ANSWERS.iter().zip(names).map(|((_, pen), name)| Key::new(name, Look::Marked(*pen))).collect();
    if !third {
        keys.truncate(2);
    }
    if other {
        keys.push(Key::new("counterfactual answer, another pair’s states", Look::Line(dots(VERMILLION))));
    }
    keys
}

fn group_keys(groups: &[&str]) -> Vec<Key> {
    let key = |(place, group): (usize, &&str)| Key::new(wording::group(group), Look::Marked(group_pen(group, place)));
    let before = Key::new("before", Look::Line(LEVEL));
    groups.iter().enumerate().map(key).chain([before]).collect()
}

fn plot(depth: &Depth, series: Vec<Series>) -> Lines {
    Lines { x: depth.axis(), y: Axis::linear("probability", 0.0, 1.0, Unit::Plain), series, ..Lines::default() }
}
