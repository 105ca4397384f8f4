//! The model side of a recording: a checkpoint, what the study asks of it, and how a batch becomes [`Recorded`].

use std::path::Path;

use burn::tensor::Device;

use super::answer::choose;
use super::capture::{AttentionCapture, HiddenCapture, is_image_only, numbers};
use super::plan::ItemSize;
use super::recorded::Recorded;
use super::shares::Columns;
use crate::dataset::Item;
use crate::error::{Error, Result};
use crate::model::{Hooks, Inputs, Site, SiteSpec, VisionLanguage, families, select};
use crate::processor::{Coverage, Group, Layout, Prepared, Processor};
use crate::study::{Answering, Heads, Recording, StudyText};

/// A checkpoint that answers, and is watched while it does.
pub struct Live {
    processor: Processor,
    model: Box<dyn VisionLanguage>,
    recording: Recording,
    attention: Vec<Site>,
    hidden: Vec<Groups>,
    /// Attention rows of one item.
    attention_rows: usize,
    /// Numbers of one hidden state.
    width: usize,
}

impl Live {
    /// Opens a checkpoint folder and finds the sites that the study names in it.
    ///
    /// # Errors
    /// A checkpoint that cannot be read; a site that the model does not have, or that is not of the kind asked for.
    pub fn open(folder: &Path, recording: &Recording, text: &StudyText, device: &Device) -> Result<Self> {
        let processor = Processor::open(folder)?;
        let model = families::open(folder, device)?;
        let sites = model.sites();
        let attention = attention_sites(recording, &sites);
        let attention = attention.map_err(|error| text.error_at(&["record", "attention"], error))?;
        let hidden = hidden_sites(recording, &sites);
        let (hidden, width) = hidden.map_err(|error| text.error_at(&["record", "hidden"], error))?;
        let rows_at = |site: &Site| match recording.heads {
            Heads::All => 1 + dimension(&sites, *site, 1),
            Heads::Mean => 1,
        };
        let attention_rows = attention.iter().map(rows_at).sum();
        Ok(Self { processor, model, recording: recording.clone(), attention, hidden, attention_rows, width })
    }

    /// One item ready for the model.
    pub fn prepare(&self, item: &Item, image: &image::RgbImage) -> Result<Prepared> {
        self.processor.prepare(image, &item.question, &item.options)
    }

    /// What an item like this one leaves behind.
    pub fn size_of(&self, item: &Prepared) -> ItemSize {
        ItemSize {
            attention_rows: self.attention_rows,
            patches: item.map.image.len(),
            hidden_rows: self.hidden.iter().map(|(_, groups)| groups.len()).sum(),
            width: self.width,
        }
    }

    /// Runs one batch.
    pub fn capture(&self, batch: &[(&Item, Prepared)], source: impl Fn(&Item) -> String) -> Result<Vec<Recorded>> {
        let prepared: Vec<&Prepared> = batch.iter().map(|(_, prepared)| prepared).collect();
        let layout: Vec<_> = batch.iter().map(|(item, prepared)| layout(item, prepared)).collect();
        let mut attention = AttentionCapture::new(&self.attention, self.recording.heads, &layout);
        let layouts: Vec<_> = batch.iter().map(|(item, prepared)| Layout::new(item, &prepared.map, 1)).collect();
        let mut hidden = HiddenCapture::new(&self.hidden, &layouts);
        let logits = {
            let mut hooks = Hooks::none();
            if !self.attention.is_empty() {
                hooks.push(&mut attention);
            }
            if !self.hidden.is_empty() {
                hooks.push(&mut hidden);
            }
            let inputs = Inputs::collate(&prepared, &self.model.device())?;
            self.model.run(&inputs, &mut hooks)?
        };
        let [_, vocabulary] = logits.dims();
        let logits = numbers(logits.into_data())?;
        let kept = attention.rows.into_iter().zip(hidden.rows);
        let per_item = batch.iter().zip(logits.chunks_exact(vocabulary)).zip(kept);
        per_item
            .map(|(((item, prepared), logits), (attention, hidden))| {
                if logits.iter().any(|logit| logit.is_nan()) {
                    return Err(Error::data(format!("item `{}`: the model's logits are not numbers", item.id))
                        .with_help("its weights may be broken, or too large for the precision it computes in"));
                }
                let answer = choose(item, &prepared.map.options, logits, self.generated(prepared)?);
                Ok(Recorded {
                    dataset: source(item),
                    item: (*item).clone(),
                    geometry: prepared.map.geometry,
                    answer,
                    attention,
                    hidden,
                })
            })
            .collect()
    }

    /// Greedy text, if the study asks for it.
    fn generated(&self, prepared: &Prepared) -> Result<Option<String>> {
        match self.recording.answer {
            Answering::Options => Ok(None),
            Answering::Generate => {
                let inputs = Inputs::collate(&[prepared], &self.model.device())?;
                let limit = self.recording.max_new_tokens.get();
                let ids = self.model.generate(&inputs, limit, self.processor.eos_ids())?;
                Ok(Some(self.processor.decode(&ids)?.trim().to_string()))
            }
        }
    }
}

