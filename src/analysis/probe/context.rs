//! What is the same for one problem at every site: who trains whom, which images are drawn, which labels are exchanged.

use super::division::{self, Division};
use super::problem::{Picture, Problem, Truth};
use super::sample::Sample;
use super::scene::Scene;
use super::score::Resamples;
use crate::analysis::Params;
use crate::stats::probe::{Fit, Fold, Inner, control_labels};
use crate::study::{FitMode, LayoutLabel, Probe, ProbeSite, Split};

/// Label permutations where a site is not primary.
pub const FEW_PERMUTATIONS: usize = 20;
/// Random maps of a control task.
pub const MAPS: u64 = 5;

/// A problem with everything that its sites share.
pub struct Context<'a> {
    pub problem: Problem,
    pub asked: &'a Probe,
    pub scenes: &'a [Scene],
    pub params: &'a Params,
    pub resamples: Resamples,
    random: Result<Vec<Division>, String>,
    content: Result<Vec<Division>, String>,
    pair: Result<Vec<Division>, String>,
    setting: Result<Vec<Division>, String>,
    /// `[permutation][unit]`.
    relabelings: Result<Vec<Vec<Truth>>, String>,
}

impl<'a> Context<'a> {
    pub fn new(problem: Problem, asked: &'a Probe, scenes: &'a [Scene], params: &'a Params) -> Self {
        let pictures = &problem.pictures;
        let contents: Vec<Vec<usize>> = pictures.iter().map(|picture| picture.contents.clone()).collect();
        let settings: Vec<usize> = pictures.iter().map(|picture| picture.setting).collect();
        let count = if asked.primary.is_empty() { FEW_PERMUTATIONS } else { params.permutations };
        Self {
            resamples: Resamples::draw(pictures.len(), params.bootstrap, params.seed),
            random: division::random_image(&strata(&problem, asked), params.seed),
            content: division::held_out_content(&contents, params.seed),
            pair: division::held_out_pair(&contents, params.seed),
            setting: division::cross_setting(&settings),
            relabelings: problem.relabelings(asked, count, params.seed),
            problem,
            asked,
            scenes,
            params,
        }
    }

    /// Training and test images of a split; held-out positions are tried with the probes of the random folds.
    pub fn divisions(&self, split: Split) -> Result<&[Division], String> {
        let divisions = match split {
            Split::RandomImage | Split::HeldOutPosition => &self.random,
            Split::HeldOutContent => &self.content,
            Split::HeldOutPair => &self.pair,
            Split::CrossSetting => &self.setting,
        };
        divisions.as_deref().map_err(Clone::clone)
    }

    /// The same as rows of a sample.
    pub fn folds(&self, split: Split, images: &[usize]) -> Result<Vec<Fold>, String> {
        let rows = |chosen: &[usize]| -> Vec<usize> {
            (0..images.len()).filter(|&row| chosen.binary_search(&images[row]).is_ok()).collect()
        };
        let divisions = self.divisions(split)?;
        Ok(divisions.iter().map(|division| Fold { train: rows(&division.train), test: rows(&division.test) }).collect())
    }

    /// Labels of a sample's rows under so many permutations.
    pub fn relabeled(&self, sample: &Sample, count: usize) -> Result<Vec<Vec<Truth>>, String> {
        let drawn = self.relabelings.as_ref().map_err(Clone::clone)?;
        let of = |truths: &Vec<Truth>| sample.observations.iter().map(|one| truths[one.unit]).collect();
        Ok(drawn.iter().take(count).map(of).collect())
    }

    pub fn is_primary(&self, site: &str) -> bool {
        self.asked.primary.iter().any(|pattern: &ProbeSite| pattern.matches(site))
    }

    /// Of a site.
    pub fn permutations(&self, site: &str) -> usize {
        if self.is_primary(site) { self.params.permutations } else { FEW_PERMUTATIONS }
    }

    pub fn classes(&self) -> usize {
        self.problem.classes.len()
    }

    /// True classes of a sample's rows.
    pub fn truth(&self, sample: &Sample) -> Vec<usize> {
        sample.observations.iter().map(|one| self.problem.units[one.unit].truth.class()).collect()
    }

    /// What each row would be called if only the object's identity counted: one labelling a map.
    pub fn content_labels(&self, sample: &Sample) -> Vec<Vec<usize>> {
        // The map is one for all sites, so it is drawn over all units, not over the rows of this one.
        let identities: Vec<usize> = self.problem.units.iter().map(|unit| unit.identity).collect();
        (0..MAPS)
            .map(|map| {
                let of_unit = control_labels(&identities, self.classes(), self.params.seed.wrapping_add(map));
                sample.observations.iter().map(|one| of_unit[one.unit]).collect()
            })
            .collect()
    }

    /// What each row would be called if only its cell counted.
    pub fn location_labels(&self, cells: &[usize]) -> Vec<Vec<usize>> {
        (0..MAPS).map(|map| control_labels(cells, self.classes(), self.params.seed.wrapping_add(1000 + map))).collect()
    }

    pub fn inner(&self) -> Inner {
        Inner { seed: self.params.seed, ..Inner::default() }
    }

    pub fn fit(&self, mode: FitMode) -> Fit {
        match mode {
            FitMode::Standard => Fit::Standard,
            FitMode::Paper => Fit::Paper { seed: self.params.seed },
            FitMode::MeanDifference => Fit::MeanDifference,
            FitMode::NearestCentroid => Fit::NearestCentroid,
        }
    }
}

/// Random folds get as many images of each setting and axis, but labels have no say: folds even in the true classes would be
/// uneven in permuted ones, whose accuracy then falls below chance, and every probe would look better than its null.
fn strata(problem: &Problem, asked: &Probe) -> Vec<usize> {
    let axis_is_label = asked.label == Some(LayoutLabel::Axis);
    let stratum = |picture: &Picture| 2 * picture.setting + if axis_is_label { 0 } else { picture.axis as usize };
    problem.pictures.iter().map(stratum).collect()
}
