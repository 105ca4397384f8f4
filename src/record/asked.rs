//! What a study asks of hidden states, held against the model: one entry a site, in the order of the walk.

use std::fmt;

use crate::error::{Error, Result};
use crate::model::{Site, SiteSpec, select};
use crate::processor::{Group, Layout};
use crate::study::{HiddenStates, Precision, States, Variant};

/// Where hidden states are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// `pixels`: the mean colour of each patch, red, green, blue, 0 to 1.
    Pixels,
    Model(Site),
}

impl Spot {
    /// Whether its tokens are image patches alone, not a whole prompt: then it is recorded once an image.
    pub fn is_image_only(self) -> bool {
        match self {
            Self::Pixels => true,
            Self::Model(site) => site.is_image_only(),
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pixels => f.write_str("pixels"),
            Self::Model(site) => site.fmt(f),
        }
    }
}

/// Everything asked of one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub spot: Spot,
    /// Numbers of a state.
    pub width: usize,
    pub dtype: Precision,
    /// Each variant and group once; original first, then in the order of the study.
    pub wants: Vec<Want>,
}

/// A group of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    pub variant: Variant,
    pub group: Group,
    pub states: States,
}

impl Asked {
    /// The groups asked of one variant.
    pub fn of(&self, variant: Variant) -> impl Iterator<Item = Want> {
        self.wants.iter().copied().filter(move |want| want.variant == variant)
    }
}

impl Want {
    /// How many rows it gives of one item.
    pub fn rows(&self, layout: &Layout) -> usize {
        match (self.group.members(layout), self.states) {
            (None, _) => 0,
            (Some(_), States::Mean) => 1,
            (Some(members), States::Tokens) => members.len(),
        }
    }
}

/// The variants that any site is asked for, the original first.
pub fn variants(asked: &[HiddenStates]) -> Vec<Variant> {
    let mut known = vec![Variant::ORIGINAL];
    for variant in asked.iter().flat_map(|block| &block.variants) {
        if !known.contains(variant) {
            known.push(*variant);
        }
    }
    known
}

/// The hidden states that a study names.
///
/// # Errors
/// A site that the model does not have or that has no hidden states; a group that a site cannot have; one site asked for in
/// two precisions, or one group of it as tokens and as a mean.
pub fn hold_against(blocks: &[HiddenStates], sites: &[SiteSpec]) -> Result<Vec<Asked>> {
    let mut all: Vec<Asked> = Vec::new();
    for block in blocks {
        if block.sites.is_empty() || block.groups.is_empty() || block.variants.is_empty() {
            return Err(Error::usage("a [[record.hidden]] without sites, groups or variants records nothing"));
        }
        for spot in spots(block, sites)? {
            check(spot, &block.groups)?;
            let at = all.iter().position(|asked| asked.spot == spot).unwrap_or_else(|| {
                all.push(Asked { spot, width: width(spot, sites), dtype: block.dtype, wants: Vec::new() });
                all.len() - 1
            });
            all[at].add(block)?;
        }
    }
    let order = variants(blocks);
    for asked in &mut all {
        // Stable: groups stay in the order of the study.
        asked.wants.sort_by_key(|want| order.iter().position(|variant| *variant == want.variant));
    }
    all.sort_by_key(|asked| match asked.spot {
        Spot::Pixels => 0,
        Spot::Model(site) => 1 + sites.iter().position(|spec| spec.site == site).unwrap_or(sites.len()),
    });
    all.retain(|asked| !asked.wants.is_empty());
    Ok(all)
}

impl Asked {
    fn add(&mut self, block: &HiddenStates) -> Result<()> {
        if self.dtype != block.dtype {
            return Err(Error::usage(format!("`{}` is asked for in f32 and in f16", self.spot))
                .with_help("one file holds all of a site's states: choose one `dtype` for it"));
        }
        // The same pixels come before every model.
        let seen_by = |variant: &&Variant| self.spot != Spot::Pixels || !matches!(variant, Variant::Untrained(_));
        for &variant in block.variants.iter().filter(seen_by) {
            for &group in &block.groups {
                match self.wants.iter().find(|want| want.group == group) {
                    Some(want) if want.states != block.states => {
                        return Err(Error::usage(format!(
                            "`{group}` at `{}` is asked for as tokens and as a mean",
                            self.spot
                        ))
                        .with_help("rows of both kinds could not be told apart: a mean can be taken of the tokens"));
                    }
                    _ => {}
                }
                let want = Want { variant, group, states: block.states };
                if !self.wants.contains(&want) {
                    self.wants.push(want);
                }
            }
        }
        Ok(())
    }
}

