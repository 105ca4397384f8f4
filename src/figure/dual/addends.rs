//! How long both addends of the image tokens are, and whether they point the same way.

use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::effect::style::{LEVEL, span};
use super::super::effect::wording::estimate;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::theme::{BLUE, Color, GREEN, NULL, ORANGE, SKY, VERMILLION};
use super::super::{Undrawn, wording};
use super::rows::Addend;

const NAME: &str = "addends";
const TITLE: &str = "What each encoder adds to the image tokens";
const HEIGHT: f64 = 230.0;

const LENGTHS: [(&str, &str, Color); 3] =
    [("norm_2d", "image encoder", BLUE), ("norm_3d", "spatial encoder", ORANGE), ("norm_sum", "sum", GREEN)];
const STATES: [(&str, &str, Color); 2] = [("as_is", "as it is", SKY), ("centred", "less the mean token", VERMILLION)];
/// The angle that unrelated directions have.
const HALF: f64 = 0.5;

/// Lengths, the share of the spatial addend, the cosine of both: whole image, objects, background.
pub fn figure(rows: &[Addend]) -> Result<Figure, Undrawn> {
    let groups = groups(rows);
    let Some(first) = rows.first() else {
        return Err(Undrawn::new(NAME, TITLE, "no token was recorded at both addends and their sum"));
    };
    let n = wording::count_range(rows.iter().filter(|row| row.measure == first.measure).map(|row| row.n));
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "Every image token is the sum of two addends. a: their lengths and that of the sum. b: the spatial addend’s share of \
             the squared lengths; a half where both are equally long. c: the cosine of both; grey: of one with the other’s at \
             the same patch of another video. Less the mean token: without what is the same in all tokens and so tells none \
             apart. Whiskers: 95 % bootstrap interval over videos. n = {n} videos. {} A long addend can matter; whether \
             anything depends on it, only the ablation shows.",
            sentence(rows).unwrap_or_default()
        ),
        keys: Vec::new(),
        rows: vec![Row {
            columns: 3,
            height: HEIGHT,
            panels: vec![
                lengths(rows, &groups),
                compared(rows, &groups, "share_3d", ("Share of the spatial addend", "share of squared length"), HALF),
                compared(rows, &groups, "cosine", ("Same direction?", "cosine of the addends"), 0.0),
            ],
            ..Row::default()
        }],
    })
}

/// Whole image first, objects, background, then any other.
fn groups(rows: &[Addend]) -> Vec<&str> {
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
    let rank = |group: &str| ["image", "objects", "background"].iter().position(|known| *known == group).unwrap_or(3);
    groups.sort_by_key(|group| (rank(group), *group));
    groups.dedup();
    groups
}

fn find<'a>(rows: &'a [Addend], group: &str, states: &str, measure: &str) -> Option<&'a Addend> {
    rows.iter().find(|row| row.group == group && row.states == states && row.measure == measure)
}

fn names(groups: &[&str]) -> Axis {
    Axis::names("image tokens", groups.iter().map(|group| wording::group(group)))
}

fn lengths(rows: &[Addend], groups: &[&str]) -> Panel {
    let mut bars = Vec::new();
    for (group, name) in groups.iter().enumerate() {
        for (lane, (measure, _, color)) in LENGTHS.iter().enumerate() {
            let estimate = find(rows, name, "as_is", measure).and_then(|row| row.value);
            bars.extend(estimate.map(|estimate| Bar { group, lane, color: *color, estimate, null: None }));
        }
    }
    let highest = bars.iter().map(|bar| bar.estimate.interval.map_or(bar.estimate.value, |(_, high)| high));
    let y = Axis::from_zero("length", highest.fold(0.0, f64::max), Unit::Plain);
    let keys = LENGTHS.iter().map(|(_, label, color)| Key::new(*label, Look::Patch(*color))).collect();
    let body = Bars { x: names(groups), y, lanes: LENGTHS.len(), bars, references: Vec::new() };
    Panel::new("Length", "", body).keys(keys)
}

/// A measure as it is and less the mean, with its control and a level.
fn compared(
    rows: &[Addend],
    groups: &[&str],
    measure: &str,
    (title, label): (&'static str, &'static str),
    level: f64,
) -> Panel {
    let mut bars = Vec::new();
    for (group, name) in groups.iter().enumerate() {
        for (lane, (states, _, color)) in STATES.iter().enumerate() {
            let Some(row) = find(rows, name, states, measure) else { continue };
            let null = row.control.and_then(|control| control.interval);
            bars.extend(row.value.map(|estimate| Bar { group, lane, color: *color, estimate, null }));
        }
    }
    let nulls = bars.iter().filter_map(|bar| bar.null);
    let most = if level == 0.0 { [-1.0, 1.0] } else { [0.0, 1.0] };
    let always = if level == 0.0 { [0.0, 0.2] } else { [0.0, 1.0] };
    let y = span(label, bars.iter().map(|bar| bar.estimate), nulls.collect::<Vec<_>>(), always, most);
    let mut keys: Vec<Key> = STATES.iter().map(|(_, label, color)| Key::new(*label, Look::Patch(*color))).collect();
    if bars.iter().any(|bar| bar.null.is_some()) {
        keys.push(Key::new("another video’s", Look::Patch(NULL.opacity(0.45))));
    }
    let references: Vec<(f64, Pen)> = if level == 0.0 { Vec::new() } else { vec![(level, LEVEL)] };
    Panel::new(title, "", Bars { x: names(groups), y, lanes: STATES.len(), bars, references }).keys(keys)
}

/// The share of the spatial addend in words, of all image tokens.
pub fn sentence(rows: &[Addend]) -> Option<String> {
    let share = |states: &str| find(rows, "image", states, "share_3d")?.value;
    let (plain, centred) = (share("as_is")?, share("centred")?);
    Some(format!(
        "The spatial encoder’s addend has {} of the squared length of both, {} of what differs between tokens.",
        estimate(plain),
        estimate(centred)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{files_are_sound, texts_stand_apart};
    use super::super::super::{Surround, svg};
    use super::super::synthetic;
    use super::*;

    #[test]
    fn it_is_drawn_and_says_the_share() {
        let rows = synthetic::addends();
        let figure = figure(&rows).unwrap();
        assert!(figure.caption.contains("0.40 (0.35 to 0.45) of the squared length"), "{}", figure.caption);
        texts_stand_apart(&figure.canvas(Surround::Captioned), NAME);
        files_are_sound(&figure, tempfile::tempdir().unwrap().path());
        assert!(svg::encode(&figure.canvas(Surround::Bare), TITLE).unwrap().contains("cosine of the addends"));
        assert_eq!(groups(&rows), ["image", "objects", "background"]);
    }

    #[test]
    fn nothing_to_draw_says_why() {
        assert!(super::figure(&[]).err().unwrap().reason.contains("both addends"));
    }
}
