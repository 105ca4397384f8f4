//! How few bits the labels cost when they are sent with the help of a site (online code), and how the code grows.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{CHANCE, Lines, Mark, Sample, Series};
use super::super::table::Estimate;
use super::super::theme::{BLUE, Color, GREEN, INK, ORANGE, PURPLE, SKY, VERMILLION};
use super::conclusion::Verdict;
use super::family::{Family, Place, depth_axis, distinct, spread};
use super::rows::Coded;
use super::wording;

/// Sites shown by their curve.
const SITES: usize = 6;
const COLORS: [Color; SITES] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY];

/// Left: bits a label by training rows. Right: the compression by depth. A row an axis; None for a probe without a
/// code.
pub fn figure(family: &Family, curve: &[Coded]) -> Option<Result<Figure, Undrawn>> {
    let own = |point: &&Coded| point.probe == family.name && point.group == family.group();
    let curve: Vec<&Coded> = curve.iter().filter(own).collect();
    let axes: Vec<&str> =
        family.axes().into_iter().filter(|axis| curve.iter().any(|point| point.axis == *axis)).collect();
    if axes.is_empty() {
        return None;
    }
    let of = |axis: &str| curve.iter().copied().filter(|point| point.axis == axis).collect::<Vec<_>>();
    let panels = axes.iter().flat_map(|axis| [lengths(family, axis, &of(axis)), compressions(family, axis, &of(axis))]);
    let mut seeds: Vec<i64> = curve.iter().map(|point| point.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    Some(Ok(Figure {
        name: format!("probe-{}-mdl", family.name),
        title: format!("Probe “{}”: minimum description length", family.name),
        caption: format!(
            "Online code: the labels of each block of images are sent with a probe fitted on the blocks before. Left: bits a \
             label of the next block, by rows fitted on (logarithmic). Right: compression, the length of the uniform code over \
             that of this one, by depth. Lines are means over {} orders of the images, bands their range; dashed: the uniform \
             code. {}",
            seeds.len(),
            sentence(family, &axes, &curve)
        ),
        keys: Vec::new(),
        rows: Row::grid(2, 230.0, panels.collect()),
    }))
}

/// Mean and range over seeds; None where no seed has a number.
fn over_seeds(values: impl Iterator<Item = Option<f64>>) -> Option<Estimate> {
    let values: Vec<f64> = values.flatten().collect();
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    (!values.is_empty())
        .then(|| Estimate { value: values.iter().sum::<f64>() / values.len() as f64, interval: Some((low, high)) })
}

fn lengths(family: &Family, axis: &str, curve: &[&Coded]) -> Panel {
    let sites = chosen(family, curve);
    let points = |site: &str| {
        let mut sizes: Vec<i64> = curve.iter().filter(|point| point.site == site).map(|point| point.n_train).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let at = |n: i64| {
            let here = curve.iter().filter(move |point| point.site == site && point.n_train == n);
            over_seeds(here.map(|point| point.bits))
        };
        sizes.into_iter().filter(|n| *n > 0).map(|n| (n, at(n))).collect::<Vec<_>>()
    };
    let pens: Vec<Pen> = COLORS.iter().map(|color| Pen::solid(*color, 2.0)).collect();
    let series: Vec<Series> = sites
        .iter()
        .zip(&pens)
        .map(|(site, pen)| Series {
            pen: *pen,
            samples: points(site)
                .into_iter()
                .map(|(n, estimate)| Sample { x: (n as f64).log10(), estimate, mark: Mark::Full })
                .collect(),
        })
        .collect();
    let sizes = curve.iter().map(|point| point.n_train).filter(|n| *n > 0);
    let (low, high) = (sizes.clone().min().unwrap_or(1), sizes.max().unwrap_or(1));
    let ends = series.iter().flat_map(|line| &line.samples).filter_map(|sample| sample.estimate?.interval);
    let uniform = family.classes(axis).map(|k| ((k as f64).log2(), CHANCE));
    let most = ends.map(|(_, high)| high).chain(uniform.map(|(bits, _)| bits)).fold(0.0, f64::max);
    let keys = sites.iter().zip(&pens).map(|(site, pen)| Key::new(*site, Look::Marked(*pen)));
    let keys = keys.collect();
    let undefined = series.iter().all(|line| line.samples.is_empty()).then(|| "undefined".to_owned());
    let body = Lines {
        x: Axis::decades("rows fitted on", low as f64, high as f64),
        y: Axis::from_zero("bits a label", most, Unit::Plain),
        series,
        references: uniform.into_iter().collect(),
        undefined,
        ..Lines::default()
    };
    Panel::new(format!("{}: bits a label", wording::axis(axis)), "", body).keys(keys)
}

/// At most [`SITES`], evenly over depth, the one that stands for all among them.
fn chosen<'a>(family: &Family<'a>, curve: &[&Coded]) -> Vec<&'a str> {
    let has = |place: &Place| curve.iter().any(|point| point.site == place.site);
    let all: Vec<&str> = family.places().iter().filter(|place| has(place)).map(|place| place.site).collect();
    spread(&all, family.site(), SITES)
}

