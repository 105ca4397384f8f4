//! Where the last query's attention goes, layer by layer.

use super::axis::{Axis, Unit};
use super::canvas::Pen;
use super::page::{Figure, Key, Look, Panel, Row};
use super::panels::line::{Lines, Mark, Sample, Series};
use super::panels::stacked::{Group, Stacked};
use super::rows::{MEAN_HEAD, Share};
use super::theme::{Color, GREEN, GREY, INK, ORANGE, PURPLE, SKY, object_color};
use super::{Undrawn, wording};

const NAME: &str = "attention-share";
const TITLE: &str = "Where the last query’s attention goes";
const AXIS: &str = "% of the last query’s attention";

/// Panel a: everything the query attends to, stacked. Panel b: the image's part, closer.
pub fn figure(rows: &[Share]) -> Result<Figure, Undrawn> {
    let rows: Vec<&Share> = rows.iter().filter(|row| row.head == MEAN_HEAD).collect();
    let layers = rows.iter().map(|row| row.layer);
    let (Some(first), Some(last)) = (layers.clone().min(), layers.max()) else {
        return Err(Undrawn::new(NAME, TITLE, "no attention was recorded as the mean over heads"));
    };
    let x = Axis::counting("layer", first, last);
    let n = wording::count_range(rows.iter().map(|row| row.n));
    let fewer = if n.contains("to") { ", fewest for objects that lack boxes in some" } else { "" };
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "Attention of the prompt’s last token, mean over heads and items, by what it falls on. a: all of it, stacked; \
             whiskers give the 95 % image-bootstrap interval of each share, at its upper edge. b: the image’s part, with the \
             same intervals as bands. Objects are the patches under the annotated boxes, each by the share of its area that \
             is covered. n = {n} items{fewer}."
        ),
        keys: Vec::new(),
        rows: vec![Row {
            columns: 2,
            height: 290.0,
            panels: vec![whole(&rows, x.clone()), image(&rows, x)],
            ..Row::default()
        }],
    })
}

fn of<'a>(rows: &[&'a Share], group: &str) -> Vec<&'a Share> {
    rows.iter().copied().filter(|row| row.group == group).collect()
}

fn whole(rows: &[&Share], x: Axis) -> Panel {
    let parts = parts(rows);
    let groups = parts.iter().map(|(group, _, color)| Group {
        color: *color,
        shares: of(rows, group).iter().map(|row| (row.layer as f64, row.share)).collect(),
    });
    // Room above the stack for the whisker of its uppermost share.
    let y = Axis { high: 1.03, ..Axis::linear(AXIS, 0.0, 1.0, Unit::Percent) };
    let body = Stacked { x, y, groups: groups.collect() };
    let keys = parts.iter().map(|(_, label, color)| Key::new(*label, Look::Patch(*color))).collect();
    Panel::new("All attention", "", body).keys(keys)
}

/// Groups that add up to one. Objects and background stand apart only where every item has boxes, else they would be
/// means over fewer items than the rest, and the stack would not close.
fn parts(rows: &[&Share]) -> Vec<(&'static str, &'static str, Color)> {
    let counts = |group: &str| of(rows, group).iter().map(|row| (row.layer, row.n)).collect::<Vec<_>>();
    let split = counts("objects") == counts("image") && counts("background") == counts("image");
    let image: &[_] = if split {
        &[("objects", "image: objects", ORANGE), ("background", "image: background", SKY)]
    } else {
        &[("image", "image", SKY)]
    };
    let rest = [("text", "text", GREEN), ("last", "last token", PURPLE), ("bos", "BOS token", GREY)];
    image.iter().copied().chain(rest).filter(|(group, ..)| !of(rows, group).is_empty()).collect()
}

fn image(rows: &[&Share], x: Axis) -> Panel {
    let groups = image_groups(rows);
    let shown = groups.iter().flat_map(|(group, _)| of(rows, group));
    let highest = shown.map(|row| row.share.interval.map_or(row.share.value, |(_, high)| high)).fold(0.0, f64::max);
    let series = groups.iter().map(|(group, color)| Series {
        pen: Pen::solid(*color, 2.0),
        samples: of(rows, group)
            .iter()
            .map(|row| Sample { x: row.layer as f64, estimate: Some(row.share), mark: Mark::Full })
            .collect(),
    });
    let y = Axis::from_zero(AXIS, highest, Unit::Percent);
    let body = Lines { x, y, series: series.collect(), ..Lines::default() };
    let keys =
        groups.iter().map(|(group, color)| Key::new(wording::group(group), Look::Marked(Pen::solid(*color, 2.0))));
    Panel::new("The image’s part", "", body).keys(keys.collect())
}

/// The image and what it consists of.
fn image_groups(rows: &[&Share]) -> Vec<(String, Color)> {
    let mut objects: Vec<usize> =
        rows.iter().filter_map(|row| row.group.strip_prefix("object_")?.parse().ok()).collect();
    objects.sort_unstable();
    objects.dedup();
    let mut groups = vec![("image".to_owned(), INK)];
    if !of(rows, "background").is_empty() {
        groups.push(("background".to_owned(), SKY));
    }
    groups.extend(objects.into_iter().map(|k| (format!("object_{k}"), object_color(k))));
    groups
}

#[cfg(test)]
mod tests {
    use super::super::table::Estimate;
    use super::*;

    fn share(group: &str, value: f64, n: i64) -> Share {
        let share = Estimate { value, interval: None };
        Share { layer: 0, head: MEAN_HEAD, group: group.into(), share, n }
    }

    #[test]
    fn the_stack_closes_also_where_some_items_have_no_boxes() {
        let rows = [share("bos", 0.6, 9), share("text", 0.2, 9), share("image", 0.2, 9), share("objects", 0.1, 5)];
        let rows: Vec<&Share> = rows.iter().collect();
        let sum = |rows: &[&Share]| {
            parts(rows).iter().flat_map(|(group, ..)| of(rows, group)).map(|row| row.share.value).sum::<f64>()
        };
        assert!((sum(&rows) - 1.0).abs() < 1e-12);

        let all =
            [share("bos", 0.8, 9), share("image", 0.2, 9), share("objects", 0.15, 9), share("background", 0.05, 9)];
        let all: Vec<&Share> = all.iter().collect();
        assert!((sum(&all) - 1.0).abs() < 1e-12);
        assert_eq!(parts(&all)[0].0, "objects");
    }

    #[test]
    fn nothing_to_draw_says_why() {
        let single = Share { head: 3, ..share("image", 0.2, 9) };
        assert!(figure(&[single]).err().unwrap().reason.contains("mean over heads"));
    }
}
