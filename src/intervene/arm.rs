//! One way to rewrite the units of a batch.

use crate::model::{Hook, Site};

/// Labels and a hook; nothing else makes an intervention.
pub struct Arm {
    pub labels: Labels,
    /// The units it covers, as indices into the batch. Its hook sees tensors of these units alone, in this order:
    /// `[units, tokens, width]`, `[units, heads, query, key]`.
    pub units: Vec<usize>,
    /// Of each of its units: the positions that it writes at the first site, along the site's token axis. Counted into
    /// `n_tokens`; the change is measured there.
    pub written: Vec<Vec<usize>>,
    /// Its first site is where the sweep restarts.
    pub hook: Box<dyn Hook>,
}

impl Arm {
    /// How many positions at the beginning of a prompt it leaves alone in all its units; `image` are each unit's positions
    /// of image tokens, by which those at `projector.out` are counted.
    pub fn untouched(&self, image: &[Vec<usize>]) -> usize {
        // At a second site its hook would count positions from the prompt's beginning, so that none could be left out.
        if self.hook.sites() != [self.labels.site] {
            return 0;
        }
        let first = |(&unit, written): (&usize, &Vec<usize>)| match self.labels.site {
            Site::LmResid(_) => written.iter().min().copied(),
            Site::ProjectorOut => written.iter().filter_map(|&token| image.get(unit)?.get(token).copied()).min(),
            _ => None,
        };
        self.units.iter().zip(&self.written).map(|unit| first(unit).unwrap_or(0)).min().unwrap_or(0)
    }
}

/// What an arm is, as columns of the effects frame. See there for what each means.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// "cross", "last", "mirror", "resample", "attribute", "noise", "zero", "mean_cell", "reference", ...
    pub arm: String,
    pub control: Control,
    /// The first site.
    pub site: Site,
    /// Slots or layers it covers.
    pub window: usize,
    pub group: String,
    pub edge: Option<String>,
    pub dose: Option<f32>,
    pub basis: Option<String>,
    /// `None`: the real one; null draws count from 0.
    pub draw: Option<u32>,
}

impl Labels {
    /// The real thing at a site, in a group; the rest is filled in by what differs.
    pub fn new(arm: impl Into<String>, site: Site, group: impl ToString) -> Self {
        Self {
            arm: arm.into(),
            control: Control::None,
            site,
            window: 1,
            group: group.to_string(),
            edge: None,
            dose: None,
            basis: None,
            draw: None,
        }
    }
}

/// What an arm is a control of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The real thing.
    #[default]
    None,
    /// The clean run's own states: nothing may change.
    Identity,
    Resample,
    Random,
    Shuffled,
    WrongAxis,
    OtherItem,
}

impl Control {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Identity => "identity",
            Self::Resample => "resample",
            Self::Random => "random",
            Self::Shuffled => "shuffled",
            Self::WrongAxis => "wrong_axis",
            Self::OtherItem => "other_item",
        }
    }
}
