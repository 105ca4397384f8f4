//! The rows of one probe, and which of them a figure shows first. The choice is fixed by name, never by how well it did.

use super::super::axis::{Axis, Stretch, Tick};
use super::rows::{Claim, MEAN, Measure};
use super::wording;

/// Everything that is known of one `[[probe]]` of the study.
pub struct Family<'a> {
    pub name: &'a str,
    pub target: &'a str,
    /// The metric that figures show.
    pub metric: &'a str,
    fit: &'a str,
    rows: Vec<&'a Measure>,
    /// Where the layer was chosen inside the training images, for each fold.
    chosen: Vec<&'a Measure>,
    claims: Vec<&'a Claim>,
}

/// A site on the axis that all towers share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place<'a> {
    pub depth: i64,
    pub tower: &'a str,
    pub slot: i64,
    pub site: &'a str,
}

/// Sites in the order in which they are looked for; where none of them has a number, the last that has one.
const SITES: [&str; 2] = ["projector.out", "vision.out"];
/// Splits from the one that says most.
const SPLITS: [&str; 5] = ["held_out_content", "held_out_pair", "random_image", "held_out_position", "cross_setting"];
const METRICS: [&str; 4] = ["acc", "bal_acc", "r2", "auc"];
const GROUPS: [&str; 4] = ["objects", "object_1", "last", "image"];
const FITS: [&str; 1] = ["standard"];

const LAYOUT: &str = "layout_at_fixed_location";
/// The row of the number itself.
const NO_CONTROL: &str = "none";
/// What the table calls the site of a layer that was chosen without the test images.
const CHOSEN: &str = "chosen";
/// The split that every control goes with.
const CONTROLLED: &str = "random_image";

