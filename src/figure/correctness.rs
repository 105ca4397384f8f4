//! Whether alignment predicts a right answer: AUROC by layer, one panel a stratum.

use super::alignment::{NULL_BAND, OTHER};
use super::axis::{Axis, Unit};
use super::canvas::Pen;
use super::page::{Figure, Key, Look, Panel, Row};
use super::panels::line::{Band, BandLook, CHANCE, Lines, Mark, Sample, Series};
use super::rows::{Alignment, MEAN_HEAD};
use super::theme::{BLUE, Color, GREEN, INK, NULL, PURPLE};
use super::{NO_BOXES, Undrawn, wording};

const NAME: &str = "correctness";
const TITLE: &str = "Does attention on the objects predict a right answer?";
const METRIC: Pen = Pen::solid(BLUE, 2.0);
const IMAGE_SHARE: Pen = Pen::dashed(GREEN, 1.5, 5.0, 2.5);
const SIGNIFICANT: Color = INK;
const RELATION_ONLY: Pen = Pen::solid(PURPLE, 1.5);
/// Below this a layer counts as significant after correction over layers.
const LEVEL: f64 = 0.05;

/// One panel a stratum, for one metric of alignment with all objects, mean over heads.
pub fn figure(rows: &[Alignment], metric: &str) -> Result<Figure, Undrawn> {
    let rows: Vec<&Alignment> = rows.iter().filter(|row| row.head == MEAN_HEAD).collect();
    let main = |row: &&Alignment| row.metric == metric && row.target == "objects";
    let mut strata: Vec<&str> = Vec::new();
    for row in rows.iter().copied().filter(main) {
        if !strata.contains(&row.stratum.as_str()) {
            strata.push(&row.stratum);
        }
    }
    strata.sort_by_key(|name| wording::stratum_rank(name));
    if strata.is_empty() {
        return Err(Undrawn::new(NAME, TITLE, NO_BOXES));
    }
    let columns = if strata.len() > 6 { 4 } else { 3.min(strata.len()) };
    let panels: Vec<Panel> = strata.iter().map(|stratum| panel(&rows, metric, stratum)).collect();
    let name = wording::metric_in_text(metric);
    let keys = keys(&rows, &name);
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: caption(&name, &keys),
        keys,
        rows: Row::grid(columns, 200.0, panels),
    })
}

fn caption(name: &str, keys: &[Key]) -> String {
    let has = |look: Pen| keys.iter().any(|key| key.look == Look::Line(look));
    let mut caption = format!(
        "AUROC of the {name} (last query, mean over heads, all objects) for telling right from wrong answers; one half is \
         chance, below one half wrong answers look more at the objects. Blue band: 95 % image-bootstrap interval; bar along \
         the lower edge: p < 0.05 by label permutation, corrected over layers by the maximum statistic. Grey band: 95 % range \
         of the AUROC under random boxes of the same area; dotted: under other items’ boxes."
    );
    if has(IMAGE_SHARE) {
        caption.push_str(" Green, dashed: the image’s share of attention, boxes or not.");
    }
    if has(RELATION_ONLY) {
        caption.push_str(
            " Purple: how often the item’s relation is answered rightly, a score that looks at no attention.",
        );
    }
    caption + " Within relation counts only pairs of items of the same relation. The n of each panel is above it."
}

fn keys(rows: &[&Alignment], name: &str) -> Vec<Key> {
    let mut keys = vec![
        Key::new(name, Look::Marked(METRIC)),
        Key::new("p < 0.05, corrected over layers", Look::Bar(SIGNIFICANT)),
        Key::new("random boxes, 95 % range", Look::Patch(NULL.opacity(NULL_BAND))),
        Key::new("other items’ boxes, 95 % range", Look::Line(OTHER)),
    ];
    if rows.iter().any(|row| row.metric == "image_share" && row.auroc.is_some()) {
        keys.push(Key::new("image share alone", Look::Line(IMAGE_SHARE)));
    }
    if rows.iter().any(|row| row.metric == "relation_only" && row.auroc.is_some()) {
        keys.push(Key::new("relation alone", Look::Line(RELATION_ONLY)));
    }
    keys
}

fn panel(rows: &[&Alignment], metric: &str, stratum: &str) -> Panel {
    let here: Vec<&Alignment> = rows.iter().copied().filter(|row| row.stratum == stratum).collect();
    let main: Vec<&Alignment> =
        here.iter().copied().filter(|row| row.metric == metric && row.target == "objects").collect();
    let layer = |row: &Alignment| row.layer as f64;
    let first = main.iter().map(|row| row.layer).min().unwrap_or(0);
    let last = main.iter().map(|row| row.layer).max().unwrap_or(0);
    let (n_right, n_wrong) = main.first().map_or((0, 0), |row| (row.n_right, row.n_wrong));
    let samples = main.iter().map(|row| Sample { x: layer(row), estimate: row.auroc, mark: Mark::Full });
    let significant = main.iter().filter(|row| row.p_max.is_some_and(|p| p < LEVEL));
    let image_share = here.iter().filter(|row| row.metric == "image_share").map(|row| {
        let estimate = row.auroc.map(|estimate| super::table::Estimate { interval: None, ..estimate });
        Sample { x: layer(row), estimate, mark: Mark::Bare }
    });
    // A score without a layer: it looks at no attention.
    let relation_only = here.iter().filter(|row| row.metric == "relation_only").filter_map(|row| row.auroc);
    let relation_only = relation_only.map(|auroc| (auroc.value, RELATION_ONLY));
    let counts = format!("{} right, {} wrong", wording::grouped(n_right), wording::grouped(n_wrong));
    let undefined = main.iter().all(|row| row.auroc.is_none()).then(|| match (n_right, n_wrong) {
        (_, 0) => "undefined: no wrong answer to tell from the right ones".to_owned(),
        (0, _) => "undefined: no right answer to tell from the wrong ones".to_owned(),
        _ => "undefined: no right and wrong answer that can be compared".to_owned(),
    });
    let body = Lines {
        x: Axis::counting("layer", first, last),
        y: Axis::linear("AUROC", 0.0, 1.0, Unit::Plain),
        bands: vec![
            Band {
                ranges: main.iter().map(|row| (layer(row), row.null)).collect(),
                look: BandLook::Filled(NULL.opacity(NULL_BAND)),
            },
            Band { ranges: main.iter().map(|row| (layer(row), row.other)).collect(), look: BandLook::Edges(OTHER) },
        ],
        series: vec![
            Series { pen: IMAGE_SHARE, samples: image_share.collect() },
            Series { pen: METRIC, samples: samples.collect() },
        ],
        references: [(0.5, CHANCE)].into_iter().chain(relation_only).collect(),
        flags: significant.map(|row| layer(row)).collect(),
        flag_color: SIGNIFICANT,
        undefined,
    };
    Panel::new(wording::stratum(stratum), counts, body)
}
