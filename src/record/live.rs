//! The model side of a recording: a checkpoint, what the study asks of it, and how a batch becomes [`Recorded`].

use std::path::Path;

use super::answer::choose;
use super::asked::{Asked, dimension, hold_against, variants};
use super::capture::{AttentionCapture, numbers};
use super::cross_frame::{CrossFrame, sites_of};
use super::gather::{Gather, Subject};
use super::images::Images;
use super::pass::{self, Distinct, Until};
use super::plan::ItemSize;
use super::recorded::{HiddenBlock, Recorded};
use super::shares::Columns;
use crate::dataset::{Counterpart, Dataset, Item};
use crate::error::{Error, Result};
use crate::model::{Computing, Hooks, Inputs, Site, SiteSpec, VisionLanguage, families, select};
use crate::processor::{Layout, Prepared, Processor};
use crate::study::{Answering, Heads, Recording, StudyText, Variant};

/// A checkpoint that answers, and is watched while it does.
pub struct Live {
    processor: Processor,
    model: Box<dyn VisionLanguage>,
    /// By the seed of their weights.
    untrained: Vec<(u64, Box<dyn VisionLanguage>)>,
    recording: Recording,
    attention: Vec<Site>,
    /// Maps from frames to frames.
    cross_frame: Vec<Site>,
    /// Heads of all of them, and their means, as far as they are recorded.
    cross_frame_maps: usize,
    /// Attention rows of one item.
    attention_rows: usize,
    asked: Vec<Asked>,
    /// The original first.
    variants: Vec<Variant>,
    /// What is done to the images for these, each once, the original first.
    counterparts: Vec<Counterpart>,
}

/// One item, ready for the model.
pub struct Ready {
    /// The number of its image among those of the dataset.
    image: usize,
    /// One for each counterpart that is asked for; `None` where the item has no such. The original is the first.
    views: Vec<Option<View>>,
}

/// One item under one counterpart of its image.
pub struct View {
    pub prepared: Prepared,
    pub layout: Layout,
    /// Whether no earlier item shows this image, so that what depends on nothing else is recorded with this one.
    first: bool,
}

impl Ready {
    fn original(&self) -> Result<&View> {
        self.views.first().and_then(Option::as_ref).ok_or_else(|| Error::data("the item has no image"))
    }
}

impl Live {
    /// Opens a checkpoint folder and finds the sites that the study names in it.
    ///
    /// # Errors
    /// A checkpoint that cannot be read; a site that the model does not have, or that is not of the kind asked for; a group
    /// that a site cannot have.
    pub fn open(folder: &Path, recording: &Recording, text: &StudyText, computing: Computing) -> Result<Self> {
        let processor = Processor::open(folder)?;
        let model = computing.model(folder)?;
        let sites = model.sites();
        let attention = attention_sites(recording, &sites);
        let attention = attention.map_err(|error| text.error_at(&["record", "attention"], error))?;
        let asked = hold_against(&recording.hidden, &sites);
        let asked = asked.map_err(|error| text.error_at(&["record", "hidden"], error))?;
        let rows_at = |site: &Site| match recording.heads {
            Heads::All => 1 + dimension(&sites, *site, 1),
            Heads::Mean => 1,
        };
        let attention_rows = attention.iter().map(rows_at).sum();
        let cross_frame = sites_of(&recording.cross_frame, &sites);
        let cross_frame = cross_frame.map_err(|error| text.error_at(&["record", "cross_frame"], error))?;
        let cross_frame_maps = cross_frame.iter().map(rows_at).sum();
        let variants = variants(&recording.hidden);
        let mut counterparts: Vec<Counterpart> = Vec::new();
        let mut untrained = Vec::new();
        for variant in &variants {
            if !counterparts.contains(&variant.counterpart()) {
                counterparts.push(variant.counterpart());
            }
            if let Variant::Untrained(seed) = variant {
                untrained.push((*seed, families::untrained(folder, *seed, &model.device())?));
            }
        }
        let recording = recording.clone();
        Ok(Self {
            processor,
            model,
            untrained,
            recording,
            attention,
            cross_frame,
            cross_frame_maps,
            attention_rows,
            asked,
            variants,
            counterparts,
        })
    }

    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// One item of a dataset, ready for the model.
    pub(super) fn prepare(&self, item: &Item, dataset: &dyn Dataset, images: &Images) -> Result<Ready> {
        let once_an_image = !self.cross_frame.is_empty() || self.asked.iter().any(|asked| asked.spot.is_image_only());
        let view = |counterpart: Counterpart| -> Result<Option<View>> {
            let changed = dataset.counterpart_frames(item, counterpart, self.recording.seed)?;
            let Some((changed, frames)) = changed else { return Ok(None) };
            let picture = self.processor.shown(&frames)?;
            // An earlier item whose question cannot be read is not recorded, so this one takes its part.
            let shown = |other: &Item| {
                dataset.has(other, counterpart)
                    && self.processor.ask(picture.clone(), &other.question, &other.options).is_ok()
            };
            let first = once_an_image && !images.earlier(item, dataset.items()).any(shown);
            let prepared = self.processor.ask(picture, &changed.question, &changed.options)?;
            let layout = Layout::new(&changed, &prepared.map, self.recording.seed);
            Ok(Some(View { prepared, layout, first }))
        };
        let views = self.counterparts.iter().map(|&counterpart| view(counterpart)).collect::<Result<Vec<_>>>()?;
        Ok(Ready { image: images.number(item), views })
    }

