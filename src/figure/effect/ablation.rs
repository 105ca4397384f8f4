//! What is left of the answers when tokens say nothing: by what replaces them and which they are.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::theme::GREEN;
use super::conclusion::beyond;
use super::pick::Pick;
use super::rows::Counted;
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
    let place = |names: &[&str], name: &str| names.iter().position(|known| *known == name);
    let label = |group: &str| {
        let tokens = accuracy.group(group).first().and_then(|row| all.value(row, "n_tokens"));
        format!("{}{}", wording::group(group), tokens.map_or(String::new(), |of| format!(" ({:.0})", of.value)))
    };
    let bars = accuracy.rows().iter().filter_map(|row| {
        let lane = place(&arms, &row.arm)?;
        let (group, estimate) = (place(&groups, &row.group)?, row.value?);
        Some(Bar { group, lane, color: pen(lane).color, estimate, null: row.null })
    });
    let bars = Bars {
        x: Axis::names("which tokens, and how many on average", groups.iter().map(|group| label(group))),
        y: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
        lanes: arms.len(),
        bars: bars.collect(),
        references: before
            .map(|of| (of.value, BEFORE))
            .into_iter()
            .chain(chance.map(|chance| (chance, LEVEL)))
            .collect(),
    };
    let panels = vec![Panel::new("By what replaces the tokens", site, bars)];
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
             interval. Zeros are nothing that the model ever saw; another image’s tokens bring its objects along. {}.{} {}",
            accuracy.n(),
            wording::golden(counts, name),
            sentence(&accuracy)
        ),
        keys,
        rows: Row::grid(1, HEIGHT, panels),
    }))
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
