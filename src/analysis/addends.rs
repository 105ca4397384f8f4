//! How large is what each of two encoders adds to an image token, and do they point the same way?
//!
//! # What it measures
//! In a model whose image tokens are `projector.out` = `connector.2d` + `connector.3d`: the norms of both addends and of their
//! sum, the share of the spatial one, and the cosine between the two, token by token. A large norm shows that an addend could
//! matter, not that anything reads it.
//!
//! # Formula
//! With a and b the addends of one token, means over the tokens of a group in one video, then over videos:
//! `norm_2d` = |a|, `norm_3d` = |b|, `norm_sum` = |a + b| as recorded at `projector.out`, `cosine` = a b / (|a| |b|) (tokens
//! without length left out), `share_3d` = sum |b|^2 / (sum |a|^2 + sum |b|^2), both sums over the tokens of a video. All of it
//! twice: `as_is`, and `centred`: less the site's mean token over all recorded videos, because what is the same in every token
//! tells none apart.
//!
//! # Reads
//! `frames/items`: item, image. `frames/hidden/{connector.2d, connector.3d, projector.out}`, states of single tokens, variant
//! original.
//!
//! # Writes
//! `tables/addends`: group, states, measure, value, ci_lo, ci_hi, control, control_lo, control_hi, n (videos), tokens.
//!
//! # Controls
//! Of `cosine` the same with b from the same patch of the next video: what agrees there has nothing to do with what is shown.
//! Of `norm_sum` what it would be if a and b were at right angles in every token, sqrt(|a|^2 + |b|^2). 95 % intervals by
//! bootstrap over videos.
//!
//! # Paper
//! Wu et al., \"Spatial-MLLM\" (arXiv 2505.23747) add the two; there without measurements of them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ndarray::{Array1, ArrayView1, Axis};

use super::attention_share::mean_with_interval;
use super::frames::HiddenSite;
use super::{Frames, Params, Table};
use crate::error::{Error, Result};
use crate::processor::Patch;
use crate::stats::{Interval, Replicates};

/// Both addends and their sum.
const SITES: [&str; 3] = ["connector.2d", "connector.3d", "projector.out"];
/// Recorded in half precision, numbers are right to about three digits.
const TOLERANCE: f64 = 0.01;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    group: String,
    states: &'static str,
    measure: &'static str,
    value: Estimate,
    control: Option<Estimate>,
    n: u32,
    tokens: u32,
}

type Estimate = (f64, Option<Interval>);

/// Whether a run recorded both addends and their sum.
pub fn applies(frames: &Frames) -> bool {
    SITES.iter().all(|site| frames.hidden.iter().any(|known| known == site))
}

/// Writes `tables/addends` into `folder`; returns the files.
///
/// # Errors
/// Frames that are not as documented, or whose sum is not that of the addends; a table that cannot be written.
pub fn run(frames: &Frames, params: &Params, folder: &Path) -> Result<Vec<PathBuf>> {
    let replicates = Replicates::draw(&frames.items.clusters(), params.bootstrap, params.seed);
    let tokens = Tokens::read(frames)?;
    let mut rows = Vec::new();
    for group in tokens.groups.keys() {
        for (states, means) in [("as_is", None), ("centred", Some(&tokens.means))] {
            rows.extend(tokens.rows(group, states, means, &replicates));
        }
    }
    let control = |row: &Row| row.control;
    let table = Table::new()
        .text("group", rows.iter().map(|row| &row.group))
        .text("states", rows.iter().map(|row| row.states))
        .text("measure", rows.iter().map(|row| row.measure))
        .number("value", rows.iter().map(|row| Some(row.value.0)))
        .interval("ci_", rows.iter().map(|row| row.value.1))
        .number("control", rows.iter().map(|row| control(row).map(|(value, _)| value)))
        .interval("control_", rows.iter().map(|row| control(row).and_then(|(_, interval)| interval)))
        .count("n", rows.iter().map(|row| row.n))
        .count("tokens", rows.iter().map(|row| row.tokens));
    Ok(table.write(folder, "addends")?.into())
}

/// Which row of each site a token is, in the order of [`SITES`].
type Token = (Patch, [usize; 3]);

/// The tokens that were recorded at all three sites.
struct Tokens {
    sites: [HiddenSite; 3],
    /// Mean token of each site, every token of a video counted once.
    means: [Array1<f64>; 3],
    /// By group: the tokens of each item.
    groups: BTreeMap<String, BTreeMap<usize, Vec<Token>>>,
    items: usize,
}