fn spots(block: &HiddenStates, sites: &[SiteSpec]) -> Result<Vec<Spot>> {
    let is_pixels = |pattern: &&crate::study::SitePattern| pattern.as_ref() == "pixels";
    let pixels = block.sites.iter().filter(is_pixels).map(|_| Spot::Pixels).take(1);
    let patterns: Vec<_> = block.sites.iter().filter(|pattern| !is_pixels(pattern)).collect();
    let of_model = select(&patterns, sites)?;
    Ok(pixels.chain(of_model.into_iter().map(Spot::Model)).collect())
}

fn check(spot: Spot, groups: &[Group]) -> Result<()> {
    if let Spot::Model(site) = spot
        && (site.is_attention() || site == Site::Logits)
    {
        return Err(Error::usage(format!("`{site}` is not a hidden state"))
            .with_help("hidden states are the sites with one vector a token, such as lm.*.resid"));
    }
    match groups.iter().find(|group| spot.is_image_only() && group.is_text()) {
        Some(group) => Err(Error::usage(format!("`{spot}` holds image patches only, so it has no group `{group}`"))
            .with_help("ask for groups of the prompt's words in a [[record.hidden]] with sites such as lm.*.resid")),
        None => Ok(()),
    }
}

fn width(spot: Spot, sites: &[SiteSpec]) -> usize {
    match spot {
        Spot::Pixels => 3,
        Spot::Model(site) => dimension(sites, site, 2),
    }
}

/// A dimension of a site's shape, such as 128 in `[batch, tokens, 128]`; 0 where it is left open.
pub fn dimension(sites: &[SiteSpec], site: Site, axis: usize) -> usize {
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

    fn asked(toml: &str) -> Result<Vec<Asked>> {
        #[derive(serde::Deserialize)]
        struct Blocks {
            hidden: Vec<HiddenStates>,
        }
        hold_against(&toml::from_str::<Blocks>(toml).unwrap().hidden, &sites())
    }

    #[test]
    fn sites_are_merged_and_come_in_the_order_of_the_walk() {
        let all = asked(
            "[[hidden]]\nsites = [\"lm.1.resid\"]\ngroups = [\"last\"]\nvariants = [\"blank\", \"original\"]\n\
             [[hidden]]\nsites = [\"lm.*.resid\", \"pixels\"]\ngroups = [\"image\", \"objects\"]\nstates = \"tokens\"\n",
        )
        .unwrap();
        let summary: Vec<_> = all.iter().map(|one| (one.spot.to_string(), one.width, one.wants.len())).collect();
        assert_eq!(summary, [("pixels".into(), 3, 2), ("lm.0.resid".into(), 96, 2), ("lm.1.resid".into(), 96, 4)]);
        let wants: Vec<_> = all[2].wants.iter().map(|want| format!("{} {}", want.variant, want.group)).collect();
        assert_eq!(wants, ["original last", "original image", "original objects", "blank last"]);
        assert_eq!(
            all[2].of(Variant::ORIGINAL).map(|want| want.states).collect::<Vec<_>>()[..2],
            [States::Mean, States::Tokens]
        );
        assert_eq!(dimension(&sites(), Site::LmAttn(0), 1), 8);
    }

    #[test]
    fn pixels_are_the_same_for_every_model() {
        let variants = "groups = [\"image\"]\nvariants = [\"untrained_1\", \"noise\"]";
        let all = asked(&format!("[[hidden]]\nsites = [\"pixels\", \"vision.out\"]\n{variants}")).unwrap();
        assert_eq!(all.iter().map(|one| one.wants.len()).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |sites: &str, groups: &str, more: &str| {
            asked(&format!("[[hidden]]\nsites = [{sites}]\ngroups = [{groups}]\n{more}")).unwrap_err().to_string()
        };
        assert!(refused("\"lm.0.attn\"", "\"last\"", "").contains("not a hidden state"));
        for group in ["last", "text", "word_1"] {
            for site in ["vision.out", "pixels"] {
                let told = refused(&format!("\"{site}\""), &format!("\"image\", \"{group}\""), "");
                assert!(
                    told.contains(&format!("`{site}` holds image patches only, so it has no group `{group}`")),
                    "{told}"
                );
            }
        }
        assert!(refused("\"lm.7.resid\"", "\"image\"", "").contains("lm.7.resid"));
        assert!(refused("", "\"image\"", "").contains("records nothing"));
        let again = |more: &str| format!("[[hidden]]\nsites = [\"lm.0.resid\"]\ngroups = [\"image\"]\n{more}");
        let told = refused("\"lm.*.resid\"", "\"last\"", &again("dtype = \"f16\""));
        assert!(told.contains("`lm.0.resid` is asked for in f32 and in f16"), "{told}");
        let told = refused("\"lm.*.resid\"", "\"image\"", &again("states = \"tokens\""));
        assert!(told.contains("`image` at `lm.0.resid` is asked for as tokens and as a mean"), "{told}");
    }
}