impl<'a> Family<'a> {
    /// One a probe, in the order of the table.
    pub fn all(rows: &'a [Measure], claims: &'a [Claim]) -> Vec<Self> {
        let names = distinct(rows.iter().map(|row| row.probe.as_str()));
        let family = |name: &'a str| {
            let own = rows.iter().filter(|row| row.probe == name);
            let (chosen, rows): (Vec<&Measure>, Vec<&Measure>) = own.partition(|row| row.site == CHOSEN);
            let claims = claims.iter().filter(|claim| claim.probe == name).collect();
            let metric = first_of(&METRICS, distinct(rows.iter().map(|row| row.metric.as_str())));
            let fit = first_of(&FITS, distinct(rows.iter().map(|row| row.fit.as_str())));
            Self { name, target: rows.first().map_or("", |row| row.target.as_str()), metric, fit, rows, chosen, claims }
        };
        names.into_iter().map(family).collect()
    }

    /// The group that stands for all where only one can be shown.
    pub fn group(&self) -> &'a str {
        self.groups().first().copied().unwrap_or_default()
    }

    pub fn axes(&self) -> Vec<&'a str> {
        ranked(&["horizontal", "vertical"], distinct(self.rows.iter().map(|row| row.axis.as_str())))
    }

    /// How many classes the label has along an axis.
    pub fn classes(&self, axis: &str) -> Option<i64> {
        self.rows.iter().filter(|row| row.axis == axis).find_map(|row| row.k).filter(|k| *k > 1)
    }

    /// From the one that says most.
    pub fn splits(&self) -> Vec<&'a str> {
        let shown = self.rows.iter().filter(|row| row.metric == self.metric && row.value.is_some());
        ranked(&SPLITS, distinct(shown.map(|row| row.split.as_str())))
    }

    /// The split in which controls are shown: that in which all of them are made, if it is there.
    pub fn control_split(&self) -> &'a str {
        self.splits().into_iter().find(|split| *split == CONTROLLED).unwrap_or(self.split())
    }

    pub fn split(&self) -> &'a str {
        self.splits().first().copied().unwrap_or_default()
    }

    /// Groups of tokens; the patches of a layout probe, which has a probe for each, are not among them.
    pub fn groups(&self) -> Vec<&'a str> {
        let groups = self.rows.iter().filter(|row| row.cell.is_none());
        ranked(&GROUPS, distinct(groups.map(|row| row.group.as_str())))
    }

    /// In the order of depth.
    pub fn places(&self) -> Vec<Place<'a>> {
        let place = |row: &&'a Measure| Place { depth: row.depth, tower: &row.tower, slot: row.slot, site: &row.site };
        let mut places: Vec<Place> = self.rows.iter().map(place).collect();
        places.sort();
        places.dedup();
        places
    }

    /// The site that stands for all where only one can be shown.
    pub fn site(&self) -> &'a str {
        let mut sites = self.numbered();
        sites.reverse();
        first_of(&SITES, sites)
    }

    /// That, and the last one of the language model.
    pub fn sites(&self) -> Vec<&'a str> {
        let last = self.numbered().last().copied().filter(|site| site.starts_with("lm."));
        distinct([self.site()].into_iter().chain(last))
    }

    /// Those at which something could be judged, in the order of depth; all where nothing could.
    fn numbered(&self) -> Vec<&'a str> {
        let of = |site: &&str| self.rows.iter().any(|row| row.site == *site && row.value.is_some());
        let all: Vec<&str> = self.places().into_iter().map(|place| place.site).collect();
        let numbered: Vec<&str> = all.iter().copied().filter(of).collect();
        if numbered.is_empty() { all } else { numbered }
    }

    /// The number of one group at every site, in the order of depth.
    pub fn values(&self, axis: &str, group: &str, split: &str) -> Vec<&'a Measure> {
        let of = |row: &&&Measure| row.cell.is_none() && row.group == group;
        self.own(self.rows.iter().filter(of).copied(), axis, split)
    }

    /// The number of every single patch at one site.
    pub fn cells(&self, axis: &str, split: &str, site: &str) -> Vec<&'a Measure> {
        let mut cells = self.all_cells(axis, split);
        cells.retain(|row| row.site == site);
        cells
    }

    /// The same at every site, one patch after the other.
    pub fn all_cells(&self, axis: &str, split: &str) -> Vec<&'a Measure> {
        let cells = || self.rows.iter().filter(|row| row.cell.is_some()).copied();
        let group = first_of(&GROUPS, distinct(cells().map(|row| row.group.as_str())));
        let mut cells = self.own(cells().filter(|row| row.group == group), axis, split);
        cells.sort_by_key(|row| row.cell.map(|cell| (cell.row, cell.col, row.depth)));
        cells
    }

    fn own(&self, rows: impl Iterator<Item = &'a Measure>, axis: &str, split: &str) -> Vec<&'a Measure> {
        let asked =
            |row: &&Measure| row.axis == axis && row.split == split && row.metric == self.metric && row.fit == self.fit;
        let mut rows: Vec<&Measure> = rows.filter(asked).collect();
        let key = |row: &Measure| (row.depth, row.cell.map(|cell| (cell.row, cell.col)));
        // Where the number has no row of its own, every row of a control repeats it.
        rows.sort_by_key(|row| (key(row), row.control_kind != NO_CONTROL));
        rows.dedup_by_key(|row| key(row));
        rows
    }

    /// The number beside one control, at every site where that was made, in the order of depth.
    pub fn controlled(&self, axis: &str, group: &str, split: &str, kind: &str) -> Vec<&'a Measure> {
        self.of_metric(self.metric, axis, kind, |row| row.group == group && row.split == split)
    }

    /// The rows of any metric that have this control, in the order of depth.
    pub fn of_metric(&self, metric: &str, axis: &str, kind: &str, also: impl Fn(&Measure) -> bool) -> Vec<&'a Measure> {
        let mut rows: Vec<&Measure> = self
            .rows
            .iter()
            .copied()
            .filter(|row| row.cell.is_none() && row.axis == axis && row.metric == metric && row.fit == self.fit)
            .filter(|row| row.control_kind == kind && (row.control.is_some() || row.selectivity.is_some()) && also(row))
            .collect();
        rows.sort_by_key(|row| (row.depth, row.variant.as_str()));
        rows.dedup_by_key(|row| (&row.site, &row.group, &row.split, &row.variant));
        rows
    }

    /// Every control that was made in a split, in a fixed order.
    pub fn kinds(&self, split: &str) -> Vec<&'a str> {
        let of = |row: &&&Measure| row.metric == self.metric && row.split == split && row.control.is_some();
        let rows = self.rows.iter().filter(of);
        let kinds = distinct(rows.map(|row| row.control_kind.as_str()).filter(|kind| *kind != NO_CONTROL));
        ranked(&wording::CONTROLS, kinds)
    }

    /// The number with the layer chosen inside the training images.
    pub fn chosen(&self) -> Vec<&'a Measure> {
        let mut chosen = self.chosen.clone();
        chosen.retain(|row| row.metric == self.metric && row.fit == self.fit && row.control_kind == NO_CONTROL);
        chosen
    }

    /// The claims that were judged at a site: on the group that stands for all; of a layout on every group, which are so many
    /// kinds of patches.
    pub fn claims(&self, site: &str) -> Vec<&'a Claim> {
        let group = self.group().split(MEAN).next().unwrap_or_default();
        // Where every patch has a probe of its own there may be no group at all.
        let any = group.is_empty() || self.target == LAYOUT;
        let here = |claim: &&&Claim| claim.site == site && (any || claim.group == group);
        self.claims.iter().filter(here).copied().collect()
    }

    /// The sites, in the order of depth, at which a claim got each verdict, on the group that stands for all.
    pub fn course(&self, claim: &str, axis: &str, group: &str, verdict: &str) -> Vec<&'a str> {
        let judged = |site: &&str| {
            let here = |one: &&Claim| one.claim == claim && one.axis == axis && one.group == group && one.site == *site;
            self.claims.iter().any(|one| here(one) && one.verdict == verdict)
        };
        self.places().into_iter().map(|place| place.site).filter(judged).collect()
    }

    /// "vision.0.resid to lm.2.resid, lm.4.resid": sites, those that follow one another as a stretch.
    pub fn stretches(&self, sites: &[&str]) -> String {
        let places = self.places();
        let number = |site: &str| places.iter().position(|place| place.site == site).unwrap_or(usize::MAX);
        let parts = sites.chunk_by(|a, b| number(b) == number(a).wrapping_add(1));
        let says = |part: &[&str]| match part {
            [first, .., last] => format!("{first} to {last}"),
            [only] => (*only).to_owned(),
            [] => String::new(),
        };
        parts.map(says).collect::<Vec<_>>().join(", ")
    }

    /// The claims that hold one tower against another.
    pub fn comparisons(&self) -> Vec<&'a Claim> {
        self.claims.iter().filter(|claim| claim.site == CHOSEN).copied().collect()
    }

    /// Test images of the rows, as in "n = 120 images".
    pub fn images(rows: &[&Measure]) -> String {
        let judged = rows.iter().filter(|row| row.value.is_some());
        let n = super::super::wording::count_range(judged.filter_map(|row| row.images));
        format!("n = {n} test images")
    }
}

