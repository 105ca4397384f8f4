//! Token groups as a study of interventions names them: of one object, or of both objects of a pair at once.

use rand::seq::index::sample;
use serde::{Deserialize, Serialize};

use super::unit::Prompt;
use crate::model::Site;
use crate::processor::{Group, Place};
use crate::stats::seed::rng;

/// The names that stand for both objects of a pair.
const BOTH: [&str; 8] =
    ["object", "ring_1", "ring_2", "strip", "strip_minus_object", "random_background", "word", "all"];

/// Positions that an intervention writes: a [`Group`], or one of these, which stand for both objects of a pair.
///
/// | name | positions |
/// |---|---|
/// | `object` | the patches of both objects |
/// | `ring_W` | the patches within W of either object, objects left out |
/// | `strip`, `strip_minus_object` | both objects' strips |
/// | `random_background` | as many background patches as both objects have |
/// | `random_as_strip`, `random_as_ring_W` | as many background patches as that region has |
/// | `word` | both objects' words |
/// | `all` | every position of the prompt; at sites of the image tower every token, a class token among them |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Region {
    Object,
    Ring(usize),
    Strip,
    StripMinusObject,
    RandomBackground,
    RandomAs(Matched),
    Word,
    All,
    One(Group),
}

impl Region {
    /// The groups that it is made of, the objects of the pair counted from 1.
    pub fn groups(self, pair: [usize; 2]) -> Vec<Group> {
        let both = |of: fn(usize) -> Group| pair.map(of).to_vec();
        match self {
            Self::Object => both(Group::Object),
            Self::Ring(width) => pair.map(|object| Group::Ring { object, width }).to_vec(),
            Self::Strip => both(Group::Strip),
            Self::StripMinusObject => both(Group::StripMinusObject),
            Self::RandomBackground => both(Group::RandomBackground),
            Self::RandomAs(_) => vec![Group::Background],
            Self::Word => both(Group::Word),
            Self::All => vec![Group::Image, Group::Text, Group::Last],
            Self::One(group) => vec![group],
        }
    }

    /// Whether it has words of the prompt, so that sites of image patches alone do not have it.
    pub fn has_text(self) -> bool {
        match self {
            Self::Word | Self::All => true,
            Self::One(group) => group.is_text(),
            _ => false,
        }
    }

