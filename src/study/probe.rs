//! The `[[probe]]` tables of a study: what is to be read from which hidden states, and how it is tried.
//!
//! ```toml
//! [[probe]]
//! name = "slot"                       # letters, digits, - and _; names the rows and the weights
//! dataset = "scenes/rows"             # which source's items; all, if left out
//! target = "slot"
//! groups = ["objects"]                # as recorded; their rows are the observations
//! sites = ["*"]                       # every recorded site that has the group, unless told otherwise
//! fits = ["standard", "paper", "mean_difference", "nearest_centroid"]
//! splits = ["random_image", "held_out_content", "held_out_pair", "held_out_position", "cross_setting"]
//! primary = ["projector.out", "lm.*.resid"]      # sites with `analysis.permutations` label permutations, others 20
//! ```

use serde::{Deserialize, Deserializer, Serialize};

use super::{Group, SitePattern};
use crate::error::suggestion;
use crate::model;

/// One `[[probe]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Unchecked", into = "Unchecked")]
pub struct Probe {
    /// Unique in its study; letters, digits, `-` and `_`.
    pub name: String,
    /// Only the items of this source.
    pub dataset: Option<String>,
    pub target: Target,
    /// What a layout probe reads; `None` for every other target.
    pub label: Option<LayoutLabel>,
    /// Groups of positions, as recorded.
    pub groups: Vec<Group>,
    pub sites: Vec<ProbeSite>,
    pub fits: Vec<FitMode>,
    pub splits: Vec<Split>,
    /// Where the label permutations are many and corrected over depth.
    pub primary: Vec<ProbeSite>,
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Which rank the token's object has along the axis of its image; one probe an axis.
    Slot,
    /// A property of the whole image, read at one cell that is the same in all images; one probe a cell.
    LayoutAtFixedLocation,
    /// How object 1 lies to object 2, read from the difference of their mean tokens.
    PairRelation,
    /// The right answer, read where the question is.
    RelationAtText,
    /// Where an object's centre is, 0 to 1 across what the model sees; a regression.
    AbsXy,
    /// How many metres an object is from the camera; a regression.
    Distance,
}

impl Target {
    /// Whether a number is read, and no class.
    pub fn is_number(self) -> bool {
        matches!(self, Self::AbsXy | Self::Distance)
    }

    /// As the study and the tables spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::LayoutAtFixedLocation => "layout_at_fixed_location",
            Self::PairRelation => "pair_relation",
            Self::RelationAtText => "relation_at_text",
            Self::AbsXy => "abs_xy",
            Self::Distance => "distance",
        }
    }
}

/// The property of an image that a layout probe reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LayoutLabel {
    /// `axis`: do the objects lie beside or above each other?
    Axis,
    /// `order`: of the two objects, by name, does the first lie left of (above) the second? One probe an axis.
    Order,
    /// `identity_K`: which object is K-th (from 1) along the axis? One probe an axis.
    Identity(usize),
    /// `colour_K`: the first word of that object's name, which for scenes is its colour.
    Colour(usize),
}

impl TryFrom<String> for LayoutLabel {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let numbered = |prefix| name.strip_prefix(prefix)?.parse::<usize>().ok().filter(|&k| k > 0);
        match (name.as_str(), numbered("identity_"), numbered("colour_")) {
            ("axis", ..) => Ok(Self::Axis),
            ("order", ..) => Ok(Self::Order),
            (_, Some(k), _) => Ok(Self::Identity(k)),
            (.., Some(k)) => Ok(Self::Colour(k)),
            _ => {
                let known = ["axis", "order", "identity_1", "colour_1"];
                Err(format!("`{name}` is not a property of a layout\n{}", suggestion(&name, known)))
            }
        }
    }
}

impl std::fmt::Display for LayoutLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Axis => f.write_str("axis"),
            Self::Order => f.write_str("order"),
            Self::Identity(k) => write!(f, "identity_{k}"),
            Self::Colour(k) => write!(f, "colour_{k}"),
        }
    }
}

impl From<LayoutLabel> for String {
    fn from(label: LayoutLabel) -> Self {
        label.to_string()
    }
}

/// How a probe is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FitMode {
    /// z-score, multinomial logistic regression with an L2 penalty chosen by inner cross-validation.
    Standard,
    /// The settings of the published code: no scaling, a fixed number of optimiser steps.
    Paper,
    /// The direction between class means; no fit.
    MeanDifference,
    /// The class whose mean is nearest.
    NearestCentroid,
}

impl FitMode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Paper => "paper",
            Self::MeanDifference => "mean_difference",
            Self::NearestCentroid => "nearest_centroid",
        }
    }
}

