//! One pass of a model over a batch: as far as somebody looks, and each image through the encoder once.

use burn::tensor::{Int, Tensor};

use super::asked::{Asked, Spot};
use crate::error::Result;
use crate::model::{Hooks, Inputs, Site, VisionLanguage};
use crate::processor::Prepared;
use crate::study::Variant;

/// How far a pass goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Until {
    /// To the visual tokens.
    Encoder,
    /// To this slot of the language model's residual stream.
    Slot(usize),
    /// To the logits.
    Readout,
}

impl Until {
    /// As far as the states of a variant are asked for; `None` where they are not, or only pixels are.
    pub fn states_of(variant: Variant, asked: &[Asked]) -> Option<Self> {
        let wanted = asked.iter().filter(|one| one.of(variant).next().is_some());
        let until = |site: Site| match site {
            Site::LmResid(slot) => Self::Slot(slot),
            Site::LmAttn(layer) | Site::LmScores(layer) | Site::LmHead(layer, _) => Self::Slot(layer + 1),
            Site::LmAttnOut(layer) | Site::LmMlpOut(layer) => Self::Slot(layer + 1),
            Site::Logits => Self::Readout,
            _ => Self::Encoder,
        };
        let sites = wanted.filter_map(|one| match one.spot {
            Spot::Model(site) => Some(until(site)),
            Spot::Pixels => None,
        });
        sites.max()
    }
}

/// Which of a batch's images are the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Distinct {
    /// One item of the batch for each image.
    pub firsts: Vec<usize>,
    /// Of each item: which of `firsts` is its image.
    pub of: Vec<usize>,
}

impl Distinct {
    /// `images` are the numbers of the items' images. Items whose image is changed differently, each along its own axis, do
    /// not share it, so the pixels decide.
    pub fn new(images: &[usize], views: &[&Prepared]) -> Self {
        let mut distinct = Self { firsts: Vec::new(), of: Vec::with_capacity(views.len()) };
        for (item, view) in views.iter().enumerate() {
            let same = |&first: &usize| images[first] == images[item] && views[first].pixels == view.pixels;
            let known = distinct.firsts.iter().position(same);
            distinct.of.push(known.unwrap_or_else(|| {
                distinct.firsts.push(item);
                distinct.firsts.len() - 1
            }));
        }
        distinct
    }
}

/// Runs a model over a batch; logits at each item's last position, `[batch, vocabulary]`, where the pass goes so far. Hooks
/// at the sites of the encoder see each of the `distinct` images once.
pub(super) fn run(
    model: &dyn VisionLanguage,
    views: &[&Prepared],
    distinct: &Distinct,
    until: Until,
    hooks: &mut Hooks<'_>,
) -> Result<Option<Tensor<2>>> {
    hooks.check(&model.sites())?;
    let device = model.device();
    let inputs = Inputs::collate(views, &device)?;
    let choose = |places: &[usize]| -> Tensor<1, Int> {
        let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
        Tensor::from_data(places.as_slice(), &device)
    };
    let shared = distinct.firsts.len() < views.len();
    let visual = match shared {
        true => model.encode(&inputs.select(&distinct.firsts), hooks)?,
        false => model.encode(&inputs, hooks)?,
    };
    if until == Until::Encoder {
        return Ok(None);
    }
    let visual = if shared { visual.select(0, choose(&distinct.of)) } else { visual };
    let mut stream = model.embed(&inputs, visual, hooks)?;
    let blocks = if let Until::Slot(slot) = until { slot.min(model.depth()) } else { model.depth() };
    for layer in 0..blocks {
        stream = model.block(layer, stream, hooks)?;
    }
    match until {
        Until::Readout => Ok(Some(model.readout(stream.last(), hooks)?.squeeze_dim(1))),
        _ => Ok(None),
    }
}