    /// Its positions along the token axis of a site, ascending and each once; empty where a prompt has no such group.
    ///
    /// `seed` is for those that are drawn at random, besides what the prompt's layout was made with.
    pub fn at(self, site: Site, prompt: &Prompt, pair: [usize; 2], seed: u64) -> Vec<usize> {
        if let Self::RandomAs(matched) = self {
            return matched.drawn(site, prompt, pair, seed);
        }
        if self == Self::All {
            let layout = &prompt.layout;
            let count = match site {
                Site::VisionResid(_) => layout.mosaic.encoder_tokens(),
                Site::VisionOut => layout.mosaic.encoder_out_tokens(),
                site if site.is_of_image_tokens() => layout.visual,
                site if site.is_spatial() => layout.mosaic.spatial_tokens(),
                _ => prompt.prepared.map.len,
            };
            return (0..count).collect();
        }
        let groups: Option<Vec<Vec<usize>>> =
            self.groups(pair).into_iter().map(|group| group_at(group, site, prompt)).collect();
        let mut positions: Vec<usize> = groups.unwrap_or_default().into_iter().flatten().collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

/// Whose number of patches a random draw has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matched {
    Strip,
    Ring(usize),
}

impl Matched {
    fn drawn(self, site: Site, prompt: &Prompt, pair: [usize; 2], seed: u64) -> Vec<usize> {
        let region = match self {
            Self::Strip => Region::Strip,
            Self::Ring(width) => Region::Ring(width),
        };
        let count = region.at(site, prompt, pair, seed).len();
        let background = group_at(Group::Background, site, prompt).unwrap_or_default();
        if background.len() < count {
            return Vec::new();
        }
        let mut rng = rng(seed, &format!("patches for {} like {region}", prompt.layout.item), 0);
        let mut drawn: Vec<usize> = sample(&mut rng, background.len(), count).iter().map(|at| background[at]).collect();
        drawn.sort_unstable();
        drawn
    }
}

/// A group's positions along the token axis of a site, in the group's order; `None` where the prompt has no such group, or
/// the site none of its positions.
pub fn group_at(group: Group, site: Site, prompt: &Prompt) -> Option<Vec<usize>> {
    let members = group.members(&prompt.layout)?;
    let positions: Option<Vec<_>> = members.iter().map(|member| positions(member.place, site, prompt)).collect();
    Some(positions?.into_iter().flatten().collect())
}

/// Where a place stands along the token axis of a site: one position, or all patches that an encoder merges into the token;
/// `None` for words at sites of image patches.
pub fn positions(place: Place, site: Site, prompt: &Prompt) -> Option<Vec<usize>> {
    let layout = &prompt.layout;
    match site {
        Site::VisionResid(_) => place.patch().map(|patch| layout.mosaic.in_encoder(patch)),
        Site::VisionOut => place.patch().map(|patch| layout.mosaic.in_encoder_out(patch)),
        // The finest view comes first, row by row.
        site if site.is_of_image_tokens() => {
            place.patch().map(|patch| vec![patch.row * layout.geometry.grid.cols + patch.col])
        }
        site if site.is_spatial() => place.patch().map(|patch| layout.mosaic.in_spatial(patch)),
        _ => Some(vec![place.position(layout)]),
    }
}

/// The one position of a place; `None` also where an encoder merges several patches into the token.
pub fn position(place: Place, site: Site, prompt: &Prompt) -> Option<usize> {
    match positions(place, site, prompt)?.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// Whether the tokens of a site are image patches alone, not a whole prompt.
pub fn is_image_only(site: Site) -> bool {
    site.is_image_only()
}

impl TryFrom<String> for Region {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let ring = name.strip_prefix("ring_").and_then(|width| width.parse().ok()).filter(|&width| width > 0);
        let matched = name.strip_prefix("random_as_ring_").and_then(|width| width.parse().ok());
        let matched = matched.filter(|&width| width > 0).map(Matched::Ring);
        match (name.as_str(), ring) {
            ("object", _) => Ok(Self::Object),
            ("strip", _) => Ok(Self::Strip),
            ("strip_minus_object", _) => Ok(Self::StripMinusObject),
            ("random_background", _) => Ok(Self::RandomBackground),
            ("word", _) => Ok(Self::Word),
            ("all", _) => Ok(Self::All),
            ("random_as_strip", _) => Ok(Self::RandomAs(Matched::Strip)),
            (_, None) if matched.is_some() => matched.map(Self::RandomAs).ok_or_else(String::new),
            (_, Some(width)) => Ok(Self::Ring(width)),
            _ => Group::try_from(name).map(Self::One).map_err(|problem| {
                format!("{problem}; of both objects of a pair: {}", BOTH.map(|name| format!("`{name}`")).join(", "))
            }),
        }
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.to_string()
    }
}

impl std::fmt::Display for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object => f.write_str("object"),
            Self::Ring(width) => write!(f, "ring_{width}"),
            Self::Strip => f.write_str("strip"),
            Self::StripMinusObject => f.write_str("strip_minus_object"),
            Self::RandomBackground => f.write_str("random_background"),
            Self::RandomAs(Matched::Strip) => f.write_str("random_as_strip"),
            Self::RandomAs(Matched::Ring(width)) => write!(f, "random_as_ring_{width}"),
            Self::Word => f.write_str("word"),
            Self::All => f.write_str("all"),
            Self::One(group) => write!(f, "{group}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in BOTH.into_iter().chain([
            "random_as_strip",
            "random_as_ring_2",
            "last",
            "text",
            "image",
            "background",
            "object_1",
            "cell_3_4",
        ]) {
            assert_eq!(Region::try_from(name.to_string()).unwrap().to_string(), name);
        }
        assert!(Region::try_from("objekt".to_string()).unwrap_err().contains("`strip_minus_object`"));
    }
}
