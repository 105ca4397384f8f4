//! Speed trial.
use super::*;
use crate::stats::seed::rng;
use ndarray::Array2;
use rand::Rng;
use std::time::Instant;

pub fn gaussian(n: usize, d: usize, seed: u64) -> Array2<f32> {
    noise(n, d, seed)
}

pub fn noise(n: usize, d: usize, seed: u64) -> Array2<f32> {
    let mut r = rng(seed, "test noise", 0);
    Array2::from_shape_fn((n, d), |_| (0..6).map(|_| r.random_range(-1.0f32..1.0)).sum::<f32>() / 1.414)
}

/// Low-rank structure plus class signal.
pub fn planted(
    n: usize,
    d: usize,
    classes: usize,
    per: usize,
    signal: f32,
    seed: u64,
) -> (Array2<f32>, Vec<usize>, Vec<usize>) {
    let mut x = noise(n, d, seed);
    let factors = noise(n, 32, seed + 1);
    let load = noise(32, d, seed + 2);
    for i in 0..n {
        for f in 0..32 {
            let c = factors[[i, f]] * 2.0 / (1.0 + f as f32).sqrt();
            for j in 0..d {
                x[[i, j]] += c * load[[f, j]];
            }
        }
    }
    let means = noise(classes, d, seed + 3);
    let groups: Vec<usize> = (0..n).map(|i| i / per).collect();
    let mut r = rng(seed, "labels", 1);
    let y: Vec<usize> = (0..n).map(|_| r.random_range(0..classes)).collect();
    for i in 0..n {
        for j in 0..d {
            x[[i, j]] += signal * means[[y[i], j]];
        }
    }
    (x, y, groups)
}

#[test]
#[ignore]
fn speed() {
    for (n, d, per, signal) in [
        (500usize, 128usize, 1usize, 0.1f32),
        (500, 128, 1, 0.5),
        (2000, 1024, 4, 0.03),
        (2000, 1024, 4, 0.1),
        (2000, 4096, 4, 0.03),
    ] {
        let (x, y, groups) = planted(n, d, 3, per, signal, 7);
        let rows = Rows { x: x.view(), groups: &groups };
        let folds = folds::grouped(&groups, 5, 1).unwrap();
        let start = Instant::now();
        let cv = cross_validate(rows, Labels { y: &y, classes: 3 }, &folds, Fit::Standard, &Inner::default()).unwrap();
        println!(
            "n {n} d {d} signal {signal}: {:.2} s, acc {:.3}, lambda {:?}",
            start.elapsed().as_secs_f64(),
            metrics::accuracy(cv.prob.view(), &cv.truth(&y)),
            cv.probes.iter().map(|p| p.lambda).collect::<Vec<_>>()
        );
    }
    let (x, y, groups) = planted(500, 128, 3, 1, 0.1, 7);
    let rows = Rows { x: x.view(), groups: &groups };
    let folds = folds::grouped(&groups, 5, 1).unwrap();
    let labellings = relabel::between_images(&y, &groups, &vec![0; 500], 40, 1).unwrap();
    let start = Instant::now();
    let null = permuted(rows, &labellings, 3, &folds, Fit::Standard, &Inner::default(), metrics::accuracy).unwrap();
    println!("40 permutations {:.2} s, {:?}", start.elapsed().as_secs_f64(), null);
}
