//! Means and covariances of states X and a concept Z, gathered batch by batch in one pass.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::Degenerate;

/// Running sums about running means (Welford's, batch by batch), in `f64`.
#[derive(Clone, Debug)]
pub struct Moments {
    n: usize,
    mean_x: Array1<f64>,
    mean_z: Array1<f64>,
    xx: Array2<f64>,
    xz: Array2<f64>,
    zz: Array2<f64>,
}

/// Whether the covariance of the states is drawn towards a multiple of the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrinkage {
    None,
    /// By the amount that is optimal for that many states in that many dimensions; indispensable where states are few.
    /// Source: Bodnar, Gupta and Parolya, J. Multivariate Analysis 132 (2014).
    Optimal,
}

/// What an eraser is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    /// `[width]`.
    pub mean_x: Array1<f64>,
    /// `[k]`.
    pub mean_z: Array1<f64>,
    /// Of the states, `[width, width]`.
    pub xx: Array2<f64>,
    /// Of states and concept, `[width, k]`.
    pub xz: Array2<f64>,
    /// Of the concept, `[k, k]`.
    pub zz: Array2<f64>,
}

impl Moments {
    /// Of nothing yet, for states of `width` and a concept of `k` columns.
    pub fn new(width: usize, k: usize) -> Self {
        Self {
            n: 0,
            mean_x: Array1::zeros(width),
            mean_z: Array1::zeros(k),
            xx: Array2::zeros((width, width)),
            xz: Array2::zeros((width, k)),
            zz: Array2::zeros((k, k)),
        }
    }

    /// How many states went in.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns of the concept.
    pub fn concept(&self) -> usize {
        self.mean_z.len()
    }

    /// The mean state, `[width]`.
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean_x
    }

    /// The covariance of the states over n, `[width, width]`; zero of nothing.
    pub fn spread(&self) -> Array2<f64> {
        &self.xx / self.n.max(1) as f64
    }

    /// Takes in what others have gathered.
    pub fn absorb(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        self.shift(other.n, &other.mean_x, &other.mean_z);
        self.xx += &other.xx;
        self.xz += &other.xz;
        self.zz += &other.zz;
    }

    /// Takes in states `[n, width]` with their concept `[n, k]`.
    pub fn push(&mut self, x: ArrayView2<f64>, z: ArrayView2<f64>) {
        let (Some(mean_x), Some(mean_z)) = (x.mean_axis(Axis(0)), z.mean_axis(Axis(0))) else { return };
        self.shift(x.nrows(), &mean_x, &mean_z);
        let (x, z) = (&x - &mean_x, &z - &mean_z);
        self.xx += &x.t().dot(&x);
        self.xz += &x.t().dot(&z);
        self.zz += &z.t().dot(&z);
    }

    /// Moves the means to take in `n` more, and adds what lies between both means.
    fn shift(&mut self, n: usize, mean_x: &Array1<f64>, mean_z: &Array1<f64>) {
        let (before, added) = (self.n as f64, n as f64);
        let (step_x, step_z) = (mean_x - &self.mean_x, mean_z - &self.mean_z);
        let between = before * added / (before + added);
        self.xx += &(outer(&step_x, &step_x) * between);
        self.xz += &(outer(&step_x, &step_z) * between);
        self.zz += &(outer(&step_z, &step_z) * between);
        self.mean_x.scaled_add(added / (before + added), &step_x);
        self.mean_z.scaled_add(added / (before + added), &step_z);
        self.n += n;
    }

    /// The covariances: of the states over n, of states and concept and of the concept over n - 1.
    ///
    /// # Errors
    /// Fewer than two states, or a concept that is constant.
    pub fn covariance(&self, shrinkage: Shrinkage) -> Result<Covariance, Degenerate> {
        if self.n < 2 {
            return Err(Degenerate::TooFew(self.n));
        }
        if self.zz.diag().sum() <= 0.0 {
            return Err(Degenerate::ConstantConcept);
        }
        let (n, less_one) = (self.n as f64, self.n as f64 - 1.0);
        let sample = &self.xx / n;
        Ok(Covariance {
            mean_x: self.mean_x.clone(),
            mean_z: self.mean_z.clone(),
            xx: match shrinkage {
                Shrinkage::None => sample,
                Shrinkage::Optimal => shrunk(sample, n),
            },
            xz: &self.xz / less_one,
            zz: &self.zz / less_one,
        })
    }
}

fn outer(a: &Array1<f64>, b: &Array1<f64>) -> Array2<f64> {
    a.view().insert_axis(Axis(1)).dot(&b.view().insert_axis(Axis(0)))
}

