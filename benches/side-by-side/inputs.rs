//! What every arm reads: items, a counterfactual partner of each, and features to fit probes to.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde::{Deserialize, Serialize};
use vlmscope::stats::probe::{Inner, folds};

use crate::Fallible;
use crate::shape::{IMAGE_TOKEN, Shape};

/// Rows of a probe's features, one an image.
pub const ROWS: usize = 408;
const CLASSES: usize = 3;
const FOLDS: usize = 5;

/// Which positions and tokens the tasks are about, and what is done there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Positions of the image tokens.
    pub image: Vec<usize>,
    /// What a sweep overwrites, and where.
    pub slots: Vec<(String, Vec<usize>)>,
    /// Token ids of the two answers whose logits are compared.
    pub options: [usize; 2],
    /// Factors of the attention scores.
    pub alphas: Vec<f64>,
    /// Penalties of the probes.
    pub lambdas: Vec<f64>,
    /// Whether pixels come as tiles of an image.
    pub tiled: bool,
}

impl About {
    fn of(shape: &Shape) -> Self {
        let side = shape.side();
        let block = |columns: std::ops::Range<usize>| -> Vec<usize> {
            (side / 4..side / 2).flat_map(|row| columns.clone().map(move |column| 1 + row * side + column)).collect()
        };
        let image: Vec<usize> = (1..=side * side).collect();
        let slots = vec![
            ("last token".into(), vec![shape.tokens - 1]),
            ("object A".into(), block(side / 8..3 * side / 8)),
            ("object B".into(), block(5 * side / 8..7 * side / 8)),
            ("image".into(), image.clone()),
        ];
        let tiled = shape.family != crate::shape::Family::Llava;
        let alphas = vec![0.0, 0.5, 0.8, 1.2, 1.5, 2.0];
        Self { image, slots, options: [10, 11], alphas, lambdas: Inner::default().lambdas, tiled }
    }
}

/// Writes what is not there yet.
pub fn write(folder: &Path, shape: &Shape) -> Fallible<()> {
    let about = serde_json::to_string(&About::of(shape))?;
    let path = folder.join("about.json");
    if std::fs::read_to_string(&path).is_ok_and(|there| there == about) {
        return Ok(());
    }
    items(folder, shape)?;
    features(folder, shape)?;
    Ok(std::fs::write(path, about)?)
}

fn items(folder: &Path, shape: &Shape) -> Fallible<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (side, tokens, edge) = (shape.side(), shape.tokens, shape.tower.image);
    let text = 20..shape.decoder.vocabulary as i64;
    let (mut ids, mut pixels) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..shape.items {
        let mut words: Vec<i64> = (0..tokens).map(|_| rng.random_range(text.clone())).collect();
        words[0] = 1;
        words[1..=side * side].fill(IMAGE_TOKEN as i64);
        ids[0].extend(&words);
        words[tokens - 5] = rng.random_range(text.clone());
        ids[1].extend(&words);
        // A colour for each image token, two of the blocks strong, and noise; the partner has the blocks' colours exchanged.
        let mut colours: Vec<[f32; 3]> =
            (0..side * side).map(|_| [0; 3].map(|_| rng.random_range(-1.0..1.0))).collect();
        let strong = [[2.0, -1.5, -1.5], [-1.5, -1.5, 2.0]];
        let blocks: Vec<Vec<usize>> = About::of(shape).slots[1..3].iter().map(|(_, at)| at.clone()).collect();
        let noise: Vec<f32> = (0..3 * edge * edge).map(|_| rng.random_range(-0.3..0.3)).collect();
        for (partner, pixels) in pixels.iter_mut().enumerate() {
            for (block, places) in blocks.iter().enumerate() {
                places.iter().for_each(|&at| colours[at - 1] = strong[(block + partner) % 2]);
            }
            let of = |at: usize| {
                let (channel, row, column) = (at / (edge * edge), at / edge % edge, at % edge);
                colours[(row * side / edge) * side + column * side / edge][channel] + noise[at]
            };
            pixels.extend((0..3 * edge * edge).map(of));
        }
    }
    let (of_ids, of_pixels) = (vec![shape.items, tokens], vec![shape.items, 3, edge, edge]);
    let ids = ids.map(|ids| whole(&ids));
    let pixels = pixels.map(|pixels| numbers(&pixels));
    let tensors = [
        ("ids", TensorView::new(Dtype::I64, of_ids.clone(), &ids[0])?),
        ("partner_ids", TensorView::new(Dtype::I64, of_ids, &ids[1])?),
        ("pixels", TensorView::new(Dtype::F32, of_pixels.clone(), &pixels[0])?),
        ("partner_pixels", TensorView::new(Dtype::F32, of_pixels, &pixels[1])?),
    ];
    Ok(serialize_to_file(tensors, None, &folder.join("inputs.safetensors"))?)
}