impl Tokens {
    fn read(frames: &Frames) -> Result<Self> {
        let read = |site: &str| HiddenSite::read(&frames.folder, site, &frames.items);
        let sites = [read(SITES[0])?, read(SITES[1])?, read(SITES[2])?];
        let widths = sites.each_ref().map(|site| site.width);
        if widths.iter().any(|width| *width != widths[0]) {
            return Err(Error::data(format!("addends and sum are {widths:?} numbers wide: they cannot add up")));
        }
        let places = sites.each_ref().map(places);
        let mut groups: BTreeMap<String, BTreeMap<usize, Vec<Token>>> = BTreeMap::new();
        let mut each: BTreeMap<(usize, Patch), [usize; 3]> = BTreeMap::new();
        for ((item, group, patch), first) in &places[0] {
            let key = (*item, group.clone(), *patch);
            let (Some(second), Some(sum)) = (places[1].get(&key), places[2].get(&key)) else { continue };
            let rows = [*first, *second, *sum];
            groups.entry(group.clone()).or_default().entry(*item).or_default().push((*patch, rows));
            each.insert((*item, *patch), rows);
        }
        // A map has no order of its own, and sums depend on it.
        groups.values_mut().flat_map(BTreeMap::values_mut).for_each(|tokens| tokens.sort_unstable());
        let means = [0, 1, 2].map(|site| {
            let rows: Vec<usize> = each.values().map(|rows| rows[site]).collect();
            let chosen = sites[site].vectors.select(Axis(0), &rows).mapv(f64::from);
            chosen.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(widths[site]))
        });
        let tokens = Self { sites, means, groups, items: frames.items.len() };
        tokens.add_up(frames, each)?;
        Ok(tokens)
    }

    /// Refuses a sum that is not one: then the frames are of different runs.
    fn add_up(&self, frames: &Frames, each: BTreeMap<(usize, Patch), [usize; 3]>) -> Result<()> {
        for ((item, patch), rows) in each {
            let [a, b, sum] = [0, 1, 2].map(|site| self.sites[site].vectors.row(rows[site]).mapv(f64::from));
            let apart = norm((&a + &b - &sum).view());
            let scale = norm(a.view()) + norm(b.view());
            if apart > TOLERANCE * scale {
                let Patch { row, col } = patch;
                return Err(Error::data(format!(
                    "item `{}`, patch {row}, {col}: `projector.out` is not the sum of `connector.2d` and `connector.3d` \
                     (apart by {apart:.3}, of {scale:.3})",
                    frames.items.id[item]
                ))
                .with_help("record the three sites in one run, in f32 if the states are large"));
            }
        }
        Ok(())
    }

    fn rows(
        &self,
        group: &str,
        states: &'static str,
        means: Option<&[Array1<f64>; 3]>,
        replicates: &Replicates,
    ) -> Vec<Row> {
        let Some(videos) = self.groups.get(group) else { return Vec::new() };
        let state = |rows: &[usize; 3], site: usize| -> Array1<f64> {
            let own = self.sites[site].vectors.row(rows[site]).mapv(f64::from);
            means.map_or(own.clone(), |means| own - &means[site])
        };
        let all: Vec<(&usize, &Vec<Token>)> = videos.iter().collect();
        let mut measured: Vec<(&'static str, [Vec<f64>; 2])> =
            MEASURES.iter().map(|name| (*name, [vec![f64::NAN; self.items], vec![f64::NAN; self.items]])).collect();
        for (place, (item, tokens)) in all.iter().enumerate() {
            let next: HashMap<Patch, &[usize; 3]> = match all.len() {
                1 => HashMap::new(),
                count => all[(place + 1) % count].1.iter().map(|(patch, rows)| (*patch, rows)).collect(),
            };
            let mut video = Video::default();
            for (patch, rows) in *tokens {
                let [a, b, sum] = [0, 1, 2].map(|site| state(rows, site));
                video.add(&a, &b, &sum, next.get(patch).map(|rows| state(rows, 1)));
            }
            for ((_, [value, control]), own) in measured.iter_mut().zip(video.measures()) {
                (value[**item], control[**item]) = own;
            }
        }
        let tokens = all.iter().map(|(_, tokens)| tokens.len() as u32).sum();
        let row = |(measure, [value, control]): (&'static str, [Vec<f64>; 2])| {
            let (mean, interval, n) = mean_with_interval(&value, replicates)?;
            let control = mean_with_interval(&control, replicates).map(|(mean, interval, _)| (mean, interval));
            Some(Row { group: group.to_owned(), states, measure, value: (mean, interval), control, n, tokens })
        };
        measured.into_iter().filter_map(row).collect()
    }
}

/// The rows of single tokens, by item, group and patch.
fn places(site: &HiddenSite) -> HashMap<(usize, String, Patch), usize> {
    let rows = site.rows.iter().enumerate();
    let token = |(at, row): (usize, &super::frames::HiddenRow)| {
        let original = site.variants()[usize::from(row.variant)] == "original";
        let key = (row.item, site.groups()[usize::from(row.group)].clone(), row.cell?);
        original.then_some((key, at))
    };
    rows.filter_map(token).collect()
}

