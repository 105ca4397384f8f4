//! What is intervened on: one clean prompt, and the other runs that lend it states.

use image::RgbImage;

use crate::dataset::{Axis, Counterpart, Dataset, Item, Object};
use crate::error::{Error, Result};
use crate::processor::{Layout, Prepared};

/// One run of the model: an item of the dataset, as it is or as one of its counterparts.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The item of the dataset.
    pub base: Item,
    pub counterpart: Counterpart,
    /// The item as it is shown: boxes moved along, the right answer that of the changed image.
    pub item: Item,
    /// Of what a counterpart draws at random.
    pub seed: u64,
}

impl Run {
    /// An item as it is.
    pub fn original(item: &Item) -> Self {
        Self { base: item.clone(), counterpart: Counterpart::Original, item: item.clone(), seed: 0 }
    }

    /// A counterpart of an item; `None` where this item has none.
    ///
    /// # Errors
    /// A counterpart that the dataset cannot make.
    pub fn counterpart(
        dataset: &dyn Dataset,
        item: &Item,
        counterpart: Counterpart,
        seed: u64,
    ) -> Result<Option<Self>> {
        let shown = dataset.counterpart_frames(item, counterpart, seed)?;
        Ok(shown.map(|(shown, _)| Self { base: item.clone(), counterpart, item: shown, seed }))
    }

    /// What is shown: an image, or the frames of a video.
    pub fn frames(&self, dataset: &dyn Dataset) -> Result<Vec<RgbImage>> {
        let shown = dataset.counterpart_frames(&self.base, self.counterpart, self.seed)?;
        shown
            .map(|(_, frames)| frames)
            .ok_or_else(|| Error::data(format!("item `{}` has no counterpart `{}`", self.base.id, self.counterpart)))
    }

    /// As the frames name it: the item's id, and the counterpart where it is one.
    pub fn name(&self) -> String {
        match &self.counterpart {
            Counterpart::Original => self.base.id.clone(),
            other => format!("{}~{other}", self.base.id),
        }
    }

    /// The option that is right.
    pub fn answer(&self) -> &str {
        self.item.options.get(self.item.gold).map_or("", String::as_str)
    }
}

/// Which run of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The run that is rewritten.
    Clean,
    /// The other side of the pair.
    Cf,
    /// A further run, from 0.
    Other(usize),
}

/// One clean prompt and the runs that lend it states. Answers are indices into the clean item's options.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Unique in its design.
    pub id: String,
    pub clean: Run,
    pub cf: Option<Run>,
    /// Every unit of a design has equally many of these.
    pub others: Vec<Run>,
    /// The two objects that regions of a pair mean, from 1.
    pub pair: [usize; 2],
    pub axis: Option<Axis>,
    pub direction: Direction,
    /// What the other side answers, where that is another of the clean item's options.
    pub answer_cf: Option<usize>,
    /// What the causal model that the design tests predicts.
    pub expected: Option<usize>,
    /// A third outcome worth telling apart.
    pub third: Option<usize>,
    /// Fold of a cross-fitted design.
    pub fold: Option<i16>,
}

impl Unit {
    /// A unit of one item, without another side.
    pub fn alone(item: &Item) -> Self {
        Self {
            id: item.id.clone(),
            clean: Run::original(item),
            cf: None,
            others: Vec::new(),
            pair: outermost(item),
            axis: Some(item.axis()),
            direction: Direction::CleanFromCf,
            answer_cf: None,
            expected: None,
            third: None,
            fold: None,
        }
    }

    /// The cluster: units about one image are not independent.
    pub fn image(&self) -> &str {
        &self.clean.base.image
    }

    pub fn run(&self, role: Role) -> Option<&Run> {
        match role {
            Role::Clean => Some(&self.clean),
            Role::Cf => self.cf.as_ref(),
            Role::Other(n) => self.others.get(n),
        }
    }

    /// Every run it has, clean first.
    pub fn roles(&self) -> Vec<Role> {
        let others = (0..self.others.len()).map(Role::Other);
        [Some(Role::Clean), self.cf.as_ref().map(|_| Role::Cf)].into_iter().flatten().chain(others).collect()
    }
}

/// The two objects that lie farthest apart along an item's axis, from 1, in the item's order: both of two, the ends of a
/// row. The first two where nobody annotated them.
pub fn outermost(item: &Item) -> [usize; 2] {
    let axis = item.axis();
    let along = |object: &Object| object.centre().map(|centre| axis.along(centre));
    let mut placed: Vec<(f64, usize)> =
        item.objects.iter().enumerate().filter_map(|(k, object)| Some((along(object)?, k + 1))).collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    match (placed.first(), placed.last()) {
        (Some((_, first)), Some((_, last))) if first != last => [*first.min(last), *first.max(last)],
        _ => [1, 2],
    }
}

/// Which side of a pair is rewritten with the other's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Direction {
    #[serde(rename = "clean<-cf")]
    CleanFromCf,
    #[serde(rename = "cf<-clean")]
    CfFromClean,
}

impl Direction {
    pub fn name(self) -> &'static str {
        match self {
            Self::CleanFromCf => "clean<-cf",
            Self::CfFromClean => "cf<-clean",
        }
    }
}

/// A pair or an item that a design could not use, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    pub item: String,
    pub cf_item: Option<String>,
    pub reason: String,
}

/// What a design works on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Units {
    pub units: Vec<Unit>,
    pub dropped: Vec<Dropped>,
}

impl Units {
    pub fn drop(&mut self, item: &Item, reason: impl ToString) {
        self.dropped.push(Dropped { item: item.id.clone(), cf_item: None, reason: reason.to_string() });
    }
}

/// A run made ready for the model.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub item: Item,
    pub prepared: Prepared,
    /// Which positions are which object, strip, word; for [`super::Region`].
    pub layout: Layout,
}
