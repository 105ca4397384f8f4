//! Directions made stronger: what is put right and what is broken, dose by dose, beside random directions.

use super::super::Undrawn;
use super::super::axis::Axis;
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::panels::line::{Band, BandLook, Lines, Mark, Sample, Series};
use super::super::theme::{BLUE, Color, GREEN, INK, NULL, ORANGE, PURPLE, VERMILLION};
use super::pick::Pick;
use super::rows::{Counted, Measured};
use super::style::{LEVEL, bare, dots, estimates, pen, span, within};
use super::wording;

const HEIGHT: f64 = 200.0;
const MEASURES: [(&str, &str); 3] =
    [("net", "Net change of accuracy"), ("fix", "Wrong answers put right"), ("break", "Right answers broken")];
const CONTROLS: [(&str, Color); 2] = [("shuffled", PURPLE), ("wrong_axis", GREEN)];
const REAL: Pen = Pen::solid(BLUE, 2.25);

/// Where a sweep over doses differs from others of its design.
type Sweep<'a> = (&'a str, &'a str, &'a str, &'a str);

fn sweep(row: &Measured) -> Sweep<'_> {
    (&row.arm, &row.basis, &row.group, &row.site)
}

fn name_of((arm, basis, group, site): Sweep) -> [String; 4] {
    [wording::arm(arm), wording::basis(basis), wording::group(group), site.to_owned()]
}

/// The figures of an enhancement: a sweep with its nulls by itself, several over each other, and one by relation.
pub fn figures(design: &Pick, counts: &[Counted]) -> Vec<Result<Figure, Undrawn>> {
    let all = design.measure("net");
    let mut sweeps: Vec<Sweep> = Vec::new();
    for row in all.real().rows().iter().map(|row| sweep(row)) {
        if !sweeps.contains(&row) {
            sweeps.push(row);
        }
    }
    let Some(first) = sweeps.first().copied() else { return Vec::new() };
    let mut figures = vec![Ok(doses(design, first, counts))];
    if sweeps.len() > 1 {
        figures.push(Ok(compared(design, &sweeps)));
    }
    figures.extend(relations(design, first).map(Ok));
    figures
}

fn of_sweep<'a>(rows: &Pick<'a>, of: Sweep) -> Pick<'a> {
    rows.only(|row| sweep(row) == of)
}

/// Doses stand evenly apart, in their order, the one chosen on other images last.
fn steps(rows: &Pick) -> Vec<Option<f64>> {
    let mut doses: Vec<Option<f64>> = rows.rows().iter().map(|row| row.dose).collect();
    doses.sort_by(|one, other| one.unwrap_or(f64::INFINITY).total_cmp(&other.unwrap_or(f64::INFINITY)));
    doses.dedup();
    doses
}

fn x_axis(steps: &[Option<f64>]) -> Axis {
    let label = if steps.contains(&None) { "dose; *: chosen on other images" } else { "dose" };
    Axis::names(label, steps.iter().map(|dose| dose.map_or("*".into(), |dose| wording::dose(Some(dose)))))
}

fn at(steps: &[Option<f64>], dose: Option<f64>) -> Option<f64> {
    steps.iter().position(|step| *step == dose).map(|place| place as f64)
}

/// The line of a sweep; the chosen dose stands by itself.
fn line(steps: &[Option<f64>], rows: &Pick, pen: Pen, mark: Mark) -> Series {
    let mut samples: Vec<Sample> = rows
        .rows()
        .iter()
        .filter_map(|row| Some(Sample { x: at(steps, row.dose)?, estimate: row.value, mark }))
        .collect();
    if let Some(chosen) = at(steps, None) {
        samples.push(Sample { x: chosen - 0.5, estimate: None, mark });
    }
    samples.sort_by(|one, other| one.x.total_cmp(&other.x));
    if mark == Mark::Bare {
        samples.iter_mut().for_each(|sample| sample.estimate = sample.estimate.map(bare));
    }
    Series { pen, samples }
}