/// In the order of [`Video::measures`].
const MEASURES: [&str; 5] = ["norm_2d", "norm_3d", "norm_sum", "share_3d", "cosine"];

/// Sums over the tokens of one video.
#[derive(Default)]
struct Video {
    tokens: f64,
    norms: [f64; 3],
    squares: [f64; 2],
    right_angled: f64,
    /// Cosines and how many, of the token itself and with another video's.
    cosines: [(f64, f64); 2],
}

impl Video {
    fn add(&mut self, a: &Array1<f64>, b: &Array1<f64>, sum: &Array1<f64>, other: Option<Array1<f64>>) {
        let (long, wide) = (norm(a.view()), norm(b.view()));
        self.tokens += 1.0;
        for (total, length) in self.norms.iter_mut().zip([long, wide, norm(sum.view())]) {
            *total += length;
        }
        self.squares[0] += long * long;
        self.squares[1] += wide * wide;
        self.right_angled += long.hypot(wide);
        for (b, (total, count)) in [Some(b), other.as_ref()].into_iter().zip(&mut self.cosines) {
            let Some(b) = b else { continue };
            let lengths = long * norm(b.view());
            if lengths > 0.0 {
                *total += a.dot(b) / lengths;
                *count += 1.0;
            }
        }
    }

    /// Each with its control; NaN where there is none.
    fn measures(&self) -> [(f64, f64); 5] {
        let mean = |total: f64| total / self.tokens;
        // Nothing by nothing is NaN, which is what it should be.
        let [own, other] = self.cosines.map(|(total, count)| total / count);
        let [first, second] = self.squares;
        [
            (mean(self.norms[0]), f64::NAN),
            (mean(self.norms[1]), f64::NAN),
            (mean(self.norms[2]), mean(self.right_angled)),
            (second / (first + second), f64::NAN),
            (own, other),
        ]
    }
}

