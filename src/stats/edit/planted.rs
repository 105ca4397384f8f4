//! A world in which it is known what a reader uses: directions are planted, and so is a direction that it ignores.

use ndarray::{Array1, Array2, Axis};

use super::random::{matched_dose, matched_subspace, normal, subspace};
use super::{Edit, Length, LowRank, Moments, Shrinkage};
use crate::stats::Changes;
use crate::stats::decomposition::eigen;
use crate::stats::permutation::p_value;
use crate::stats::seed::rng;

const WIDTH: usize = 40;
const ITEMS: usize = 600;

/// States in which a binary layout is written faintly along `used` and plainly along `ignored`, among noise whose widths differ
/// by direction. The reader looks at `used` alone, through noise of its own that no edit reaches.
struct World {
    x: Array2<f64>,
    truth: Vec<bool>,
    used: Array1<f64>,
    ignored: Array1<f64>,
    own_noise: Array1<f64>,
}

impl World {
    fn new() -> Self {
        let noise = &mut rng(11, "planted edits", 0);
        let basis = subspace(WIDTH, WIDTH, noise).unwrap();
        let (used, ignored) = (basis.column(3).to_owned(), basis.column(4).to_owned());
        let widths = Array1::from_shape_fn(WIDTH, |i| 3.0 * (-(i as f64) / 8.0).exp() + 0.05);
        let truth: Vec<bool> = (0..ITEMS).map(|item| item % 2 == 0).collect();
        let mut loose = normal(ITEMS, WIDTH, noise) * &widths;
        for (mut row, &right) in loose.rows_mut().into_iter().zip(&truth) {
            let side = if right { 1.0 } else { -1.0 };
            row[3] = side + 0.2 * row[3];
            row[4] = 2.0 * side + 0.2 * row[4];
        }
        Self {
            x: loose.dot(&basis.t()),
            truth,
            used,
            ignored,
            own_noise: normal(ITEMS, 1, noise).column(0).mapv(|v| 1.5 * v),
        }
    }

    fn answers(&self, x: &Array2<f64>) -> Vec<bool> {
        (x.dot(&self.used) + &self.own_noise)
            .iter()
            .zip(&self.truth)
            .map(|(said, truth)| (*said > 0.0) == *truth)
            .collect()
    }

    /// What an edit fixes and breaks.
    fn changes(&self, edited: &Array2<f64>) -> Changes {
        Changes::of(self.answers(&self.x).into_iter().zip(self.answers(edited)))
    }

    fn column(direction: &Array1<f64>) -> Array2<f64> {
        direction.clone().insert_axis(Axis(1))
    }
}

#[test]
fn enhancing_the_direction_that_is_used_helps_and_as_large_random_ones_do_not() {
    let world = World::new();
    let edit = Edit::gain_raw(World::column(&world.used).view());
    let far = edit.rms(world.x.view(), &[]);
    let net = |dose: f64| world.changes(&edit.apply(world.x.view(), &[], dose, Length::Free)).net().unwrap();
    assert!(net(4.0) > 0.15 && net(-0.9) < -0.1, "{} {}", net(4.0), net(-0.9));
    assert!(net(-0.9) < 0.0 && net(1.0) > 0.0 && net(1.0) < net(4.0), "a dose has its response");
    let strong = world.changes(&edit.apply(world.x.view(), &[], 4.0, Length::Free));
    assert!(strong.p_value() < 1e-6 && strong.broken * 5 < strong.fixed);

    let nulls = (0..100).map(|draw| {
        let random = Edit::gain_raw(subspace(WIDTH, 1, &mut rng(12, "draw", draw)).unwrap().view());
        let dose = matched_dose(4.0, far, random.rms(world.x.view(), &[])).unwrap();
        world.changes(&random.apply(world.x.view(), &[], dose, Length::Free)).net().unwrap()
    });
    let nulls: Vec<f64> = nulls.collect();
    assert!((p_value(net(4.0), nulls.iter().copied()) - 1.0 / 101.0).abs() < 1e-12);
    assert!((nulls.iter().sum::<f64>() / 100.0).abs() < 0.03);
    // A constant addition pushes every answer one way: it fixes as many as it breaks.
    let add = Edit::add(World::column(&world.used).view(), 1.0).unwrap();
    assert!(world.changes(&add.apply(world.x.view(), &[], 4.0, Length::Free)).net().unwrap() < 0.02);
}

#[test]
fn erasing_what_is_used_hurts_and_what_is_ignored_or_random_does_not() {
    let world = World::new();
    let right = |x: &Array2<f64>| world.answers(x).iter().filter(|right| **right).count() as f64 / ITEMS as f64;
    let before = right(&world.x);
    let alone = |direction: &Array1<f64>| LowRank::projection(World::column(direction), Array1::zeros(WIDTH));
    assert!((right(&alone(&world.used).erase(world.x.view())) - 0.5).abs() < 0.06, "chance is left");
    assert!((right(&alone(&world.ignored).erase(world.x.view())) - before).abs() < 1e-12, "readable is not used");

    let z = Array2::from_shape_fn((ITEMS, 1), |(item, _)| f64::from(u8::from(world.truth[item])));
    let mut moments = Moments::new(WIDTH, 1);
    moments.push(world.x.view(), z.view());
    let covariance = moments.covariance(Shrinkage::None).unwrap();
    let leace = covariance.leace().unwrap();
    assert!((right(&leace.erase(world.x.view())) - 0.5).abs() < 0.08, "no linear reader is left with the concept");
    let sigma = eigen(covariance.xx.view()).unwrap();
    let removed = leace.removed_variance(covariance.xx.view());
    let random = (0..50).map(|draw| {
        let matched = matched_subspace(&sigma, 1, removed, &mut rng(13, "draw", draw)).unwrap();
        right(&LowRank::projection(matched.basis, covariance.mean_x.clone()).erase(world.x.view()))
    });
    let random = random.sum::<f64>() / 50.0;
    assert!(before - random < 0.25 * (before - 0.5), "{before}, at random {random}");
}
