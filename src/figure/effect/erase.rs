//! Concepts erased: what answers lose, by where it is done and by what is erased, beside random subspaces.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::panels::line::{Band, BandLook, Lines, Mark, Series};
use super::super::theme::{GREEN, NULL};
use super::depth::Depth;
use super::pick::Pick;
use super::rows::Counted;
use super::style::{BAND, LEVEL, bare, dots, pen};
use super::wording;

const HEIGHT: f64 = 220.0;
const SHUFFLED: &str = "shuffled";
const BEFORE: Pen = Pen::solid(GREEN, 1.5);

/// By depth where a design erases at several places, by concept and method where it has several of these.
pub fn figures(design: &Pick, counts: &[Counted]) -> Vec<Result<Figure, Undrawn>> {
    [by_depth(design, counts), by_concept(design, counts)].into_iter().flatten().map(Ok).collect()
}

fn levels(all: &Pick, accuracy: &Pick) -> Vec<(f64, Pen)> {
    let Some(first) = accuracy.first() else { return Vec::new() };
    let before = all.value(first, "accuracy_before").map(|of| (of.value, BEFORE));
    let chance = all.value(first, "above_chance").zip(first.value).map(|(above, of)| (of.value - above.value, LEVEL));
    before.into_iter().chain(chance).collect()
}

fn level_keys() -> [Key; 2] {
    [Key::new("before", Look::Line(BEFORE)), Key::new("chance", Look::Line(LEVEL))]
}