/// Features of each layer, whose class shows better the deeper it is; and the folds, outer and inner, that every arm takes.
fn features(folder: &Path, shape: &Shape) -> Fallible<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (layers, width) = (shape.decoder.layers, shape.decoder.width);
    let mut normal = || {
        let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
        radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
    };
    let y: Vec<i64> = (0..ROWS).map(|row| (row % CLASSES) as i64).collect();
    let means: Vec<f32> = (0..CLASSES * width).map(|_| normal()).collect();
    let directions: Vec<f32> = (0..8 * width).map(|_| normal()).collect();
    let mut x = Vec::with_capacity(layers * ROWS * width);
    for layer in 0..layers {
        let signal = 2.2 * (layer + 1) as f32 / (layers as f32 * (width as f32).sqrt());
        for &class in &y {
            let along: Vec<f32> = (0..8).map(|_| normal()).collect();
            x.extend((0..width).map(|at| {
                let structure: f32 = along.iter().enumerate().map(|(d, a)| a * directions[d * width + at]).sum();
                structure + normal() + signal * means[class as usize * width + at]
            }));
        }
    }
    let groups: Vec<usize> = (0..ROWS).collect();
    let (mut fold_of, mut inner_of) = (vec![0i64; ROWS], vec![-1i64; FOLDS * ROWS]);
    let inner = Inner::default();
    for (outer, fold) in folds::grouped(&groups, FOLDS, 1)?.iter().enumerate() {
        fold.test.iter().for_each(|&row| fold_of[row] = outer as i64);
        let own: Vec<usize> = fold.train.iter().map(|&row| groups[row]).collect();
        for (part, fold_in) in folds::grouped(&own, inner.folds, inner.seed)?.iter().enumerate() {
            fold_in.test.iter().for_each(|&at| inner_of[outer * ROWS + fold.train[at]] = part as i64);
        }
    }
    let (x, y, fold_of, inner_of) = (numbers(&x), whole(&y), whole(&fold_of), whole(&inner_of));
    let tensors = [
        ("x", TensorView::new(Dtype::F32, vec![layers, ROWS, width], &x)?),
        ("y", TensorView::new(Dtype::I64, vec![ROWS], &y)?),
        ("fold", TensorView::new(Dtype::I64, vec![ROWS], &fold_of)?),
        ("inner", TensorView::new(Dtype::I64, vec![FOLDS, ROWS], &inner_of)?),
    ];
    Ok(serialize_to_file(tensors, None, &folder.join("features.safetensors"))?)
}

fn numbers(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn whole(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A tensor of a file: its shape and its numbers.
pub fn read_f32(file: &SafeTensors<'_>, name: &str) -> Fallible<(Vec<usize>, Vec<f32>)> {
    let view = file.tensor(name)?;
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap_or_default());
    Ok((view.shape().to_vec(), view.data().chunks_exact(4).map(number).collect()))
}

/// The same of whole numbers.
pub fn read_i64(file: &SafeTensors<'_>, name: &str) -> Fallible<(Vec<usize>, Vec<i64>)> {
    let view = file.tensor(name)?;
    let number = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().unwrap_or_default());
    Ok((view.shape().to_vec(), view.data().chunks_exact(8).map(number).collect()))
}
