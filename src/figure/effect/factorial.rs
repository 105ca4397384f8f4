//! Objects crossed with backgrounds: how much of the accuracy is context, place, and what the language model supplies.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::table::Estimate;
use super::super::theme::{BLUE, Color, INK, ORANGE, SKY};
use super::conclusion::against;
use super::pick::Pick;
use super::rows::Counted;
use super::style::LEVEL;
use super::wording;

const HEIGHT: f64 = 240.0;
const OBJECTS: [(&str, &str); 3] =
    [("original", "objects as they are"), ("own", "alone, in their place"), ("middle", "alone, in the middle")];
const GROUNDS: [(&str, &str, Color); 3] =
    [("original", "own background", BLUE), ("blank", "blank background", SKY), ("other", "another image’s", ORANGE)];

/// One figure an ablation that crosses objects with backgrounds.
pub fn figure(design: &Pick, counts: &[Counted]) -> Option<Result<Figure, Undrawn>> {
    let name = design.designs().first().copied()?;
    let all = design.real().only(|row| row.arm == "factorial");
    let accuracy = all.measure("accuracy");
    let first = accuracy.first()?;
    let before = all.value(first, "accuracy_before");
    let chance = all.value(first, "above_chance").zip(first.value).map(|(above, of)| of.value - above.value);
    let cell = |objects: &str, ground: &str| match (objects, ground) {
        ("original", "original") => before,
        _ => accuracy.group(&format!("{objects}+{ground}")).first().and_then(|row| row.value),
    };
    let has = |objects: &str| GROUNDS.iter().any(|(ground, ..)| cell(objects, ground).is_some());
    let shown: Vec<(&str, &str)> = OBJECTS.into_iter().filter(|(objects, _)| has(objects)).collect();
    let mut bars = Vec::new();
    for (group, (objects, _)) in shown.iter().enumerate() {
        for (lane, (ground, _, color)) in GROUNDS.into_iter().enumerate() {
            bars.extend(cell(objects, ground).map(|estimate| Bar { group, lane, color, estimate, null: None }));
        }
    }
    let body = Bars {
        x: Axis::names("", shown.iter().map(|(_, words)| *words)),
        y: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
        lanes: GROUNDS.len(),
        bars,
        references: chance.map(|chance| (chance, LEVEL)).into_iter().collect(),
    };
    let mut keys: Vec<Key> = GROUNDS.into_iter().map(|(_, words, color)| Key::new(words, Look::Patch(color))).collect();
    keys.push(Key::new("chance", Look::Line(LEVEL)));
    keys.push(Key::new("95 % interval", Look::Line(Pen::solid(INK, 1.25))));
    Some(Ok(Figure {
        name: format!("ablate-{name}-factorial"),
        title: format!("Ablation “{name}”: objects crossed with background"),
        caption: format!(
            "Accuracy when object and background tokens come from other images. Whiskers: 95 % image-bootstrap interval; \
             dashed: chance. {}.{} {}",
            accuracy.n(),
            wording::golden(counts, name),
            sentence(before, cell("own", "blank"), cell("middle", "blank"), chance, all.measure("share_removed"))
        ),
        keys,
        rows: Row::grid(1, HEIGHT, vec![Panel::new("Accuracy", first.site.clone(), body)]),
    }))
}

/// The steps from the image as it is to chance.
fn sentence(
    before: Option<Estimate>,
    own: Option<Estimate>,
    middle: Option<Estimate>,
    chance: Option<f64>,
    removed: Pick,
) -> String {
    let (Some(before), Some(own), Some(middle), Some(chance)) = (before, own, middle, chance) else {
        return "Not all cells that a decomposition needs were measured.".into();
    };
    let left = match against(middle, chance) {
        Some(std::cmp::Ordering::Greater) => "above chance with its whole interval",
        Some(_) => "below chance",
        None => "not told from chance",
    };
    let share = removed.group("middle+blank").first().and_then(|row| row.value);
    let share = share.map_or(String::new(), |of| {
        format!(" Place and context together hold {} of what is above chance.", wording::estimate(of))
    });
    format!(
        "Context: {} of the accuracy ({} less {}); place: {} (less {}); left over: {}, {left}.{share}",
        wording::number(before.value - own.value),
        wording::number(before.value),
        wording::number(own.value),
        wording::number(own.value - middle.value),
        wording::number(middle.value),
        wording::number(middle.value - chance),
    )
}