fn norm(state: ArrayView1<'_, f64>) -> f64 {
    state.dot(&state).sqrt()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use polars::prelude::*;

    use super::super::planted::{PlantedItem, load, save, write};
    use super::*;

    /// Writes the three sites: of every video and token, a and b.
    fn planted(folder: &Path, tokens: &[Vec<[[f32; 2]; 2]>]) {
        let item = |n: usize| PlantedItem {
            image: format!("video-{n}"),
            relation: "left",
            familiarity: "familiar",
            correct: n.is_multiple_of(2),
            boxes: Vec::new(),
        };
        let items: Vec<PlantedItem> = (0..tokens.len()).map(item).collect();
        write(folder, &items, 1, &[-1], |_, _, _| vec![1.0; 16]);
        fs::create_dir_all(folder.join("frames/hidden")).unwrap();
        let of = |site: usize| -> DataFrame {
            let vector = |[a, b]: &[[f32; 2]; 2]| match site {
                0 => *a,
                1 => *b,
                _ => [a[0] + b[0], a[1] + b[1]],
            };
            let rows = || tokens.iter().enumerate().flat_map(|(n, all)| (0..all.len()).map(move |at| (n, at)));
            let vectors: Vec<f32> = tokens.iter().flatten().flat_map(vector).collect();
            let vectors = Series::new("vector".into(), vectors);
            let vectors = vectors.reshape_array(&[ReshapeDimension::Infer, ReshapeDimension::new(2)]).unwrap();
            let count = rows().count();
            let mut frame = df!(
                "item" => rows().map(|(n, _)| format!("item-{n:03}")).collect::<Vec<_>>(),
                "variant" => vec!["original"; count], "group" => vec!["image"; count],
                "cell_row" => rows().map(|(_, at)| at as i16 / 4).collect::<Vec<_>>(),
                "cell_col" => rows().map(|(_, at)| at as i16 % 4).collect::<Vec<_>>(),
            )
            .unwrap();
            frame.with_column(vectors.into_column()).unwrap();
            frame
        };
        for (site, name) in SITES.iter().enumerate() {
            save(&folder.join(format!("frames/hidden/{name}.parquet")), of(site));
        }
    }

    fn params() -> Params {
        Params { bootstrap: 200, permutations: 40, draws: 40, ..Params::default() }
    }

    fn table(folder: &Path) -> DataFrame {
        super::super::run(folder, &params()).unwrap();
        load(&folder.join("tables/addends.parquet"))
    }

    fn of(table: &DataFrame, states: &str, measure: &str, column: &str) -> Option<f64> {
        let text = |name: &str, row: usize| table.column(name).unwrap().str().unwrap().get(row).unwrap().to_owned();
        let row = (0..table.height()).find(|&row| text("states", row) == states && text("measure", row) == measure)?;
        table.column(column).unwrap().cast(&DataType::Float64).unwrap().f64().unwrap().get(row)
    }

    #[test]
    fn norms_share_and_angle_by_hand() {
        let place = tempfile::tempdir().unwrap();
        // Lengths 3 and 4 at right angles; then 5 and 5 at 60 degrees' cosine, 0.5 of (1, 0) and (0.5, 0.866).
        let slanted = [2.5, 5.0 * 0.75f32.sqrt()];
        planted(place.path(), &[vec![[[3.0, 0.0], [0.0, 4.0]]], vec![[[5.0, 0.0], slanted]]]);
        let table = table(place.path());
        let is = |measure: &str, column: &str, expected: f64| {
            let value = of(&table, "as_is", measure, column).unwrap();
            assert!((value - expected).abs() < 1e-5, "{measure}, {column}: {value} is not {expected}");
        };
        is("norm_2d", "value", 4.0);
        is("norm_3d", "value", 4.5);
        is("norm_sum", "value", (5.0 + 75f64.sqrt()) / 2.0);
        is("norm_sum", "control", (5.0 + 50f64.sqrt()) / 2.0);
        is("share_3d", "value", (16.0 / 25.0 + 0.5) / 2.0);
        is("cosine", "value", 0.25);
        // The other video's spatial addend: (3, 0) with the slanted one, (5, 0) with (0, 4).
        is("cosine", "control", 0.25);
        is("cosine", "n", 2.0);
        // Two videos: the bootstrap's ends are the videos themselves.
        is("norm_2d", "ci_lo", 3.0);
        is("norm_2d", "ci_hi", 5.0);
        // Less their means, the two videos lie opposite each other: the same norms, and the same angle, in both.
        let centred = |measure| of(&table, "centred", measure, "value").unwrap();
        let (a, b) = ([-1.0, 0.0], [-1.25, (4.0 - 5.0 * 0.75f64.sqrt()) / 2.0]);
        assert!((centred("norm_2d") - 1.0).abs() < 1e-5);
        let length = f64::hypot(b[0], b[1]);
        assert!((centred("cosine") - a[0] * b[0] / length).abs() < 1e-5);
    }

    /// What is the same in every token has a norm, and no share of what tells tokens apart.
    #[test]
    fn a_constant_addend_is_large_and_says_nothing() {
        let place = tempfile::tempdir().unwrap();
        let token = |n: usize| [[(n % 3) as f32, (n % 2) as f32], [30.0, 40.0]];
        planted(place.path(), &(0..6).map(|n| vec![token(n), token(n + 1)]).collect::<Vec<_>>());
        let table = table(place.path());
        assert!(of(&table, "as_is", "share_3d", "value").unwrap() > 0.99);
        assert!(of(&table, "centred", "share_3d", "value").unwrap() < 1e-6);
        assert_eq!(of(&table, "centred", "cosine", "value"), None);
    }

    /// Addends that know nothing of each other: the cosine is that of another video's, within its interval.
    #[test]
    fn unrelated_addends_agree_no_more_than_those_of_other_videos() {
        use rand::Rng;
        let rng = &mut crate::stats::seed::rng(3, "planted addends", 0);
        let mut state = || [rng.random_range(-1.0..1.0f32), rng.random_range(-1.0..1.0f32)];
        let videos: Vec<Vec<[[f32; 2]; 2]>> = (0..40).map(|_| (0..6).map(|_| [state(), state()]).collect()).collect();
        let place = tempfile::tempdir().unwrap();
        planted(place.path(), &videos);
        let table = table(place.path());
        let column = |name| of(&table, "centred", "cosine", name).unwrap();
        assert!(column("ci_lo") < 0.0 && 0.0 < column("ci_hi") && column("value").abs() < 0.15);
        assert!(column("ci_lo") < column("control_hi") && column("control_lo") < column("ci_hi"));
        // Turned by chance of another's: related ones stand out.
        let related: Vec<Vec<[[f32; 2]; 2]>> =
            videos.iter().map(|video| video.iter().map(|[a, _]| [*a, *a]).collect()).collect();
        planted(place.path(), &related);
        let table = self::table(place.path());
        assert!(of(&table, "centred", "cosine", "ci_lo").unwrap() > 0.9);
        assert!(of(&table, "centred", "cosine", "control_hi").unwrap() < 0.3);
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let place = tempfile::tempdir().unwrap();
        planted(place.path(), &[vec![[[3.0, 0.0], [0.0, 4.0]]], vec![[[1.0, 0.0], [0.0, 1.0]]]]);
        let hidden = place.path().join("frames/hidden");
        fs::copy(hidden.join("connector.2d.parquet"), hidden.join("projector.out.parquet")).unwrap();
        let error = super::super::run(place.path(), &params()).unwrap_err().to_string();
        assert!(error.contains("item `item-000`, patch 0, 0") && error.contains("is not the sum"), "{error}");
    }
}
