//! What image tokens are like on average.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use ndarray::{Array1, Array2};

use crate::error::{Error, Result};
use crate::intervene::Bench;
use crate::intervene::linear::matrix;
use crate::intervene::observe::look;
use crate::model::Site;
use crate::stats::decomposition::eigen;
use crate::stats::edit::Moments;
use crate::stats::edit::random::normal;
use crate::stats::seed::rng;

/// Means and spread of image tokens, by site, over all images.
pub(super) struct Means(BTreeMap<Site, Mean>);

struct Mean {
    /// `[width]`.
    all: Array1<f64>,
    /// `[patches, width]`.
    cells: Array2<f64>,
    /// The symmetric root of the covariance, `[width, width]`.
    root: Array2<f64>,
}

impl Means {
    /// # Errors
    /// Images whose grids differ; states that are not finite.
    pub fn of(bench: &Bench<'_>, sites: &[Site]) -> Result<Self> {
        let mut sums: BTreeMap<Site, (Moments, Array2<f64>, usize)> = BTreeMap::new();
        look(bench, sites, |_, prompt, site, states| {
            let fresh = || (Moments::new(states.ncols(), 0), Array2::zeros(states.raw_dim()), 0);
            let (moments, cells, images) = sums.entry(site).or_insert_with(fresh);
            if cells.dim() != states.dim() {
                return Err(Error::data(format!(
                    "image `{}` has {} patches where others have {}",
                    prompt.item.image,
                    states.nrows(),
                    cells.nrows()
                ))
                .with_help("a mean by patch needs images of one size: leave out `mean_cell` or resize them"));
            }
            moments.push(states.view(), Array2::zeros((states.nrows(), 0)).view());
            *cells += states;
            *images += 1;
            Ok(())
        })?;
        let mean = |(site, (moments, cells, images)): (Site, (Moments, Array2<f64>, usize))| {
            let eigen =
                eigen(moments.spread().view()).map_err(|error| Error::data(format!("tokens at `{site}`: {error}")))?;
            Ok((site, Mean { all: moments.mean().clone(), cells: cells / images as f64, root: eigen.power(0.5) }))
        };
        Ok(Self(sums.into_iter().map(mean).collect::<Result<_>>()?))
    }

    fn at(&self, site: Site) -> Result<&Mean> {
        self.0.get(&site).ok_or_else(|| Error::data(format!("no means were taken at `{site}`")))
    }

    /// The mean token, `[1, width]`.
    pub fn token(&self, site: Site, device: &Device) -> Result<Tensor<2>> {
        let all = &self.at(site)?.all;
        Ok(matrix(&all.clone().insert_axis(ndarray::Axis(0)), device))
    }

    /// The mean of every patch, `[patches, width]`.
    pub fn cells(&self, site: Site, device: &Device) -> Result<Tensor<2>> {
        Ok(matrix(&self.at(site)?.cells, device))
    }

    /// Tokens drawn with the mean and covariance of image tokens, `[rows, width]`.
    pub fn noise(
        &self,
        site: Site,
        rows: usize,
        (seed, item, draw): (u64, &str, u32),
        device: &Device,
    ) -> Result<Tensor<2>> {
        let Mean { all, root, .. } = self.at(site)?;
        let drawn = normal(rows, all.len(), &mut rng(seed, &format!("noise for {item} at {site}"), draw.into()));
        Ok(matrix(&(drawn.dot(root) + all), device))
    }
}