fn doses(design: &Pick, of: Sweep, counts: &[Counted]) -> Figure {
    let name = design.designs().first().copied().unwrap_or_default();
    let own = of_sweep(design, of);
    let net = own.real().measure("net");
    let steps = steps(&net);
    let mut nulls = 0;
    let panels = MEASURES.iter().map(|(measure, title)| {
        let rows = own.real().measure(measure);
        let nulled: Vec<&Measured> = rows.rows().iter().copied().filter(|row| row.null.is_some()).collect();
        nulls = nulls.max(nulled.iter().map(|row| row.null_draws).max().unwrap_or(0));
        // Each dose has draws of its own, and most have none.
        let bands: Vec<Band> = nulled
            .iter()
            .filter_map(|row| Some((at(&steps, row.dose)?, row.null)))
            .map(|range| Band { ranges: vec![range], look: BandLook::Filled(NULL.opacity(0.45)) })
            .collect();
        let mut series: Vec<Series> = CONTROLS
            .iter()
            .map(|(control, color)| line(&steps, &own.control(control).measure(measure), dots(*color), Mark::Bare))
            .collect();
        series.push(line(&steps, &rows, REAL, Mark::Full));
        let always = if *measure == "net" { [-0.02, 0.02] } else { [0.0, 0.1] };
        let y =
            span("share of items", estimates(&series), nulled.iter().filter_map(|row| row.null), always, [-1.0, 1.0]);
        let series = series.into_iter().map(|line| within(line, &y)).collect();
        let note = match *measure {
            "net" => "of all items",
            "fix" => "of those that were wrong",
            _ => "of those that were right",
        };
        Panel::new(
            *title,
            note,
            Lines { x: x_axis(&steps), y, bands, series, references: vec![(0.0, LEVEL)], ..Lines::default() },
        )
    });
    let panels: Vec<Panel> = panels.collect();
    // The net change over the whole width: a sweep may have a dozen doses.
    let mut panels = panels.into_iter();
    let mut rows = Row::grid(1, HEIGHT, panels.by_ref().take(1).collect());
    rows.extend(Row::grid(2, HEIGHT, panels.collect()));
    if nulls > 0 {
        rows.extend(Row::grid(1, 150.0, vec![observed(&net)]));
    }
    let mut keys = vec![Key::new("the directions", Look::Marked(REAL))];
    if nulls > 0 {
        keys.push(Key::new("random directions, middle 90 %", Look::Patch(NULL.opacity(0.45))));
    }
    for (control, color) in CONTROLS.iter().filter(|(control, _)| !own.control(control).is_empty()) {
        keys.push(Key::new(wording::control(control), Look::Line(dots(*color))));
    }
    let random = if nulls > 0 {
        format!(" Grey: {nulls} random directions that move each item’s states as far.")
    } else {
        String::new()
    };
    Figure {
        name: format!("enhance-{name}-doses"),
        title: format!("Enhancement “{name}”: what a dose puts right and breaks"),
        caption: format!(
            "{}, over all items; *: in each fold the dose that did best in the others. Intervals: 95 % image-bootstrap, \
             each dose by itself.{random} {}.{} {}",
            wording::capital(&name_of(of).join(", ")),
            net.n(),
            wording::golden(counts, name),
            told(design, of)
        ),
        keys,
        rows,
    }
}

/// The null's range of net accuracy with what was observed, at each dose that has draws.
fn observed(net: &Pick) -> Panel {
    let drawn = net.only(|row| row.null.is_some());
    let steps = steps(&drawn);
    let bands = drawn.rows().iter().filter_map(|row| Some((at(&steps, row.dose)?, row.null)));
    let bands = bands.map(|range| Band { ranges: vec![range], look: BandLook::Filled(NULL.opacity(0.45)) }).collect();
    let points = drawn.rows().iter().filter_map(|row| {
        let sample = Sample { x: at(&steps, row.dose)?, estimate: row.value, mark: Mark::Full };
        Some(Series { pen: REAL, samples: vec![sample] })
    });
    let series: Vec<Series> = points.collect();
    let y = span("net", estimates(&series), drawn.rows().iter().filter_map(|row| row.null), [-0.02, 0.02], [-1.0, 1.0]);
    let ps: Vec<String> = drawn
        .rows()
        .iter()
        .filter_map(|row| Some(format!("{}: {}", wording::dose(row.dose), wording::p(row.p_null?))))
        .collect();
    let body = Lines { x: x_axis(&steps), y, bands, series, references: vec![(0.0, LEVEL)], ..Lines::default() };
    Panel::new("Net change against random directions", ps.join("; "), body)
}

