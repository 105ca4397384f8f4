//! The ratios as a picture: a panel a measure, a column a task and shape, a line at 1.

use vlmscope::figure::axis::{Axis, Plot, Stretch};
use vlmscope::figure::canvas::{Area, Canvas, Pen};
use vlmscope::figure::page::{Draw, Figure, Key, Look, Panel, Row};
use vlmscope::figure::theme::{AXIS, BLUE, Color, GREEN, INK, ORANGE, PURPLE, SKY, VERMILLION};

use crate::arms::ArmName;
use crate::results::{Cell, Results};
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
const SPREAD: f64 = 0.6;

/// One for each number of threads that something was compared at.
pub fn figures(results: &Results) -> Vec<Figure> {
    let mut threads: Vec<usize> = results.cells.iter().map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    threads.into_iter().filter_map(|threads| figure(results, threads)).collect()
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
    let told = if machine.load_before > 0.5 { ", busy with something else" } else { "" };
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
    /// Column, arm, ratio.
    marks: Vec<(usize, ArmName, f64)>,
}

impl Ratios {
    fn new(groups: &[Vec<&Cell>], number: fn(&Cell) -> Option<f64>) -> Self {
        let mut marks = Vec::new();
        for (column, group) in groups.iter().enumerate() {
            let Some(ours) = group.iter().find(|cell| cell.arm == ArmName::Vlmscope).and_then(|cell| number(cell)) else {
                continue;
            };
            let others = group.iter().filter(|cell| cell.arm != ArmName::Vlmscope && cell.absent.is_none());
            marks.extend(others.filter_map(|cell| Some((column, cell.arm, number(cell)? / ours))));
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
        for &(column, arm, ratio) in &self.marks {
            let arms = crate::arms::ARMS.len() as f64;
            let aside = SPREAD * ((arm as usize as f64) / (arms - 1.0) - 0.5);
            canvas.disc(plot.at(column as f64 + aside, ratio.log10()), DISC, color(arm));
        }
        plot.draw_axes(canvas);
    }
}
