//! How much of the answer moves with how many tokens: whether a code is on the objects or spread over the background.

use super::super::Undrawn;
use super::super::axis::Axis;
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{Lines, Mark, Sample, Series};
use super::super::probe::conclusion::Verdict;
use super::super::table::Estimate;
use super::super::theme::NULL;
use super::conclusion::{against, beyond};
use super::depth::Depth;
use super::pick::Pick;
use super::rows::{Counted, Measured};
use super::style::{LEVEL, bare, group_pen, span};
use super::wording;

const HEIGHT: f64 = 250.0;
const RANDOM: Pen = Pen::dashed(NULL, 1.25, 5.0, 3.0);

/// A group at the site: how many tokens, and its measures.
struct Spot<'a> {
    group: &'a str,
    tokens: f64,
    row: &'a Measured,
}

/// One figure a patching design of several groups of patches: flips and shift where the language model begins.
pub fn figure(design: &Pick, counts: &[Counted]) -> Option<Result<Figure, Undrawn>> {
    let name = design.designs().first().copied()?;
    let shifted = design.real().measure("shift").only(|row| row.window == 1);
    let direction = shifted.first()?.direction.as_str();
    let shifted = shifted.only(|row| row.direction == direction);
    let sites = shifted.distinct(|row| &row.site);
    let site = Depth::of(&sites).start()?;
    let here = shifted.only(|row| row.site == site && !is_text(&row.group));
    let spots: Vec<Spot> = here
        .rows()
        .iter()
        .filter_map(|row| {
            let tokens = design.value(row, "n_tokens")?.value;
            (tokens > 0.0).then_some(Spot { group: &row.group, tokens, row })
        })
        .collect();
    let random = spots.iter().filter(|spot| wording::is_random(spot.group)).count();
    // How many tokens it takes is told by as many random ones.
    if spots.len() < 3 + random || random == 0 {
        return None;
    }
    let panel = |title: &str, measure: &str, most: [f64; 2]| {
        let value = |spot: &Spot| design.value(spot.row, measure);
        Panel::new(title, format!("at {site}"), plot(&spots, value, title, most))
    };
    let panels = vec![panel("Answers flipped", "flip", [0.0, 1.0]), panel("Shift", "shift", [-0.5, 1.5])];
    let mut keys: Vec<Key> = spots
        .iter()
        .enumerate()
        .map(|(place, spot)| Key::new(wording::group(spot.group), Look::Dot(group_pen(spot.group, place).color)))
        .collect();
    keys.push(Key::new("random background", Look::Line(RANDOM)));
    Some(Ok(Figure {
        name: format!("patch-{name}-tokens"),
        title: format!("Patch “{name}”: how many tokens it takes"),
        caption: format!(
            "Groups of patches by how many tokens they have (mean over pairs), put in from the other run at {site}. Whiskers: \
             95 % image-bootstrap intervals. A code on the objects moves the answer with the fewest tokens; one that is spread \
             moves it with any large part, also without objects. {}.{} {}",
            here.n(),
            wording::golden(counts, name),
            sentence(design, &spots)
        ),
        keys,
        rows: Row::grid(2, HEIGHT, panels),
    }))
}

fn is_text(group: &str) -> bool {
    matches!(group, "word" | "text" | "last" | "all") || group.starts_with("word_")
}

fn plot(spots: &[Spot], value: impl Fn(&Spot) -> Option<Estimate>, label: &str, most: [f64; 2]) -> Lines {
    let tokens = || spots.iter().map(|spot| spot.tokens);
    let (least, largest) = (tokens().fold(f64::INFINITY, f64::min), tokens().fold(0.0, f64::max));
    // Named groups hold different things; only the random ones are one thing in several sizes.
    let mut samples: Vec<Sample> = spots
        .iter()
        .filter(|spot| wording::is_random(spot.group))
        .map(|spot| Sample { x: spot.tokens.log10(), estimate: value(spot).map(bare), mark: Mark::Bare })
        .collect();
    samples.sort_by(|one, other| one.x.total_cmp(&other.x));
    let mut series = vec![Series { pen: RANDOM, samples }];
    for (place, spot) in spots.iter().enumerate() {
        let sample = Sample { x: spot.tokens.log10(), estimate: value(spot), mark: Mark::Full };
        series.push(Series { pen: group_pen(spot.group, place), samples: vec![sample] });
    }
    let y = span(&label.to_lowercase(), spots.iter().filter_map(value), [], [0.0, 1.0], most);
    let x = Axis::decades("tokens put in", least, largest);
    Lines { x, y, series, references: vec![(0.0, LEVEL)], ..Lines::default() }
}

/// Strips without their objects against as many random background tokens, or more.
fn sentence(design: &Pick, spots: &[Spot]) -> String {
    let of = |group: &str| spots.iter().find(|spot| spot.group == group);
    let random = of("random_as_strip").or(of("random_background"));
    let (Some(strips), Some(random)) = (of("strip_minus_object"), random) else {
        return "Without strips and random patches of their number it stays undecided whether the code is spread."
            .into();
    };
    let (Some(one), Some(other)) = (strips.row.value, random.row.value) else { return String::new() };
    let margin: Vec<(f64, f64)> = beyond(one, other).into_iter().collect();
    let flips = |spot: &Spot| design.value(spot.row, "flip").map_or("undefined".into(), wording::estimate);
    let less = |of| against(of, 0.5) == Some(std::cmp::Ordering::Less);
    let neither = if less(one) && less(other) { " Neither moves it by half." } else { "" };
    format!(
        "Strips without their objects ({:.0} tokens) move the answer by {} and flip {}; {} ({:.0} tokens) by {} and {}: {}.{neither}",
        strips.tokens,
        wording::estimate(one),
        flips(strips),
        wording::group(random.group),
        random.tokens,
        wording::estimate(other),
        flips(random),
        Verdict::of(&margin).say("background near the objects carries more of the layout than background elsewhere")
    )
}