/// Several sweeps: lines over what differs first, a panel for each of the rest.
fn compared(design: &Pick, sweeps: &[Sweep]) -> Figure {
    let name = design.designs().first().copied().unwrap_or_default();
    let parts: Vec<[String; 4]> = sweeps.iter().map(|of| name_of(*of)).collect();
    let differs = |part: usize| parts.iter().any(|names| names[part] != parts[0][part]);
    // What stands in the legend: operator, then scope, basis, site.
    let lines_by = [0, 2, 1, 3].into_iter().find(|part| differs(*part)).unwrap_or(0);
    let panel_of = |names: &[String; 4]| {
        let rest = (0..4).filter(|part| *part != lines_by && differs(*part));
        let title = rest.map(|part| names[part].clone()).collect::<Vec<_>>().join(", ");
        // A site is named as everywhere else.
        if title.starts_with(&names[3]) { title } else { wording::capital(&title) }
    };
    let mut lines: Vec<&String> = Vec::new();
    let mut titles: Vec<String> = Vec::new();
    for names in &parts {
        if !lines.contains(&&names[lines_by]) {
            lines.push(&names[lines_by]);
        }
        let title = panel_of(names);
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    let all = design.real().measure("net");
    let steps = steps(&all);
    let y = span("net", all.rows().iter().filter_map(|row| row.value), [], [-0.02, 0.02], [-1.0, 1.0]);
    let panels = titles.iter().map(|title| {
        let own = sweeps.iter().zip(&parts).filter(|(_, names)| panel_of(names) == *title);
        let series = own.map(|(of, names)| {
            let place = lines.iter().position(|line| **line == names[lines_by]).unwrap_or(0);
            within(line(&steps, &of_sweep(&all, *of), pen(place), Mark::Full), &y)
        });
        let (series, title, note) = match title.as_str() {
            "" => (series.collect(), "Net change of accuracy", ""),
            title => (series.collect(), title, "net change of accuracy"),
        };
        let body =
            Lines { x: x_axis(&steps), y: y.clone(), series, references: vec![(0.0, LEVEL)], ..Lines::default() };
        Panel::new(title, note, body)
    });
    let panels: Vec<Panel> = panels.collect();
    Figure {
        name: format!("enhance-{name}-compared"),
        title: format!("Enhancement “{name}”: net change of accuracy"),
        caption: format!(
            "Accuracy after less accuracy before, over all items; *: in each fold the dose that did best in the others. \
             Band: 95 % image-bootstrap interval, each dose by itself. {}. {}",
            all.n(),
            best(&all)
        ),
        keys: lines.iter().enumerate().map(|(place, line)| Key::new(line.as_str(), Look::Marked(pen(place)))).collect(),
        rows: Row::grid(if panels.len() == 4 { 2 } else { panels.len().clamp(1, 3) }, HEIGHT, panels),
    }
}

/// Of the doses that were chosen on other images, how many raise accuracy.
fn best(all: &Pick) -> String {
    let chosen = all.only(|row| row.dose.is_none());
    let raised = chosen.only(|row| row.value.and_then(|of| of.interval).is_some_and(|(low, _)| low > 0.0));
    if chosen.is_empty() {
        return String::new();
    }
    format!(
        "{} of {} sweeps raise accuracy at the chosen dose with the whole interval.",
        raised.rows().len(),
        chosen.rows().len()
    )
}

/// Net, fixed and broken by relation, at the dose that was chosen on other images; None without strata or such a dose.
fn relations(design: &Pick, of: Sweep) -> Option<Figure> {
    let name = design.designs().first().copied()?;
    let own = of_sweep(&design.real(), of).only(|row| row.dose.is_none() && row.stratum.starts_with("relation="));
    let strata = own.distinct(|row| &row.stratum);
    if strata.len() < 2 {
        return None;
    }
    let shown = [("fixed", BLUE, "put right"), ("broken", VERMILLION, "broken"), ("net", ORANGE, "net")];
    let mut bars = Vec::new();
    for (lane, (measure, color, _)) in shown.iter().enumerate() {
        for row in own.only(|row| row.measure == *measure).rows() {
            let group = strata.iter().position(|stratum| *stratum == row.stratum);
            bars.extend(group.zip(row.value).map(|(group, estimate)| Bar {
                group,
                lane,
                color: *color,
                estimate,
                null: row.null,
            }));
        }
    }
    let y = span(
        "share of items",
        bars.iter().map(|bar| bar.estimate),
        bars.iter().filter_map(|bar| bar.null),
        [-0.02, 0.05],
        [-1.0, 1.0],
    );
    let nulled = bars.iter().any(|bar| bar.null.is_some());
    let names = strata.iter().map(|stratum| stratum.trim_start_matches("relation=").replace('_', " "));
    let n: Vec<String> = strata
        .iter()
        .filter_map(|stratum| own.only(|row| row.stratum == *stratum && row.measure == "net").first())
        .map(|row| format!("{} {}", row.stratum.trim_start_matches("relation="), row.n))
        .collect();
    let body = Bars { x: Axis::names("", names), y, lanes: shown.len(), bars, references: Vec::new() };
    let mut keys: Vec<Key> = shown.iter().map(|(_, color, words)| Key::new(*words, Look::Patch(*color))).collect();
    if nulled {
        keys.push(Key::new("random directions, middle 90 %", Look::Patch(NULL.opacity(0.45))));
    }
    keys.push(Key::new("95 % interval", Look::Line(Pen::solid(INK, 1.25))));
    Some(Figure {
        name: format!("enhance-{name}-relations"),
        title: format!("Enhancement “{name}”: by relation"),
        caption: format!(
            "At the dose chosen on other images ({}). A direction that pushes every answer to one word would fix the wrong items \
             of that relation and break those of the others. n = {}.",
            name_of(of).join(", "),
            wording::list(&n)
        ),
        keys,
        rows: Row::grid(1, HEIGHT, vec![Panel::new("By relation", "chosen dose", body)]),
    })
}

/// What the chosen dose did, with its null, in a sentence.
fn told(design: &Pick, of: Sweep) -> String {
    let own = of_sweep(&design.real(), of);
    let net = own.measure("net");
    let chosen = net.only(|row| row.dose.is_none());
    let Some(row) = chosen.first().or_else(|| net.only(|row| row.null.is_some()).rows().last().copied()) else {
        return String::new();
    };
    let number = |measure: &str| own.value(row, measure).map_or("undefined".into(), wording::estimate);
    let null = row.p_null.map_or("no random directions to hold it against".into(), |p| {
        format!("{} against random directions", wording::p(p))
    });
    let mcnemar = row.p_mcnemar.map_or(String::new(), |p| format!(", {} by McNemar’s exact test", wording::p(p)));
    let negative: Vec<&Measured> =
        net.rows().iter().copied().filter(|row| row.dose.is_some_and(|dose| dose < 0.0)).collect();
    let hurt =
        negative.iter().filter(|row| row.value.and_then(|of| of.interval).is_some_and(|(_, high)| high < 0.0)).count();
    let hurt =
        if negative.is_empty() { String::new() } else { format!(" Of {} negative doses {hurt} hurt.", negative.len()) };
    format!(
        "At {} the net change is {}, {} fixed and {} broken: {null}{mcnemar}.{hurt}",
        row.dose.map_or("the dose chosen on other images".into(), |dose| format!("dose {}", wording::dose(Some(dose)))),
        number("net"),
        number("fixed"),
        number("broken")
    )
}

/// The same of a design's first sweep, for the section's verdict.
pub fn of_design(design: &Pick) -> Option<String> {
    let net = design.real().measure("net");
    let of = sweep(net.first()?);
    Some(told(design, of)).filter(|said| !said.is_empty())
}
