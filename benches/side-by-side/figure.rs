//! The ratios as a picture: a panel a measure, a column a task and shape, a line at 1.

use vlmscope::figure::axis::{Axis, Plot, Stretch, Unit};
use vlmscope::figure::canvas::{Area, Canvas, Pen};
use vlmscope::figure::page::{Draw, Figure, Key, Look, Panel, Row};
use vlmscope::figure::panels::line::{Lines, Mark, Sample, Series};
use vlmscope::figure::table::Estimate;
use vlmscope::figure::theme::{AXIS, BLUE, Color, GREEN, INK, ORANGE, PURPLE, SKY, VERMILLION};

use crate::arms::ArmName;
use crate::results::{Cell, Results};
use crate::scaling::{AXES, Point};
use crate::table::{self, groups};

/// What is compared: its name, and the number.
type Measure = (&'static str, fn(&Cell) -> Option<f64>);

const MEASURES: [Measure; 4] = [
    ("Processor time an item", table::cpu),
    ("Time an item", table::wall),
    ("Peak memory", table::peak),
    ("Start to first result", table::cold),
];

const HEIGHT: f64 = 210.0;
const DISC: f64 = 4.5;
/// How far the arms of a column lie apart, of its width.
const STEP: f64 = 0.16;

/// One for each number of threads that something was compared at.
pub fn figures(results: &Results) -> Vec<Figure> {
    let mut threads: Vec<usize> = results.cells.iter().map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let ratios = threads.into_iter().filter_map(|threads| figure(results, threads));
    ratios.chain((!results.scaling.is_empty()).then(|| growth(results))).collect()
}

/// How vlmscope's time and memory grow, a column an axis, a line a number of threads.
fn growth(results: &Results) -> Figure {
    let mut threads: Vec<usize> = results.scaling.iter().map(|point| point.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let pen = |at: usize| Pen::solid([BLUE, ORANGE, GREEN][at % 3], 2.0);
    let panel = |measure: &str, axis: &(&str, &str, [usize; 5]), number: &dyn Fn(&Point) -> Option<f64>| {
        let of = |threads: usize| {
            let own = results.scaling.iter().filter(move |point| point.axis == axis.0 && point.threads == threads);
            own.map(|point| (point.amount as f64, number(point))).collect::<Vec<_>>()
        };
        let series = threads.iter().enumerate().map(|(at, &threads)| {
            let estimate = |value: f64| Estimate { value, interval: None };
            let sample = |(x, value): (f64, Option<f64>)| Sample { x, estimate: value.map(estimate), mark: Mark::Full };
            Series { pen: pen(at), samples: of(threads).into_iter().map(sample).collect() }
        });
        let series: Vec<Series> = series.collect();
        let highest = series.iter().flat_map(|series| &series.samples).filter_map(|sample| sample.estimate);
        let y = Axis::from_zero(measure, highest.map(|of| of.value).fold(0.0, f64::max), Unit::Plain);
        let x = Axis::from_zero(axis.1, axis.2.iter().copied().max().unwrap_or(1) as f64, Unit::Plain);
        Panel::new(axis.0, "", Lines { x, y, series, ..Lines::default() })
    };
    let of = |measure: &str, number: &dyn Fn(&Point) -> Option<f64>| {
        AXES.iter().map(|axis| panel(measure, axis, number)).collect::<Vec<_>>()
    };
    let mut panels = of("seconds", &|point| point.wall());
    panels.extend(of("peak, MB", &|point| Some(point.peak as f64 / 1e6)));
    let machine = &results.machine;
    let told = if results.was_busy() { ", busy with something else" } else { "" };
    let key = |(at, threads): (usize, &usize)| {
        Key::new(format!("{threads} {}", if *threads == 1 { "thread" } else { "threads" }), Look::Marked(pen(at)))
    };
    Figure {
        name: "scaling".into(),
        title: "vlmscope's time and memory as the work grows".into(),
        caption: format!(
            "The medium shape (8 layers, 640 tokens, 576 of them the image's), one item, the last query's attention of every layer; \
             in each column one of these grows. Medians. {}, {} cores{told}, {} UTC.",
            machine.processor, machine.cores, machine.date
        ),
        keys: threads.iter().enumerate().map(key).collect(),
        rows: Row::grid(4, 150.0, panels),
    }
}

fn figure(results: &Results, threads: usize) -> Option<Figure> {
    let groups: Vec<Vec<&Cell>> = groups(results).into_iter().filter(|group| group[0].threads == threads).collect();
    let arms: Vec<ArmName> = crate::arms::ARMS
        .into_iter()
        .filter(|arm| *arm != ArmName::Vlmscope)
        .filter(|arm| groups.iter().flatten().any(|cell| cell.arm == *arm && !cell.samples.is_empty()))
        .collect();
    if arms.is_empty() {
        return None;
    }
    let panel = |&(title, number): &Measure| Panel::new(title, "", Ratios::new(&groups, number));
    let machine = &results.machine;
    let told = if results.was_busy() { ", busy with something else" } else { "" };
    Some(Figure {
        name: format!("ratios-{threads}"),
        title: format!("vlmscope beside other tools, {threads} {}", if threads == 1 { "thread" } else { "threads" }),
        caption: format!(
            "Each mark is another tool's median over vlmscope's on the same weights and inputs, whose outputs were equal: above \
             the line vlmscope takes less, below it more. T0 forward pass, T2 study capture to disk, T3 slot sweep, T5 alpha \
             sweep, T6 linear probes. “restarted”: the work that vlmscope saves, saved by hand in PyTorch. {}, {} cores{told}, {} UTC.",
            machine.processor, machine.cores, machine.date
        ),
        keys: arms.iter().map(|arm| Key::new(arm.name(), Look::Dot(color(*arm)))).collect(),
        rows: Row::grid(2, HEIGHT, MEASURES.iter().map(panel).collect()),
    })
}

fn color(arm: ArmName) -> Color {
    match arm {
        ArmName::Vlmscope => INK,
        ArmName::Hf => ORANGE,
        ArmName::Hooks => BLUE,
        ArmName::Restarted => GREEN,
        ArmName::TransformerLens => VERMILLION,
        ArmName::Nnsight => PURPLE,
        ArmName::Sklearn => SKY,
    }
}

/// Marks in columns over an axis of powers of ten.
struct Ratios {
    x: Axis,
    y: Axis,
    /// Place along x, arm, ratio.
    marks: Vec<(f64, ArmName, f64)>,
}

impl Ratios {
    fn new(groups: &[Vec<&Cell>], number: fn(&Cell) -> Option<f64>) -> Self {
        let mut marks = Vec::new();
        for (column, group) in groups.iter().enumerate() {
            let Some(ours) = group.iter().find(|cell| cell.arm == ArmName::Vlmscope).and_then(|cell| number(cell))
            else {
                continue;
            };
            let others: Vec<_> =
                group.iter().filter(|cell| cell.arm != ArmName::Vlmscope && cell.absent.is_none()).collect();
            // Side by side, about the middle of their column.
            let place = |at: usize| column as f64 + STEP * (at as f64 - (others.len() - 1) as f64 / 2.0);
            let ratios = others.iter().enumerate();
            marks.extend(ratios.filter_map(|(at, cell)| Some((place(at), cell.arm, number(cell)? / ours))));
        }
        let ratios = || marks.iter().map(|(.., ratio)| *ratio);
        let (low, high) = (ratios().fold(0.5, f64::min), ratios().fold(2.0, f64::max));
        let mut y = Axis::decades("others / vlmscope", low, high);
        // Over more than two powers of ten, these alone.
        if high / low > 100.0 {
            y.ticks.retain(|tick| (tick.at - tick.at.round()).abs() < 1e-6);
        }
        let mut x = Axis::names("", groups.iter().map(|group| group[0].task.name()));
        (x.low, x.high) = (-0.6, groups.len() as f64 - 0.4);
        let mut from = 0;
        for shape in groups.chunk_by(|a, b| a[0].shape == b[0].shape) {
            let (low, high) = (from as f64 - 0.5, (from + shape.len()) as f64 - 0.5);
            x.stretches.push(Stretch { name: shape[0][0].shape.clone(), low, high });
            from += shape.len();
        }
        Self { x, y, marks }
    }
}

impl Draw for Ratios {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let plot = Plot::within(area, &self.x, &self.y);
        plot.draw_guides(canvas);
        let even = plot.up(0.0);
        canvas.line(&[(plot.area.left, even), (plot.area.right, even)], Pen::dashed(AXIS, 1.5, 5.0, 3.0));
        for &(x, arm, ratio) in &self.marks {
            canvas.disc(plot.at(x, ratio.log10()), DISC, color(arm));
        }
        plot.draw_axes(canvas);
    }
}
