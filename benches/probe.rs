//! What a probe sweep costs: 2,000 rows of 1,024 and of 4,096 features, 5 grouped folds, 9 lambdas by 5 inner folds each; and
//! what a permutation of the labels costs, everything fitted anew.
//!
//!     cargo bench --bench probe [-- --export STEM]
//!
//! `--export` writes the features of each sweep to STEM-1024.safetensors and STEM-4096.safetensors, for
//! `python scripts/probe_sklearn.py` to do the same in scikit-learn. Features are standard normal noise, eight strong directions
//! that say nothing, and a weak mean for each of three classes; four rows an image.

use std::path::PathBuf;
use std::time::Instant;

use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use vlmscope::stats::probe::{Fit, Fold, Inner, Labels, Rows, cross_validate, folds, metrics, permuted, relabel};

struct Study {
    x: Array2<f32>,
    y: Vec<usize>,
    groups: Vec<usize>,
    folds: Vec<Fold>,
}

impl Study {
    fn planted(rows: usize, features: usize, rows_each: usize, signal: f32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(features as u64);
        let groups: Vec<usize> = (0..rows).map(|row| row / rows_each).collect();
        let of_image: Vec<usize> = (0..=rows / rows_each).map(|_| rng.random_range(0..3)).collect();
        let y: Vec<usize> = groups.iter().map(|&group| of_image[group]).collect();
        let mut gaussian = |rows, columns| {
            Array2::from_shape_simple_fn((rows, columns), || {
                let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
                radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
            })
        };
        let structure = gaussian(rows, 8).dot(&gaussian(8, features));
        let means = gaussian(3, features) * signal;
        let mut x = gaussian(rows, features) + structure;
        x.rows_mut().into_iter().zip(&y).for_each(|(mut row, &y)| row += &means.row(y));
        let folds = folds::grouped(&groups, 5, 1).expect("more images than folds");
        Self { x, y, groups, folds }
    }

    fn rows(&self) -> Rows<'_> {
        Rows { x: self.x.view(), groups: &self.groups }
    }

    fn export(&self, path: PathBuf) -> Result<(), safetensors::SafeTensorError> {
        let mut fold_of = vec![0; self.y.len()];
        for (fold, part) in self.folds.iter().enumerate() {
            part.test.iter().for_each(|&row| fold_of[row] = fold);
        }
        let x: Vec<u8> = self.x.iter().flat_map(|value| value.to_le_bytes()).collect();
        let whole =
            |numbers: &[usize]| numbers.iter().flat_map(|&number| (number as i64).to_le_bytes()).collect::<Vec<u8>>();
        let (y, groups, fold) = (whole(&self.y), whole(&self.groups), whole(&fold_of));
        let n = vec![self.y.len()];
        let tensors = [
            ("x", TensorView::new(Dtype::F32, vec![self.x.nrows(), self.x.ncols()], &x)?),
            ("y", TensorView::new(Dtype::I64, n.clone(), &y)?),
            ("groups", TensorView::new(Dtype::I64, n.clone(), &groups)?),
            ("fold", TensorView::new(Dtype::I64, n, &fold)?),
        ];
        serialize_to_file(tensors, None, &path)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let stem = arguments.iter().position(|argument| argument == "--export").and_then(|at| arguments.get(at + 1));
    println!("{} threads", rayon::current_num_threads());
    for (features, signal) in [(1024, 0.06), (4096, 0.04)] {
        let study = Study::planted(2000, features, 4, signal);
        let labels = Labels { y: &study.y, classes: 3 };
        let start = Instant::now();
        let fitted = cross_validate(study.rows(), labels, &study.folds, Fit::Standard, &Inner::default())?;
        let seconds = start.elapsed().as_secs_f64();
        let accuracy = metrics::accuracy(fitted.prob.view(), &fitted.truth(&study.y));
        let lambdas: Vec<f64> = fitted.probes.iter().map(|probe| probe.lambda).collect();
        println!("sweep   x (2000, {features}): {seconds:.2} s, held-out accuracy {accuracy:.4}, lambdas {lambdas:?}");
        if let Some(stem) = stem {
            study.export(PathBuf::from(format!("{stem}-{features}.safetensors")))?;
        }
    }
    let study = Study::planted(500, 128, 1, 0.3);
    let labellings = relabel::between_images(&study.y, &study.groups, &vec![0; 500], 100, 1)?;
    let start = Instant::now();
    let inner = Inner::default();
    let null = permuted(study.rows(), &labellings, 3, &study.folds, Fit::Standard, &inner, metrics::accuracy)?;
    let seconds = start.elapsed().as_secs_f64();
    let mean = null.iter().sum::<f64>() / null.len() as f64;
    println!(
        "permute x (500, 128): {:.1} s for 1,000 permutations (from 100), mean accuracy {mean:.3}",
        10.0 * seconds
    );
    Ok(())
}