/// At most `most` of some sites, evenly over depth, `main` among them where it is one.
pub fn spread<'a>(sites: &[&'a str], main: &str, most: usize) -> Vec<&'a str> {
    let count = sites.len().min(most);
    let mut kept: Vec<usize> = (0..count).map(|k| k * (sites.len() - 1) / (count.max(2) - 1)).collect();
    if let Some(main) = sites.iter().position(|site| *site == main)
        && !kept.contains(&main)
        && let Some(nearest) = kept.iter_mut().min_by_key(|place| place.abs_diff(main))
    {
        *nearest = main;
    }
    kept.into_iter().map(|place| sites[place]).collect()
}

/// Each value once, in the order of its first appearance.
pub fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    values.filter(|value| seen.insert(*value)).collect()
}

/// Those that are ranked first, the rest as they come.
fn ranked<'a>(order: &[&str], mut values: Vec<&'a str>) -> Vec<&'a str> {
    values.sort_by_key(|value| order.iter().position(|known| known == value).unwrap_or(order.len()));
    values
}

fn first_of<'a>(order: &[&str], values: Vec<&'a str>) -> &'a str {
    ranked(order, values).first().copied().unwrap_or_default()
}

/// Encoder, projector and language model side by side; each counts its own slots.
pub fn depth_axis(places: &[Place]) -> Axis {
    let (first, last) = (places.first().map_or(0, |place| place.depth), places.last().map_or(0, |place| place.depth));
    let mut axis = Axis { ticks: Vec::new(), ..Axis::counting("", first, last) };
    for part in places.chunk_by(|a, b| a.tower == b.tower) {
        let (Some(low), Some(high)) = (part.first(), part.last()) else { continue };
        axis.stretches.push(Stretch {
            name: wording::tower(low.tower).into(),
            low: low.depth as f64 - 0.5,
            high: high.depth as f64 + 0.5,
        });
        let slots = part.iter().map(|place| place.slot);
        let counted = Axis::counting("", slots.clone().min().unwrap_or(0).max(0), slots.max().unwrap_or(0));
        for place in part {
            let label = counted.ticks.iter().find(|tick| place.slot >= 0 && tick.at == place.slot as f64);
            let label = label.map(|tick| tick.label.clone());
            // What has no number has a name, and the sum of two addends stands beside them.
            let named = match place.site {
                "vision.out" => Some("out"),
                "connector.2d" => Some("2D"),
                "connector.3d" => Some("3D"),
                "projector.out" if part.len() > 1 => Some("sum"),
                _ => None,
            };
            let label = label.or(named.map(str::to_owned));
            axis.ticks.extend(label.map(|label| Tick { at: place.depth as f64, label }));
        }
    }
    axis
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::measure;
    use super::*;

    #[test]
    fn towers_stand_side_by_side_and_count_for_themselves() {
        let place = |depth, tower, slot, site| Place { depth, tower, slot, site };
        let axis = depth_axis(&[
            place(0, "pixels", -1, "pixels"),
            place(1, "vision", 0, "vision.0.resid"),
            place(2, "vision", 1, "vision.1.resid"),
            place(3, "vision", -1, "vision.out"),
            place(4, "projector", -1, "projector.out"),
            place(5, "lm", 0, "lm.0.resid"),
        ]);
        let names: Vec<_> = axis.stretches.iter().map(|part| (part.name.as_str(), part.low, part.high)).collect();
        assert_eq!(
            names,
            [("pixels", -0.5, 0.5), ("encoder", 0.5, 3.5), ("projector", 3.5, 4.5), ("LM slot", 4.5, 5.5)]
        );
        let ticks: Vec<_> = axis.ticks.iter().map(|tick| (tick.at, tick.label.as_str())).collect();
        assert_eq!(ticks, [(1.0, "0"), (2.0, "1"), (3.0, "out"), (5.0, "0")]);
        let addends = depth_axis(&[
            place(0, "projector", -1, "connector.2d"),
            place(1, "projector", -1, "connector.3d"),
            place(2, "projector", -1, "projector.out"),
        ]);
        assert_eq!(addends.ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>(), ["2D", "3D", "sum"]);
    }

    #[test]
    fn sites_that_follow_one_another_are_a_stretch() {
        let at = |depth: i64, site: &str| Measure { depth, site: site.into(), ..measure("slot", site, "objects") };
        let rows: Vec<Measure> = ["vision.0.resid", "vision.1.resid", "projector.out", "lm.0.resid"]
            .iter()
            .zip(0..)
            .map(|(s, d)| at(d, s))
            .collect();
        let family = &Family::all(&rows, &[])[0];
        assert_eq!(
            family.stretches(&["vision.0.resid", "vision.1.resid", "lm.0.resid"]),
            "vision.0.resid to vision.1.resid, lm.0.resid"
        );
    }

    #[test]
    fn a_few_sites_are_spread_over_depth_around_the_main_one() {
        let sites: Vec<String> = (0..11).map(|site| site.to_string()).collect();
        let sites: Vec<&str> = sites.iter().map(String::as_str).collect();
        assert_eq!(spread(&sites, "6", 3), ["0", "6", "10"]);
        assert_eq!(spread(&sites, "none", 3), ["0", "5", "10"]);
        assert_eq!(spread(&sites[..2], "1", 6), ["0", "1"]);
        assert!(spread(&[], "1", 6).is_empty());
    }

    #[test]
    fn what_is_shown_first_does_not_depend_on_the_numbers() {
        assert_eq!(first_of(&SITES, vec!["lm.3.resid", "projector.out"]), "projector.out");
        assert_eq!(first_of(&SITES, vec!["lm.3.resid", "vision.out"]), "vision.out");
        assert_eq!(
            ranked(&SPLITS, vec!["random_image", "held_out_content", "new"]),
            ["held_out_content", "random_image", "new"]
        );
    }
}