/// A panel for each concept and method: accuracy by site, with its null.
fn by_depth(design: &Pick, counts: &[Counted]) -> Option<Figure> {
    let name = design.designs().first().copied()?;
    let accuracy = design.measure("accuracy");
    let depth = Depth::of(&accuracy.distinct(|row| &row.site));
    if depth.count() < 2 {
        return None;
    }
    let mut cases: Vec<(&str, &str, &str)> = Vec::new();
    for row in accuracy.real().rows() {
        let case = (row.basis.as_str(), row.arm.as_str(), row.group.as_str());
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    let panels = cases.iter().map(|(basis, arm, group)| {
        let own = accuracy.only(|row| row.basis == *basis && row.arm == *arm && row.group == *group);
        let real = own.real();
        let shuffled = depth.samples(own.control(SHUFFLED).rows(), |row| row.value.map(bare), Mark::Bare);
        let color = pen(1).color;
        let body = Lines {
            x: depth.axis(),
            y: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
            bands: vec![Band { ranges: depth.nulls(real.rows()), look: BandLook::Filled(NULL.opacity(BAND)) }],
            series: vec![
                Series { pen: dots(color), samples: shuffled },
                Series { pen: pen(1), samples: depth.samples(real.rows(), |row| row.value, Mark::Full) },
            ],
            references: levels(&design.real(), &real),
            ..Lines::default()
        };
        Panel::new(format!("Concept “{basis}”"), format!("{}, {}", wording::arm(arm), wording::group(group)), body)
    });
    let panels: Vec<Panel> = panels.collect();
    let draws = accuracy.rows().iter().map(|row| row.null_draws).max().unwrap_or(0);
    let mut keys = vec![Key::new("erased there", Look::Marked(pen(1)))];
    keys.extend(null_keys(&accuracy));
    keys.extend(level_keys());
    Some(Figure {
        name: format!("erase-{name}-depth"),
        title: format!("Erasure “{name}”: accuracy by where a concept is erased"),
        caption: format!(
            "Accuracy over all items after a concept was erased at one place, by an eraser fitted on other images. Band: 95 % \
             image-bootstrap interval. {} {}.{} {}",
            null_words(draws),
            accuracy.real().n(),
            wording::golden(counts, name),
            told(&design.real())
        ),
        keys,
        rows: Row::grid(panels.len().clamp(1, 2), HEIGHT, panels),
    })
}

/// Bars of accuracy: a group a concept, a bar a method, at the first site.
fn by_concept(design: &Pick, counts: &[Counted]) -> Option<Figure> {
    let name = design.designs().first().copied()?;
    let all = design.real();
    let accuracy = all.measure("accuracy");
    let sites = accuracy.distinct(|row| &row.site);
    let site = sites.iter().find(|site| **site == "projector.out").or(sites.first()).copied()?;
    let accuracy = accuracy.only(|row| row.site == site);
    let (concepts, arms) = (accuracy.distinct(|row| &row.basis), accuracy.distinct(|row| &row.arm));
    // A figure by depth says the same of a single method.
    if sites.len() > 1 && arms.len() == 1 {
        return None;
    }
    let bars = accuracy.rows().iter().filter_map(|row| {
        let group = concepts.iter().position(|concept| *concept == row.basis)?;
        let lane = arms.iter().position(|arm| *arm == row.arm)?;
        Some(Bar { group, lane, color: pen(lane).color, estimate: row.value?, null: row.null })
    });
    let body = Bars {
        x: Axis::names("", concepts.iter().map(|concept| format!("“{concept}”"))),
        y: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
        lanes: arms.len(),
        bars: bars.collect(),
        references: levels(&all, &accuracy),
    };
    let draws = accuracy.rows().iter().map(|row| row.null_draws).max().unwrap_or(0);
    let mut keys: Vec<Key> = arms
        .iter()
        .enumerate()
        .map(|(place, arm)| Key::new(wording::arm(arm), Look::Patch(pen(place).color)))
        .collect();
    if draws > 0 {
        keys.push(Key::new("random subspaces, middle 90 %", Look::Patch(NULL.opacity(0.45))));
    }
    keys.extend(level_keys());
    Some(Figure {
        name: format!("erase-{name}-concepts"),
        title: format!("Erasure “{name}”: accuracy by concept and method"),
        caption: format!(
            "Accuracy over all items after a concept was erased at {site}, by an eraser fitted on other images; whiskers: 95 % \
             image-bootstrap interval. {} {}.{} {}",
            null_words(draws),
            accuracy.n(),
            wording::golden(counts, name),
            told(&all.only(|row| row.site == site))
        ),
        keys,
        rows: Row::grid(1, HEIGHT, vec![Panel::new("Accuracy", site, body)]),
    })
}

fn null_keys(accuracy: &Pick) -> Vec<Key> {
    let mut keys = Vec::new();
    if accuracy.rows().iter().any(|row| row.null.is_some()) {
        keys.push(Key::new("random subspaces, middle 90 %", Look::Patch(NULL.opacity(BAND))));
    }
    if !accuracy.control(SHUFFLED).is_empty() {
        keys.push(Key::new("shuffled concept", Look::Line(dots(pen(1).color))));
    }
    keys
}

fn null_words(draws: i64) -> String {
    match draws {
        0 => "No random subspaces were erased for comparison.".into(),
        _ => format!(
            "Grey: {draws} random subspaces of equal rank, or of equal rank and variance, whichever the eraser stands out from \
             less."
        ),
    }
}

/// Which concepts the answer needs, by net accuracy against random subspaces.
pub fn told(real: &Pick) -> String {
    let (mut used, mut not) = (Vec::new(), Vec::new());
    for row in real.measure("net").rows() {
        let (Some(value), Some(p)) = (row.value, row.p_null) else { continue };
        let say = format!(
            "“{}” by {} at {} ({}, {})",
            row.basis,
            wording::arm(&row.arm),
            row.site,
            wording::estimate(value),
            wording::p(p)
        );
        let below = value.interval.is_some_and(|(_, high)| high < 0.0);
        // A handful of draws cannot reach one in twenty; then the whole null range has to be missed.
        let out = match row.null_draws {
            ..20 => row.null.is_some_and(|(low, _)| value.value < low),
            _ => p < 0.05,
        };
        if below && out { used.push((value.value, say)) } else { not.push(say) }
    }
    used.sort_by(|one, other| one.0.total_cmp(&other.0));
    let total = used.len() + not.len();
    if total == 0 {
        return "Without random subspaces nothing can be said of what is needed.".into();
    }
    let told: Vec<String> = used.iter().take(3).map(|(_, say)| say.clone()).collect();
    match used.len() {
        0 => format!("None of {total} erasures costs accuracy beyond random subspaces."),
        count => {
            format!("{count} of {total} erasures cost accuracy beyond random subspaces, most {}.", wording::list(&told))
        }
    }
}
