//! What is left of the answers when tokens say nothing: by what replaces them and which they are.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::panels::line::{Lines, Mark, Sample, Series};
use super::super::theme::GREEN;
use super::conclusion::beyond;
use super::pick::Pick;
use super::rows::{Counted, Measured};
use super::style::{LEVEL, pen};
use super::wording;

const HEIGHT: f64 = 230.0;
/// What accuracy was before.
const BEFORE: Pen = Pen::solid(GREEN, 1.5);

/// One figure an ablation of token groups; the factorial has its own.
pub fn figure(design: &Pick, counts: &[Counted]) -> Option<Result<Figure, Undrawn>> {
    let name = design.designs().first().copied()?;
    let all = design.real().only(|row| row.arm != "factorial");
    let accuracy = all.measure("accuracy");
    let first = accuracy.first()?;
    let site = first.site.as_str();
    let accuracy = accuracy.only(|row| row.site == site && row.window == first.window);
    let (arms, groups) = (accuracy.distinct(|row| &row.arm), accuracy.distinct(|row| &row.group));
    let before = all.value(first, "accuracy_before");
    let chance = all.value(first, "above_chance").zip(first.value).map(|(above, of)| of.value - above.value);
    let levels = || {
        let before = before.map(|of| (of.value, BEFORE));
        before.into_iter().chain(chance.map(|chance| (chance, LEVEL))).collect::<Vec<_>>()
    };
    let place = |names: &[&str], name: &str| names.iter().position(|known| *known == name);
    let bars = accuracy.rows().iter().filter_map(|row| {
        let lane = place(&arms, &row.arm)?;
        let (group, estimate) = (place(&groups, &row.group)?, row.value?);
        Some(Bar { group, lane, color: pen(lane).color, estimate, null: row.null })
    });
    let bars = Bars {
        x: Axis::names("", groups.iter().map(|group| wording::group(group))),
        y: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
        lanes: arms.len(),
        bars: bars.collect(),
        references: levels(),
    };
    let mut panels = vec![Panel::new("By what replaces the tokens", site, bars)];
    let tokens = |row: &Measured| all.value(row, "n_tokens").map(|of| of.value).filter(|tokens| *tokens > 0.0);
    if groups.len() > 2 {
        let body = by_tokens(&accuracy, &arms, tokens, levels());
        panels.push(Panel::new("By how many tokens are replaced", site, body));
    }
    let mut keys: Vec<Key> = arms
        .iter()
        .enumerate()
        .map(|(place, arm)| Key::new(wording::arm(arm), Look::Patch(pen(place).color)))
        .collect();
    keys.push(Key::new("before", Look::Line(BEFORE)));
    keys.push(Key::new("chance", Look::Line(LEVEL)));
    Some(Ok(Figure {
        name: format!("ablate-{name}-groups"),
        title: format!("Ablation “{name}”: accuracy without these tokens"),
        caption: format!(
            "Accuracy over all items after tokens of one group were replaced at {site}. Whiskers: 95 % image-bootstrap \
             interval. Replacing by zeros leaves what the model knows, and counts for little. {}.{} {}",
            accuracy.n(),
            wording::golden(counts, name),
            sentence(&accuracy)
        ),
        keys,
        rows: Row::grid(1, HEIGHT, panels),
    }))
}

fn by_tokens(
    accuracy: &Pick,
    arms: &[&str],
    tokens: impl Fn(&Measured) -> Option<f64>,
    references: Vec<(f64, Pen)>,
) -> Lines {
    let mut series = Vec::new();
    for (place, arm) in arms.iter().enumerate() {
        let of_arm = accuracy.only(|row| row.arm == *arm);
        let mut samples: Vec<Sample> = of_arm
            .rows()
            .iter()
            .filter_map(|row| Some(Sample { x: tokens(row)?.log10(), estimate: row.value, mark: Mark::Full }))
            .collect();
        samples.sort_by(|one, other| one.x.total_cmp(&other.x));
        series.push(Series { pen: pen(place), samples });
    }
    let counts: Vec<f64> = accuracy.rows().iter().filter_map(|row| tokens(row)).collect();
    let (least, most) =
        (counts.iter().copied().fold(f64::INFINITY, f64::min), counts.iter().copied().fold(1.0, f64::max));
    Lines {
        x: Axis::decades("tokens replaced", least, most),
        y: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
        series,
        references,
        ..Lines::default()
    }
}

/// Objects against as many random background tokens, by the first replacement that both have and that is not zeros.
fn sentence(accuracy: &Pick) -> String {
    let of =
        |group: &str, arm: &str| accuracy.group(group).only(|row| row.arm == arm).first().and_then(|row| row.value);
    let arms = accuracy.distinct(|row| &row.arm);
    let both = arms
        .iter()
        .filter(|arm| **arm != "zero")
        .find_map(|arm| Some((arm, of("object", arm)?, of("random_background", arm)?)));
    let Some((arm, objects, random)) = both else { return String::new() };
    let verdict = match beyond(random, objects) {
        Some((low, _)) if low > 0.0 => "the objects’ tokens are needed, and more than others",
        Some((_, high)) if high < 0.0 => "random background is needed more than the objects",
        _ => "objects and random background are not told apart",
    };
    format!(
        "Replaced by {}, accuracy is {} without the objects and {} without as many random background tokens: {verdict}.",
        wording::arm(arm),
        wording::estimate(objects),
        wording::estimate(random)
    )
}

/// For the section's verdict: the caption's last sentence of the first ablation that has one.
pub fn told(design: &Pick) -> Option<String> {
    let all = design.real().only(|row| row.arm != "factorial").measure("accuracy");
    Some(sentence(&all)).filter(|said| !said.is_empty())
}