/// Which images train a probe and which try it. Rows of one image never stand on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Images at random.
    RandomImage,
    /// Every test image shows an object that no training image shows.
    HeldOutContent,
    /// Every test image shows a combination of objects that no training image shows.
    HeldOutPair,
    /// Trained on the images as they are, tried on shifted ones.
    HeldOutPosition,
    /// Trained on one kind of scene, tried on the other.
    CrossSetting,
}

impl Split {
    pub fn name(self) -> &'static str {
        match self {
            Self::RandomImage => "random_image",
            Self::HeldOutContent => "held_out_content",
            Self::HeldOutPair => "held_out_pair",
            Self::HeldOutPosition => "held_out_position",
            Self::CrossSetting => "cross_setting",
        }
    }
}

/// Recorded sites by pattern: `*` for all of them, `pixels`, or as in `[record]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProbeSite(String);

impl Probe {
    /// The same among these sites, where it asks for shares of their depth.
    pub fn among(&self, sites: &[String]) -> Self {
        let among = |asked: &[ProbeSite]| asked.iter().map(|site| site.among(sites)).collect();
        Self { sites: among(&self.sites), primary: among(&self.primary), ..self.clone() }
    }
}

impl ProbeSite {
    pub fn all() -> Self {
        Self("*".into())
    }

    /// The same among these sites, where it is a share of their depth.
    fn among(&self, sites: &[String]) -> Self {
        Self(model::at_depth(&self.0, sites.iter().cloned()))
    }

    /// Whether it names this site.
    pub fn matches(&self, site: &str) -> bool {
        self.0 == "*" || model::matches(&self.0, site)
    }
}

impl TryFrom<String> for ProbeSite {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "*" || text == "pixels" {
            return Ok(Self(text));
        }
        SitePattern::try_from(text).map(|pattern| Self(pattern.to_string()))
    }
}

impl From<ProbeSite> for String {
    fn from(site: ProbeSite) -> Self {
        site.0
    }
}

/// A `[[probe]]` before its keys are held against each other.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    target: Target,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<LayoutLabel>,
    groups: Vec<Group>,
    #[serde(default = "every_site")]
    sites: Vec<ProbeSite>,
    #[serde(default = "standard")]
    fits: Vec<FitMode>,
    #[serde(default = "random_image")]
    splits: Vec<Split>,
    #[serde(default)]
    primary: Vec<ProbeSite>,
}

fn every_site() -> Vec<ProbeSite> {
    vec![ProbeSite::all()]
}

fn standard() -> Vec<FitMode> {
    vec![FitMode::Standard]
}

fn random_image() -> Vec<Split> {
    vec![Split::RandomImage]
}

impl TryFrom<Unchecked> for Probe {
    type Error = String;

    fn try_from(asked: Unchecked) -> Result<Self, String> {
        let Unchecked { name, dataset, target, label, groups, sites, fits, splits, primary } = asked;
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!(
                "`{name}` cannot name a probe\nexpected letters, digits, `-` and `_`: rows and weights bear it"
            ));
        }
        let of = |message: String| format!("probe `{name}`: {message}");
        match (target, label) {
            (Target::LayoutAtFixedLocation, None) => {
                return Err(of(
                    "a layout probe needs `label`\nwhat it reads: axis, order, identity_1, colour_1, ..".into()
                ));
            }
            (Target::LayoutAtFixedLocation, Some(_)) | (_, None) => {}
            (_, Some(label)) => {
                let target = target.name();
                return Err(of(format!(
                    "`label = \"{label}\"` does not go with the target {target}\nonly layout_at_fixed_location has a label"
                )));
            }
        }
        for (key, empty) in [
            ("groups", groups.is_empty()),
            ("sites", sites.is_empty()),
            ("fits", fits.is_empty()),
            ("splits", splits.is_empty()),
        ] {
            if empty {
                return Err(of(format!("`{key}` is empty\nexpected at least one")));
            }
        }
        if let Some(group) = groups.iter().find(|group| !goes_with(target, **group)) {
            return Err(of(format!("{} cannot be read from `{group}`\n{}", target.name(), advice(target))));
        }
        if target == Target::PairRelation && ![1, 2].iter().all(|&k| groups.contains(&Group::Object(k))) {
            return Err(of(format!("pair_relation needs both objects\n{}", advice(target))));
        }
        if target.is_number() && fits != [FitMode::Standard] {
            let name = target.name();
            return Err(of(format!("{name} is a regression\nonly `fits = [\"standard\"]`, ridge regression, fits it")));
        }
        Ok(Self { name, dataset, target, label, groups, sites, fits, splits, primary })
    }
}

impl From<Probe> for Unchecked {
    fn from(probe: Probe) -> Self {
        let Probe { name, dataset, target, label, groups, sites, fits, splits, primary } = probe;
        Self { name, dataset, target, label, groups, sites, fits, splits, primary }
    }
}