    /// How much attention an item like this one leaves behind.
    pub fn size_of(&self, ready: &Ready) -> ItemSize {
        let patches = ready.original().map_or(0, |view| view.layout.image.len());
        let frames = ready.original().map_or(0, |view| view.prepared.pixel_shape[0]);
        let cross_frame_rows = self.cross_frame_maps * frames * frames;
        ItemSize { attention_rows: self.attention_rows, patches, cross_frame_rows }
    }

    /// How many rows an item like this one leaves of a variant at a site, if its image is recorded with it; `None` where it
    /// has no such variant.
    pub fn hidden_rows(&self, ready: &Ready, asked: &Asked, variant: Variant) -> Option<usize> {
        let layout = &self.view(ready, variant)?.layout;
        Some(asked.of(variant).map(|want| want.rows(layout)).sum())
    }

    fn view<'a>(&self, ready: &'a Ready, variant: Variant) -> Option<&'a View> {
        let at = self.counterparts.iter().position(|known| *known == variant.counterpart())?;
        ready.views.get(at)?.as_ref()
    }

    /// Runs one batch under every variant; `source` says where an item comes from. Images of one size share a pass: a model
    /// that takes images as they are has as many passes as the batch has sizes.
    pub fn capture(&self, batch: &[(&Item, Ready)], source: impl Fn(&Item) -> String) -> Result<Vec<Recorded>> {
        let mut recorded: Vec<(usize, Recorded)> = Vec::with_capacity(batch.len());
        for members in of_one_size(batch)? {
            let part: Vec<(&Item, &Ready)> = members.iter().map(|&at| (batch[at].0, &batch[at].1)).collect();
            let mut answers = self.answers(&part, &source)?;
            for &variant in self.variants.iter().filter(|variant| **variant != Variant::ORIGINAL) {
                for (number, blocks) in self.states(&part, variant)? {
                    answers[number].hidden.extend(blocks);
                }
            }
            recorded.extend(members.into_iter().zip(answers));
        }
        recorded.sort_by_key(|(at, _)| *at);
        Ok(recorded.into_iter().map(|(_, recorded)| recorded).collect())
    }

    /// Answers, attention and hidden states of the original.
    fn answers(&self, batch: &[(&Item, &Ready)], source: impl Fn(&Item) -> String) -> Result<Vec<Recorded>> {
        let views = batch.iter().map(|(_, ready)| ready.original()).collect::<Result<Vec<_>>>()?;
        let prepared: Vec<&Prepared> = views.iter().map(|view| &view.prepared).collect();
        let images: Vec<usize> = batch.iter().map(|(_, ready)| ready.image).collect();
        let distinct = Distinct::new(&images, &prepared);
        let layout: Vec<_> =
            views.iter().map(|view| (Columns::from(&view.prepared.map), view.layout.coverage.clone())).collect();
        let subjects = subjects(&views, &distinct);
        let mut attention = AttentionCapture::new(&self.attention, self.recording.heads, &layout);
        let mut hidden = Gather::new(&self.asked, Variant::ORIGINAL, &subjects);
        hidden.pixels(|number| self.processor.patch_colours(prepared[number]))?;
        let mut cross_frame = CrossFrame::new(&self.cross_frame, self.recording.heads, &subjects);
        let logits = {
            let mut hooks = Hooks::none();
            if !self.attention.is_empty() {
                hooks.push(&mut attention);
            }
            if Until::states_of(Variant::ORIGINAL, &self.asked).is_some() {
                hooks.push(&mut hidden);
            }
            if !self.cross_frame.is_empty() {
                hooks.push(&mut cross_frame);
            }
            pass::run(self.model.as_ref(), &prepared, &distinct, Until::Readout, &mut hooks)?
        };
        let logits = logits.ok_or_else(|| Error::data("the model gave no logits"))?;
        let [_, vocabulary] = logits.dims();
        let logits = numbers(logits.into_data())?;
        let kept = attention.rows.into_iter().zip(hidden.blocks).zip(cross_frame.maps);
        let per_item = batch.iter().zip(&views).zip(logits.chunks_exact(vocabulary)).zip(kept);
        per_item
            .map(|((((item, _), View { prepared, .. }), logits), ((attention, hidden), cross_frame))| {
                if logits.iter().any(|logit| logit.is_nan()) {
                    return Err(Error::data(format!("item `{}`: the model's logits are not numbers", item.id))
                        .with_help("its weights may be broken, or too large for the precision it computes in"));
                }
                let answer = choose(item, &prepared.map.options, logits, self.generated(item, prepared)?);
                let (dataset, geometry) = (source(item), prepared.map.geometry);
                let (item, moments) = ((*item).clone(), prepared.map.mosaic.moments);
                Ok(Recorded { dataset, item, geometry, moments, answer, attention, hidden, cross_frame })
            })
            .collect()
    }

    /// Hidden states of a variant, of those items of the batch that have it.
    fn states(&self, batch: &[(&Item, &Ready)], variant: Variant) -> Result<Vec<(usize, Vec<HiddenBlock>)>> {
        let shown = batch.iter().enumerate().filter_map(|(number, (_, ready))| {
            let view = self.view(ready, variant)?;
            Some((number, ready.image, view))
        });
        let shown: Vec<(usize, usize, &View)> = shown.collect();
        let views: Vec<&View> = shown.iter().map(|(.., view)| *view).collect();
        if views.is_empty() {
            return Ok(Vec::new());
        }
        let prepared: Vec<&Prepared> = views.iter().map(|view| &view.prepared).collect();
        let images: Vec<usize> = shown.iter().map(|(_, image, _)| *image).collect();
        let distinct = Distinct::new(&images, &prepared);
        let subjects = subjects(&views, &distinct);
        let mut hidden = Gather::new(&self.asked, variant, &subjects);
        hidden.pixels(|number| self.processor.patch_colours(prepared[number]))?;
        if let Some(until) = Until::states_of(variant, &self.asked) {
            let model = match variant {
                Variant::Counterpart(_) => Some(&self.model),
                Variant::Untrained(seed) => self.untrained.iter().find(|(s, _)| *s == seed).map(|(_, model)| model),
            };
            let model = model.ok_or_else(|| Error::data(format!("the model of `{variant}` is not open")))?;
            pass::run(model.as_ref(), &prepared, &distinct, until, &mut Hooks::one(&mut hidden))?;
        }
        Ok(shown.iter().map(|(number, ..)| *number).zip(hidden.blocks).collect())
    }

    /// Greedy text, if the study asks for it or the item has no options to choose from.
    fn generated(&self, item: &Item, prepared: &Prepared) -> Result<Option<String>> {
        match self.recording.answer {
            Answering::Options if !item.options.is_empty() => Ok(None),
            Answering::Options | Answering::Generate => {
                let inputs = Inputs::collate(&[prepared], &self.model.device())?;
                let limit = self.recording.max_new_tokens.get();
                let ids = self.model.generate(&inputs, limit, self.processor.eos_ids())?;
                Ok(Some(self.processor.decode(&ids)?.trim().to_string()))
            }
        }
    }
}

