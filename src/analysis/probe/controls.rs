//! The controls of one sample: the same folds, read from something that should not know, or asked for something that is not
//! there.

use ndarray::Array2;

use super::context::Context;
use super::row::Control;
use super::sample::{Sample, States, geometry, locations, pixels};
use super::score::Predictions;
use crate::stats::probe::{Fit, Fold, Labels, Rows, cross_validate, cross_validate_many};
use crate::study::Target;

/// One control's predictions, in several draws where it is random.
pub type Tried = Result<Vec<Predictions>, String>;

/// What the controls of one split share.
pub struct Controls<'a> {
    pub context: &'a Context<'a>,
    pub sample: &'a Sample,
    pub images: &'a [usize],
    pub y: &'a [usize],
    pub folds: &'a [Fold],
}

impl Controls<'_> {
    /// The same labels from other features.
    fn read_from(&self, features: &Array2<f32>) -> Tried {
        let rows = Rows { x: features.view(), groups: self.images };
        let labels = Labels { y: self.y, classes: self.context.classes() };
        let held = cross_validate(rows, labels, self.folds, Fit::Standard, &self.context.inner());
        held.map(|held| vec![Predictions::of(&held, self.images, self.y)]).map_err(|error| error.to_string())
    }

    /// Other labels from the same features.
    fn asked_for(&self, features: &Array2<f32>, labellings: &[Vec<usize>]) -> Tried {
        let rows = Rows { x: features.view(), groups: self.images };
        let classes = self.context.classes();
        let labels: Vec<Labels> = labellings.iter().map(|y| Labels { y, classes }).collect();
        cross_validate_many(rows, &labels, self.folds, Fit::Standard, &self.context.inner())
            .map_err(|error| error.to_string())?
            .into_iter()
            .zip(labellings)
            .map(|(held, y)| Ok(Predictions::of(&held.map_err(|error| error.to_string())?, self.images, y)))
            .collect()
    }

    /// The most frequent class of each fold's training rows.
    pub fn majority(&self) -> Tried {
        let classes = self.context.classes();
        let (mut image, mut y, mut prob) = (Vec::new(), Vec::new(), Vec::new());
        for fold in self.folds {
            let mut counts = vec![0usize; classes];
            fold.train.iter().for_each(|&row| counts[self.y[row]] += 1);
            let most = (0..classes).rev().max_by_key(|&class| counts[class]).unwrap_or(0);
            for &row in &fold.test {
                image.push(self.images[row]);
                y.push(self.y[row]);
                prob.extend((0..classes).map(|class| f64::from(u8::from(class == most))));
            }
        }
        let prob = Array2::from_shape_vec((y.len(), classes), prob).map_err(|error| error.to_string())?;
        Ok(vec![Predictions { image, y, prob }])
    }

    /// Place and size alone.
    pub fn geometry(&self) -> Tried {
        if self.sample.cell.is_some() {
            return Err("one cell in all images: its place cannot tell labels apart".into());
        }
        let Context { problem, asked, scenes, .. } = self.context;
        let features = geometry(problem, asked, self.sample, scenes);
        self.read_from(&features.ok_or("words have no place in the image")?)
    }

    /// Colour and place alone.
    pub fn pixels(&self, states: Option<&States>) -> Tried {
        let Context { problem, asked, scenes, .. } = self.context;
        if asked.target == Target::RelationAtText {
            return Err("words have no pixels".into());
        }
        let states = states.ok_or("no pixels were recorded")?;
        let features = pixels(problem, asked, self.sample, states, scenes);
        self.read_from(&features.ok_or("the pixels of these groups were not recorded")?)
    }

    /// The same site of models whose weights were never trained, each a draw.
    pub fn untrained(&self, states: &States) -> Tried {
        let variants = states.variants("untrained_");
        if variants.is_empty() {
            return Err("no untrained model was recorded".into());
        }
        let mut tried = Vec::new();
        for variant in variants {
            let there = self.sample.elsewhere(&self.context.problem, states, &variant);
            let there = there.ok_or_else(|| format!("{variant} was not recorded for every row"))?;
            tried.extend(self.read_from(&there.features(states))?);
        }
        Ok(tried)
    }

    /// A random class for each identity.
    pub fn content(&self, features: &Array2<f32>) -> Tried {
        self.asked_for(features, &self.context.content_labels(self.sample))
    }

    /// A random class for each cell.
    pub fn location(&self, features: &Array2<f32>) -> Tried {
        if self.sample.cell.is_some() {
            return Err("one cell in all images: it has one random class".into());
        }
        let Context { problem, asked, scenes, .. } = self.context;
        let cells = locations(problem, asked, self.sample, scenes).ok_or("words have no place in the image")?;
        let cells: Vec<usize> = cells.iter().map(|cell| cell.row * 4096 + cell.col).collect();
        self.asked_for(features, &self.context.location_labels(&cells))
    }

    /// One control of those that need no counterpart.
    pub fn of(&self, control: Control, features: &Array2<f32>, states: &States, colours: Option<&States>) -> Tried {
        match control {
            Control::Majority => self.majority(),
            Control::GeometryOnly => self.geometry(),
            Control::Pixels => self.pixels(colours),
            Control::Untrained => self.untrained(states),
            Control::ControlContent => self.content(features),
            Control::ControlLocation => self.location(features),
            other => Err(format!("{} is not fitted anew", other.name())),
        }
    }
}
