//! The probe against scikit-learn, and in worlds whose code is known.

use std::collections::HashMap;

use ndarray::{Array2, ArrayView2, Axis};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use vlmscope::stats::probe::{Fit, Fold, Inner, Labels, Probe, Rows, cross_validate, fit_all, metrics};

/// Matrices of a fixture by name; vectors are matrices of one column.
fn read(name: &str) -> HashMap<String, Array2<f64>> {
    let bytes = std::fs::read(format!("tests/fixtures/probe/{name}.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let matrix = |name: String| {
        let tensor = file.tensor(&name).unwrap();
        let numbers: Vec<f64> = match tensor.dtype() {
            safetensors::Dtype::F32 => {
                tensor.data().chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
            }
            safetensors::Dtype::F64 => {
                tensor.data().chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
            }
            _ => tensor.data().chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
        };
        let columns = tensor.shape().get(1).copied().unwrap_or(1);
        (name, Array2::from_shape_vec((numbers.len() / columns, columns), numbers).unwrap())
    };
    file.names().into_iter().map(|name| matrix(name.to_string())).collect()
}

fn whole(numbers: &Array2<f64>) -> Vec<usize> {
    numbers.iter().map(|&number| number as usize).collect()
}

/// Held-out accuracy within .01 of scikit-learn's and, at its lambdas, the same probabilities; fewer rows than features and more.
#[test]
fn scikit_learn_says_the_same() {
    for name in ["few-features", "few-rows"] {
        let file = read(name);
        let (x, reference) = (file["x"].mapv(|x| x as f32), &file["prob"]);
        let (y, groups, fold) = (whole(&file["y"]), whole(&file["groups"]), whole(&file["fold"]));
        let rows = Rows { x: x.view(), groups: &groups };
        let labels = Labels { y: &y, classes: 3 };
        let folds: Vec<Fold> =
            (0..5).map(|test| Fold::holding_out(&groups, |row| fold[row] == test).unwrap()).collect();

        let nested = cross_validate(rows, labels, &folds, Fit::Standard, &Inner::default()).unwrap();
        let ours = metrics::accuracy(nested.prob.view(), &nested.truth(&y));
        let theirs = metrics::accuracy(reference.view(), &y);
        assert!((ours - theirs).abs() <= 0.01, "{name}: {ours} here, {theirs} in scikit-learn");

        for (fold, &lambda) in folds.iter().zip(&file["lambda"]) {
            let inner = Inner { lambdas: vec![lambda], ..Inner::default() };
            let ours = cross_validate(rows, labels, std::slice::from_ref(fold), Fit::Standard, &inner).unwrap();
            let theirs = reference.select(Axis(0), &ours.rows);
            let apart = (&ours.prob - &theirs).iter().fold(0.0f64, |most, apart| most.max(apart.abs()));
            assert!(apart < 1e-3, "{name}: probabilities differ by {apart:e} at lambda {lambda}");
        }
    }
}

const GRID: usize = 18;
const SIDE: usize = 2;
const PITCH: usize = 4;
const WIDTH: usize = 256;

#[derive(Clone, Copy, PartialEq)]
enum Code {
    Absolute,
    Relative,
    Both,
}

/// Three objects in a row on an 18 x 18 grid, each 2 x 2 patches, in one of 120 orders of 3 out of 6 colours. A patch's state
/// holds its row and its object's colour and, depending on the world, its column, or the rank of the nearest object, or both.
struct World {
    code: Code,
    /// `[*, WIDTH]`.
    rows: Array2<f32>,
    columns: Array2<f32>,
    ranks: Array2<f32>,
    colours: Array2<f32>,
    noise: ChaCha8Rng,
}

/// What stands on the grid.
#[derive(Clone, Copy)]
enum Scene {
    Objects { shift: isize },
    Blank,
}

impl World {
    fn new(code: Code) -> Self {
        let codes = read("codes");
        let take = |name: &str, scale: f64| codes[name].mapv(|value| (scale * value) as f32);
        let waves = take("waves", 0.6);
        let columns = Array2::from_shape_fn((GRID, WIDTH), |(column, d)| {
            let x = std::f32::consts::PI * column as f32 / (GRID - 1) as f32;
            (0..4).map(|k| ((k + 1) as f32 * x).cos() * waves[[k, d]]).sum()
        });
        let noise = ChaCha8Rng::seed_from_u64(code as u64);
        Self { code, rows: take("rows", 0.6), columns, ranks: take("ranks", 0.6), colours: take("colours", 1.0), noise }
    }

    /// States of the patches asked for, `[patches, WIDTH]`.
    fn states(&mut self, colours: [usize; 3], scene: Scene, patches: &[(usize, usize)]) -> Array2<f32> {
        let mut states = Array2::from_shape_simple_fn((patches.len(), WIDTH), || 0.5 * normal(&mut self.noise));
        for (mut state, &(row, column)) in states.rows_mut().into_iter().zip(patches) {
            state += &self.rows.row(row);
            if self.code != Code::Relative {
                state += &self.columns.row(column);
            }
            if let Scene::Objects { shift } = scene {
                if self.code != Code::Absolute {
                    state += &self.ranks.row(nearest(column, shift));
                }
                if let Some(slot) = (0..3).find(|&slot| object(slot, shift).contains(&(row, column))) {
                    state += &self.colours.row(colours[slot]);
                }
            }
        }
        states
    }

    /// Object patches of images: states, slots, image numbers.
    fn objects(&mut self, images: &[[usize; 3]], shift: isize) -> (Array2<f32>, Vec<usize>, Vec<usize>) {
        let patches: Vec<(usize, usize)> = (0..3).flat_map(|slot| object(slot, shift)).collect();
        let states: Vec<Array2<f32>> =
            images.iter().map(|&image| self.states(image, Scene::Objects { shift }, &patches)).collect();
        let views: Vec<ArrayView2<f32>> = states.iter().map(Array2::view).collect();
        let rows = 0..images.len() * 12;
        let slots = rows.clone().map(|row| row % 12 / 4).collect();
        (ndarray::concatenate(Axis(0), &views).unwrap(), slots, rows.map(|row| row / 12).collect())
    }

    /// Share of all patches that the probe gives the slot of the nearest object.
    fn strips(&mut self, probe: &Probe, images: &[[usize; 3]], scene: Scene) -> f64 {
        let patches: Vec<(usize, usize)> = (0..GRID * GRID).map(|patch| (patch / GRID, patch % GRID)).collect();
        let near: Vec<usize> = patches.iter().map(|&(_, column)| nearest(column, 0)).collect();
        let mut share = |image: &[usize; 3]| {
            metrics::accuracy(probe.predict(self.states(*image, scene, &patches).view()).view(), &near)
        };
        images.iter().map(&mut share).sum::<f64>() / images.len() as f64
    }
}

fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

/// First column of an object.
fn left(slot: usize, shift: isize) -> isize {
    (GRID as isize - (2 * PITCH + SIDE) as isize) / 2 + shift + (slot * PITCH) as isize
}

fn object(slot: usize, shift: isize) -> Vec<(usize, usize)> {
    let (top, left) = ((GRID - SIDE) / 2, left(slot, shift) as usize);
    (0..SIDE * SIDE).map(|i| (top + i / SIDE, left + i % SIDE)).collect()
}

/// The slot whose object is nearest to a column; the first one where two are.
fn nearest(column: usize, shift: isize) -> usize {
    (0..3).min_by_key(|&slot| (2 * (column as isize - left(slot, shift)) - 1).abs()).unwrap_or_default()
}

/// In all three worlds the `slot` probe reads every object's slot. What tells a code of absolute position from one of order is
/// the strips on a blank image and the objects moved by one slot; the expected numbers are an independent simulation's.
#[test]
fn the_slot_probe_cannot_tell_planted_codes_apart_and_the_controls_can() {
    let mut orders: Vec<[usize; 3]> =
        (0..216).map(|i| [i / 36, i / 6 % 6, i % 6]).filter(|[a, b, c]| a != b && b != c && a != c).collect();
    orders.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    let (train, test) = orders.split_at(90);
    // Strips with objects, strips on the blank image, least and largest accuracy after a shift either way.
    let expected = [
        (Code::Absolute, 0.78, 0.78, [0.0, 0.0]),
        (Code::Relative, 1.0, 0.31, [1.0, 1.0]),
        (Code::Both, 0.95, 0.76, [0.27, 0.31]),
    ];
    for (code, strips, blank, [least, largest]) in expected {
        let mut world = World::new(code);
        let (x, y, groups) = world.objects(train, 0);
        let labels = Labels { y: &y, classes: 3 };
        let probe = fit_all(Rows { x: x.view(), groups: &groups }, labels, Fit::Standard, &Inner::default()).unwrap();
        let mut accuracy = |shift| {
            let (x, y, _) = world.objects(test, shift);
            metrics::accuracy(probe.predict(x.view()).view(), &y)
        };
        let here = accuracy(0);
        let moved = [accuracy(-(PITCH as isize)), accuracy(PITCH as isize)];
        let found = world.strips(&probe, test, Scene::Objects { shift: 0 });
        let found_blank = world.strips(&probe, test, Scene::Blank);
        println!("{}: {here:.3} strips {found:.3} blank {found_blank:.3} moved {moved:.3?}", code as u8);
        assert!(here >= 0.99, "{here}");
        assert!((found - strips).abs() <= 0.05, "strips {found}, expected {strips}");
        assert!((found_blank - blank).abs() <= 0.05, "blank {found_blank}, expected {blank}");
        assert!(moved.iter().all(|moved| (least - 0.05..=largest + 0.05).contains(moved)), "moved {moved:?}");
    }
}