/// `a S + (1 - a) (tr S / d) I` with the `a` that loses least in Frobenius norm.
///
/// With `sum of squared entries = |S|^2` and `t = tr S`, the target is `t / d I` of squared norm `t^2 / d`, and
/// `1 - a = (t^2 / n) / (|S|^2 - t^2 / d)`.
fn shrunk(sample: Array2<f64>, n: f64) -> Array2<f64> {
    let d = sample.nrows() as f64;
    let trace = sample.diag().sum();
    let spread = sample.iter().map(|value| value * value).sum::<f64>() - trace * trace / d;
    // No spread at all: the sample is the target.
    let toward = if spread > 0.0 { (trace * trace / n / spread).min(1.0) } else { 1.0 };
    let mut shrunk = sample * (1.0 - toward);
    shrunk.diag_mut().mapv_inplace(|value| value + toward * trace / d);
    shrunk
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};
    use rand::Rng;

    use super::*;
    use crate::stats::seed::rng;

    #[test]
    fn batches_give_what_all_at_once_gives() {
        let mut noise = rng(1, "moments", 0);
        let x = Array2::from_shape_fn((23, 4), |(_, i)| noise.random_range(-1.0..1.0) + i as f64);
        let z = Array2::from_shape_fn((23, 2), |(row, i)| x[[row, i]] + noise.random_range(-0.1..0.1));
        let (mut once, mut thrice) = (Moments::new(4, 2), Moments::new(4, 2));
        once.push(x.view(), z.view());
        for rows in [0..5, 5..5, 5..22, 22..23] {
            thrice.push(x.slice(s![rows.clone(), ..]), z.slice(s![rows, ..]));
        }
        let mut halves = [Moments::new(4, 2), Moments::new(4, 2)];
        halves[0].push(x.slice(s![..9, ..]), z.slice(s![..9, ..]));
        halves[1].push(x.slice(s![9.., ..]), z.slice(s![9.., ..]));
        let [mut joined, second] = halves;
        joined.absorb(&second);
        joined.absorb(&Moments::new(4, 2));
        assert!(
            (joined.covariance(Shrinkage::None).unwrap().xz - once.covariance(Shrinkage::None).unwrap().xz)
                .iter()
                .all(|gap| gap.abs() < 1e-12)
        );
        let (a, b) = (once.covariance(Shrinkage::None).unwrap(), thrice.covariance(Shrinkage::None).unwrap());
        for (a, b) in [(&a.xx, &b.xx), (&a.xz, &b.xz), (&a.zz, &b.zz)] {
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12));
        }
        let mean = x.mean_axis(Axis(0)).unwrap();
        let centred = &x - &mean;
        let direct = centred.t().dot(&centred) / 23.0;
        assert!(a.xx.iter().zip(&direct).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(b.mean_x.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn shrinking_keeps_the_trace_and_brings_few_states_near_the_truth() {
        // 20 states of 40 dimensions with covariance I: the sample is far off, and the best estimate is nearly t / d I.
        let mut noise = rng(2, "moments", 0);
        let half_width = 3.0_f64.sqrt();
        let x = Array2::from_shape_fn((20, 40), |_| noise.random_range(-half_width..half_width));
        let mut moments = Moments::new(40, 1);
        moments.push(x.view(), x.slice(s![.., ..1]));
        let far = |sigma: &Array2<f64>| (sigma - &Array2::<f64>::eye(40)).iter().map(|gap| gap * gap).sum::<f64>();
        let raw = moments.covariance(Shrinkage::None).unwrap().xx;
        let shrunk = moments.covariance(Shrinkage::Optimal).unwrap().xx;
        assert!((raw.diag().sum() - shrunk.diag().sum()).abs() < 1e-9);
        assert!(far(&shrunk) < 0.1 * far(&raw), "{} against {}", far(&shrunk), far(&raw));
    }

    #[test]
    fn many_states_are_hardly_shrunk() {
        let x =
            Array2::from_shape_fn((4000, 2), |(row, i)| [2.0, 0.5][i] * if (row >> i) % 2 == 0 { 1.0 } else { -1.0 });
        let mut moments = Moments::new(2, 1);
        moments.push(x.view(), x.slice(s![.., ..1]));
        let sigma = moments.covariance(Shrinkage::Optimal).unwrap().xx;
        assert!((sigma[[0, 0]] - 4.0).abs() < 0.01 && (sigma[[1, 1]] - 0.25).abs() < 0.01, "{sigma}");
    }

    #[test]
    fn too_little_is_said() {
        let mut moments = Moments::new(1, 1);
        assert_eq!(moments.covariance(Shrinkage::None), Err(Degenerate::TooFew(0)));
        moments.push(array![[1.0], [2.0]].view(), array![[3.0], [3.0]].view());
        assert_eq!(moments.covariance(Shrinkage::None), Err(Degenerate::ConstantConcept));
    }
}