/// Whether a target can be read from a group's rows.
fn goes_with(target: Target, group: Group) -> bool {
    let text = group.is_text();
    match target {
        Target::Slot | Target::LayoutAtFixedLocation => !text,
        Target::PairRelation => matches!(group, Group::Object(1 | 2)),
        Target::RelationAtText => text,
        Target::AbsXy | Target::Distance => matches!(group, Group::Object(_)),
    }
}

fn advice(target: Target) -> &'static str {
    match target {
        Target::Slot => "it is read from image tokens: objects, object_1, strip_1, background, image, ..",
        Target::LayoutAtFixedLocation => "it is read from single image tokens: image, background, cell_0_0, ..",
        Target::PairRelation => "expected `groups = [\"object_1\", \"object_2\"]`",
        Target::RelationAtText => "it is read from the question: word_1, word_2, last",
        Target::AbsXy | Target::Distance => "it is read from objects: object_1, object_2, ..",
    }
}

/// All `[[probe]]` tables; no two of one name.
pub(super) fn all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Probe>, D::Error> {
    let probes = Vec::<Probe>::deserialize(deserializer)?;
    let mut names = std::collections::BTreeSet::new();
    match probes.iter().find(|probe| !names.insert(&probe.name)) {
        Some(twice) => Err(serde::de::Error::custom(format!(
            "two probes are called `{}`\nrows and weights go by the name: give each its own",
            twice.name
        ))),
        None => Ok(probes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::study::Study;

    const SMALL: &str = "title = \"T\"\nquestion = \"Q?\"\n[dataset]\nsource = \"scenes/pairs\"\n";

    fn read(probes: &str) -> Result<Study, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.toml");
        std::fs::write(&path, format!("{SMALL}{probes}")).unwrap();
        Study::read(&path).map(|(study, _)| study)
    }

    #[test]
    fn defaults_and_the_way_back() {
        let study = read("[[probe]]\nname = \"slot\"\ntarget = \"slot\"\ngroups = [\"object_1\"]\n").unwrap();
        let probe = &study.probe[0];
        assert_eq!(
            (probe.fits.as_slice(), probe.splits.as_slice()),
            (&[FitMode::Standard][..], &[Split::RandomImage][..])
        );
        assert!(probe.sites[0].matches("pixels") && probe.sites[0].matches("lm.3.resid"));
        assert!(probe.primary.is_empty() && probe.dataset.is_none());
        let kept = serde_json::to_string(&study).unwrap();
        assert_eq!(serde_json::from_str::<Study>(&kept).unwrap(), study);
        assert!(read("").unwrap().probe.is_empty());
    }

    #[test]
    fn sites_by_pattern() {
        let site = |text: &str| ProbeSite::try_from(text.to_owned());
        assert!(site("lm.2..4.resid").unwrap().matches("lm.3.resid"));
        assert!(!site("lm.*.resid").unwrap().matches("vision.3.resid"));
        assert!(site("pixels").unwrap().matches("pixels"));
        assert!(site("lm.*.rezid").is_err());
    }

    #[test]
    fn what_does_not_fit_shows_its_line_and_what_to_do() {
        let probe = |name: &str, rest: &str| format!("[[probe]]\nname = \"{name}\"\n{rest}\n");
        let cases = [
            (probe("a b", "target = \"slot\"\ngroups = [\"image\"]"), "cannot name a probe"),
            (probe("p", "target = \"slott\"\ngroups = [\"image\"]"), "unknown value `slott`"),
            (probe("p", "target = \"slot\"\ngroups = [\"last\"]"), "slot cannot be read from `last`"),
            (probe("p", "target = \"slot\"\ngroups = []"), "`groups` is empty"),
            (
                probe("p", "target = \"slot\"\nlabel = \"axis\"\ngroups = [\"image\"]"),
                "does not go with the target slot",
            ),
            (probe("p", "target = \"layout_at_fixed_location\"\ngroups = [\"image\"]"), "needs `label`"),
            (
                probe("p", "target = \"layout_at_fixed_location\"\nlabel = \"ordre\"\ngroups = [\"image\"]"),
                "not a property of a layout",
            ),
            (probe("p", "target = \"pair_relation\"\ngroups = [\"object_1\"]"), "needs both objects"),
            (probe("p", "target = \"relation_at_text\"\ngroups = [\"image\"]"), "cannot be read from `image`"),
            (probe("p", "target = \"abs_xy\"\ngroups = [\"object_1\"]\nfits = [\"paper\"]"), "is a regression"),
            (probe("p", "target = \"slot\"\ngroups = [\"image\"]\nfit = []"), "unknown key `fit`"),
            (probe("p", "target = \"slot\"\ngroups = [\"image\"]").repeat(2), "two probes are called `p`"),
        ];
        for (text, expected) in cases {
            let Error::Text { message, .. } = read(&text).unwrap_err() else { panic!("{text}") };
            assert!(message.contains(expected) && message.contains("line "), "{message}");
        }
    }
}