fn layout(item: &Item, prepared: &Prepared) -> (Columns, Coverage) {
    (Columns::from(&prepared.map), Coverage::of(&item.objects, &prepared.map.geometry))
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

/// What is asked at one site of hidden states.
pub(super) type Groups = (Site, Vec<Group>);

/// The hidden states that a study names, each site once, and how wide they are.
fn hidden_sites(recording: &Recording, sites: &[SiteSpec]) -> Result<(Vec<Groups>, usize)> {
    let mut hidden: Vec<Groups> = Vec::new();
    for asked in &recording.hidden {
        for site in select(&asked.sites, sites)? {
            check_hidden(site, &asked.groups)?;
            let known = hidden.iter().position(|(known, _)| *known == site);
            let at = known.unwrap_or_else(|| {
                hidden.push((site, Vec::new()));
                hidden.len() - 1
            });
            let new = asked.groups.iter().filter(|group| !hidden[at].1.contains(group)).copied().collect::<Vec<_>>();
            hidden[at].1.extend(new);
        }
    }
    // Rows come in the order of the walk, whatever the order of the study.
    hidden.sort_by_key(|(site, _)| sites.iter().position(|spec| spec.site == *site));
    let mut widths = hidden.iter().map(|(site, _)| (site, dimension(sites, *site, 2)));
    let Some((first, width)) = widths.next() else { return Ok((hidden, 0)) };
    if let Some((other, wide)) = widths.find(|(_, other)| *other != width) {
        return Err(Error::usage(format!("`{first}` is {width} numbers wide and `{other}` is {wide}"))
            .with_help("one frame holds vectors of one width: record such sites in studies of their own"));
    }
    Ok((hidden, width))
}

fn check_hidden(site: Site, groups: &[Group]) -> Result<()> {
    if matches!(site, Site::LmAttn(_) | Site::LmScores(_) | Site::VisionAttn(_) | Site::Logits) {
        return Err(Error::usage(format!("`{site}` is not a hidden state"))
            .with_help("hidden states are the sites with one vector a token, such as lm.*.resid"));
    }
    match groups.iter().find(|group| is_image_only(site) && matches!(group, Group::Last | Group::Text)) {
        Some(group) => Err(Error::usage(format!("`{site}` holds image patches only, so it has no group `{group}`"))
            .with_help("groups there: image, object_1, object_2, ...")),
        None => Ok(()),
    }
}

/// A dimension of a site's shape, such as 128 in `[batch, tokens, 128]`; 0 where it is left open.
fn dimension(sites: &[SiteSpec], site: Site, axis: usize) -> usize {
    let shape = sites.iter().find(|spec| spec.site == site).map_or("", |spec| spec.shape.as_str());
    let axes = shape.trim_matches(['[', ']']).split(',').map(str::trim);
    axes.clone().nth(axis).and_then(|length| length.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites() -> Vec<SiteSpec> {
        let spec = |site, shape: &str| SiteSpec { site, shape: shape.into(), meaning: "" };
        vec![
            spec(Site::VisionOut, "[batch, 64, 48]"),
            spec(Site::LmResid(0), "[batch, tokens, 96]"),
            spec(Site::LmAttn(0), "[batch, 8, query, key]"),
            spec(Site::LmResid(1), "[batch, tokens, 96]"),
        ]
    }

    fn recording(toml: &str) -> Recording {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn hidden_sites_are_merged_and_come_in_the_order_of_the_walk() {
        let asked = recording(
            "[[hidden]]\nsites = [\"lm.1.resid\"]\ngroups = [\"last\"]\n\
             [[hidden]]\nsites = [\"lm.*.resid\"]\ngroups = [\"last\", \"image\"]\n",
        );
        let (hidden, width) = hidden_sites(&asked, &sites()).unwrap();
        let both = vec![Group::Last, Group::Image];
        assert_eq!((hidden, width), (vec![(Site::LmResid(0), both.clone()), (Site::LmResid(1), both)], 96));
        assert_eq!(dimension(&sites(), Site::LmAttn(0), 1), 8);
    }

    #[test]
    fn sites_of_the_wrong_kind_are_refused() {
        let error = attention_sites(&recording("attention = [\"lm.0.resid\"]"), &sites()).unwrap_err();
        assert!(error.to_string().contains("`lm.0.resid` is not attention"), "{error}");
        let hidden = |sites_named: &str, groups: &str| {
            let asked = recording(&format!("[[hidden]]\nsites = [{sites_named}]\ngroups = [{groups}]\n"));
            hidden_sites(&asked, &sites()).unwrap_err().to_string()
        };
        assert!(hidden("\"lm.0.attn\"", "\"last\"").contains("not a hidden state"));
        assert!(hidden("\"vision.out\"", "\"last\"").contains("no group `last`"));
        assert!(hidden("\"vision.out\", \"lm.0.resid\"", "\"image\"").contains("48 numbers wide"));
        assert!(hidden("\"lm.7.resid\"", "\"image\"").contains("lm.7.resid"));
    }
}