/// The whole code's compression at each site.
fn final_compression(curve: &[&Coded], axis: &str, site: &str) -> Option<Estimate> {
    let here = || curve.iter().filter(|point| point.axis == axis && point.site == site);
    let seeds = distinct_seeds(here().map(|point| point.seed));
    let last = |seed: i64| {
        here().filter(|point| point.seed == seed).max_by_key(|point| point.n_train).and_then(|point| point.compression)
    };
    over_seeds(seeds.into_iter().map(last))
}

fn distinct_seeds(seeds: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut seeds: Vec<i64> = seeds.collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

fn compressions(family: &Family, axis: &str, curve: &[&Coded]) -> Panel {
    let places = family.places();
    let samples = places.iter().filter_map(|place| {
        let estimate = Some(final_compression(curve, axis, place.site)?);
        Some(Sample { x: place.depth as f64, estimate, mark: Mark::Full })
    });
    let samples: Vec<Sample> = samples.collect();
    let ends = samples.iter().filter_map(|sample| sample.estimate?.interval);
    let most = ends.map(|(_, high)| high).fold(1.0, f64::max);
    let undefined = samples.is_empty().then(|| "undefined".to_owned());
    let body = Lines {
        x: depth_axis(&places),
        y: Axis::from_zero("compression", most, Unit::Plain),
        series: vec![Series { pen: Pen::solid(INK, 2.0), samples }],
        references: vec![(1.0, CHANCE)],
        undefined,
        ..Lines::default()
    };
    let keys = vec![Key::new("uniform code", Look::Line(CHANCE))];
    Panel::new(format!("{}: compression by depth", wording::axis(axis)), "", body).keys(keys)
}

/// The site that stands for all against the pixels where they were coded, else against the uniform code.
fn sentence(family: &Family, axes: &[&str], curve: &[&Coded]) -> String {
    let sites = distinct(curve.iter().map(|point| point.site.as_str()));
    let Some(site) = chosen(family, curve).into_iter().find(|site| *site == family.site()).or(sites.first().copied())
    else {
        return String::new();
    };
    let pixels = site != "pixels" && sites.contains(&"pixels");
    let (mut told, mut margins) = (Vec::new(), Vec::new());
    for axis in axes {
        let Some(here) = final_compression(curve, axis, site) else { continue };
        let there = if pixels { final_compression(curve, axis, "pixels") } else { None };
        let base = there.map_or((1.0, 1.0), |of| of.interval.unwrap_or((of.value, of.value)));
        margins.extend(here.interval.map(|(low, high)| (low - base.1, high - base.0)));
        let against = there.map(|of| format!(" against {} from the pixels", wording::number(of.value)));
        told.push(format!("{}{} ({axis})", wording::number(here.value), against.unwrap_or_default()));
    }
    if told.is_empty() {
        return "No code is defined, so nothing can be concluded.".into();
    }
    let claim = if pixels {
        "the site makes the labels easier to learn than the pixels do, in every order of the images"
    } else {
        "the site says anything about the labels, in every order of the images"
    };
    format!("At {site} the labels are compressed by {}: {}.", wording::list(&told), Verdict::of(&margins).say(claim))
}