/// Pixels and image tokens of an item: tiles of one number and size may make different numbers of tokens.
type Size = ([usize; 4], usize);

/// The items of a batch, as places in it, sorted by the size of their prepared images; sizes come as they first appear.
fn of_one_size(batch: &[(&Item, Ready)]) -> Result<Vec<Vec<usize>>> {
    let mut sizes: Vec<(Size, Vec<usize>)> = Vec::new();
    for (at, (_, ready)) in batch.iter().enumerate() {
        let view = ready.original()?;
        let size = (view.prepared.pixel_shape, view.layout.visual);
        match sizes.iter_mut().find(|(known, _)| *known == size) {
            Some((_, members)) => members.push(at),
            None => sizes.push((size, vec![at])),
        }
    }
    Ok(sizes.into_iter().map(|(_, members)| members).collect())
}

fn subjects<'a>(views: &[&'a View], distinct: &Distinct) -> Vec<Subject<'a>> {
    let subject =
        |(view, &image): (&&'a View, &usize)| Subject { layout: &view.layout, image: view.first.then_some(image) };
    views.iter().zip(&distinct.of).map(subject).collect()
}

/// The attention sites that a study names.
fn attention_sites(recording: &Recording, sites: &[SiteSpec]) -> Result<Vec<Site>> {
    let chosen = select(&recording.attention, sites)?;
    match chosen.iter().find(|site| !matches!(site, Site::LmAttn(_))) {
        Some(other) => Err(Error::usage(format!("`{other}` is not attention of the language model"))
            .with_help("`attention` takes sites such as lm.*.attn; hidden states go under [[record.hidden]]")),
        None => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_of_the_wrong_kind_are_refused() {
        let spec = |site| SiteSpec { site, shape: "[batch, 8, query, key]".into(), meaning: "" };
        let sites = [spec(Site::LmResid(0)), spec(Site::LmAttn(0))];
        let asked = |toml: &str| attention_sites(&toml::from_str(toml).unwrap(), &sites);
        let error = asked("attention = [\"lm.0.resid\"]").unwrap_err();
        assert!(error.to_string().contains("`lm.0.resid` is not attention"), "{error}");
        assert_eq!(asked("").unwrap(), [Site::LmAttn(0)]);
        assert_eq!(asked("attention = []").unwrap(), []);
        assert!(asked("attention = [\"pixels\"]").unwrap_err().to_string().contains("`pixels` does not exist"));
    }
}
