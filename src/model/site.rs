//! A site: one tensor inside a model, under a name that is the same in the command line, the study files, the frames
//! and the figures.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result, nearest};

/// A named place where a tensor can be read or rewritten.
///
/// Slots (`s`) count states: slot 0 is what enters the first block, slot `l + 1` what leaves block `l`, before any
/// final norm. Layers (`l`, `i`) count blocks. Neither follows another library's off-by-one: Hugging Face's last
/// hidden state is already normalised, ours is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// `vision.{s}.resid`: the encoder's residual stream, `[batch, tokens, width]`, class token first where there is one.
    VisionResid(usize),
    /// `vision.{i}.attn`: encoder attention after softmax, `[batch, heads, query, key]`.
    VisionAttn(usize),
    /// `vision.out`: exactly what enters the projector, `[batch, patches, width]`.
    VisionOut,
    /// `spatial.{i}.frame.resid`: the spatial encoder's patches after its block `i` within frames, frame after frame, row by
    /// row, `[batch, frames * patches, width]`.
    SpatialFrame(usize),
    /// `spatial.{i}.global.shares`: the share of its attention that a patch pays to each frame in block `i` across frames,
    /// `[batch, heads, frames * patches, frames]`. Reduced while it is computed, and read only.
    SpatialShares(usize),
    /// `spatial.{i}.global.frames`: the same, the mean over the patches of a frame, `[batch, heads, frames, frames]`.
    SpatialFrames(usize),
    /// `spatial.{i}.global.resid`: after block `i` across frames, as `spatial.{i}.frame.resid`.
    SpatialGlobal(usize),
    /// `spatial.out`: what the spatial encoder makes, within and across frames one behind the other, `[batch, frames *
    /// patches, 2 * width]`.
    SpatialOut,
    /// `connector.in`: exactly what enters the connector, the patches of an image token joined, `[batch, image tokens,
    /// joined width]`.
    ConnectorIn,
    /// `connector.2d`: what the image encoder adds to `projector.out`, `[batch, image tokens, width]`.
    Connector2d,
    /// `connector.3d`: what the spatial encoder adds to it, `[batch, image tokens, width]`.
    Connector3d,
    /// `projector.out`: image tokens in the language model's space, row-major patch grid, `[batch, patches, width]`.
    ProjectorOut,
    /// `lm.{s}.resid`: the language model's residual stream, `[batch, tokens, width]`.
    LmResid(usize),
    /// `lm.{l}.scores`: scaled query-key products before mask and softmax, `[batch, heads, query, key]`.
    LmScores(usize),
    /// `lm.{l}.attn`: attention after softmax, `[batch, heads, query, key]`.
    LmAttn(usize),
    /// `lm.{l}.head.{h}`: what one attention head has gathered, before the output projection mixes the heads,
    /// `[batch, tokens, head_dim]`.
    LmHead(usize, usize),
    /// `lm.{l}.attn_out`: what the attention half adds to the residual stream, `[batch, tokens, width]`.
    LmAttnOut(usize),
    /// `lm.{l}.mlp_out`: what the MLP half adds to the residual stream, `[batch, tokens, width]`.
    LmMlpOut(usize),
    /// `logits`: at the rows that are read out, `[batch, rows, vocabulary]`.
    Logits,
}

impl Site {
    /// The layer or slot the site belongs to, where it belongs to one.
    pub fn index(self) -> Option<usize> {
        match self {
            Self::VisionResid(i) | Self::VisionAttn(i) => Some(i),
            Self::SpatialFrame(i) | Self::SpatialGlobal(i) | Self::SpatialShares(i) | Self::SpatialFrames(i) => Some(i),
            Self::LmResid(i) | Self::LmScores(i) | Self::LmAttn(i) | Self::LmHead(i, _) => Some(i),
            Self::LmAttnOut(i) | Self::LmMlpOut(i) => Some(i),
            Self::VisionOut | Self::SpatialOut | Self::ConnectorIn | Self::Connector2d | Self::Connector3d => None,
            Self::ProjectorOut | Self::Logits => None,
        }
    }

    /// Whether its tokens are image tokens in the language model's space: `projector.out`, and what it is the sum of.
    pub fn is_of_image_tokens(self) -> bool {
        matches!(self, Self::ProjectorOut | Self::Connector2d | Self::Connector3d | Self::ConnectorIn)
    }

    /// Whether it holds attention, not the states of tokens.
    pub fn is_attention(self) -> bool {
        matches!(self, Self::LmAttn(_) | Self::LmScores(_) | Self::VisionAttn(_))
            || matches!(self, Self::SpatialShares(_) | Self::SpatialFrames(_))
    }

    /// Whether its tokens are the patches of the spatial encoder.
    pub fn is_spatial(self) -> bool {
        matches!(self, Self::SpatialFrame(_) | Self::SpatialGlobal(_) | Self::SpatialOut)
    }

    /// Whether its tokens show an image and nothing of a prompt.
    pub fn is_image_only(self) -> bool {
        matches!(self, Self::VisionResid(_) | Self::VisionOut) || self.is_spatial() || self.is_of_image_tokens()
    }

    /// The language model's block in which it is met, where it is met in one.
    pub fn block(self) -> Option<usize> {
        match self {
            Self::LmResid(slot) => slot.checked_sub(1),
            Self::LmScores(l) | Self::LmAttn(l) | Self::LmHead(l, _) | Self::LmAttnOut(l) | Self::LmMlpOut(l) => {
                Some(l)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VisionResid(s) => write!(f, "vision.{s}.resid"),
            Self::VisionAttn(i) => write!(f, "vision.{i}.attn"),
            Self::VisionOut => f.write_str("vision.out"),
            Self::SpatialFrame(i) => write!(f, "spatial.{i}.frame.resid"),
            Self::SpatialShares(i) => write!(f, "spatial.{i}.global.shares"),
            Self::SpatialFrames(i) => write!(f, "spatial.{i}.global.frames"),
            Self::SpatialGlobal(i) => write!(f, "spatial.{i}.global.resid"),
            Self::SpatialOut => f.write_str("spatial.out"),
            Self::ConnectorIn => f.write_str("connector.in"),
            Self::Connector2d => f.write_str("connector.2d"),
            Self::Connector3d => f.write_str("connector.3d"),
            Self::ProjectorOut => f.write_str("projector.out"),
            Self::LmResid(s) => write!(f, "lm.{s}.resid"),
            Self::LmScores(l) => write!(f, "lm.{l}.scores"),
            Self::LmAttn(l) => write!(f, "lm.{l}.attn"),
            Self::LmHead(l, h) => write!(f, "lm.{l}.head.{h}"),
            Self::LmAttnOut(l) => write!(f, "lm.{l}.attn_out"),
            Self::LmMlpOut(l) => write!(f, "lm.{l}.mlp_out"),
            Self::Logits => f.write_str("logits"),
        }
    }
}

impl FromStr for Site {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let unknown = || {
            Error::usage(format!("`{name}` is not a site")).with_help(
                "sites look like vision.3.resid, vision.3.attn, vision.out, projector.out, lm.0.resid, lm.2.attn, \
                 lm.2.scores, lm.2.head.0, lm.2.attn_out, lm.2.mlp_out, logits, spatial.0.frame.resid, connector.3d; \
                 `vlmscope sites MODEL` lists a model's own",
            )
        };
        let parts: Vec<&str> = name.split('.').collect();
        let number = |text: &str| text.parse::<usize>().map_err(|_| unknown());
        Ok(match parts.as_slice() {
            ["vision", "out"] => Self::VisionOut,
            ["projector", "out"] => Self::ProjectorOut,
            ["spatial", i, "frame", "resid"] => Self::SpatialFrame(number(i)?),
            ["spatial", i, "global", "shares"] => Self::SpatialShares(number(i)?),
            ["spatial", i, "global", "frames"] => Self::SpatialFrames(number(i)?),
            ["spatial", i, "global", "resid"] => Self::SpatialGlobal(number(i)?),
            ["spatial", "out"] => Self::SpatialOut,
            ["connector", "in"] => Self::ConnectorIn,
            ["connector", "2d"] => Self::Connector2d,
            ["connector", "3d"] => Self::Connector3d,
            ["logits"] => Self::Logits,
            ["vision", s, "resid"] => Self::VisionResid(number(s)?),
            ["vision", i, "attn"] => Self::VisionAttn(number(i)?),
            ["lm", s, "resid"] => Self::LmResid(number(s)?),
            ["lm", l, "scores"] => Self::LmScores(number(l)?),
            ["lm", l, "attn"] => Self::LmAttn(number(l)?),
            ["lm", l, "head", h] => Self::LmHead(number(l)?, number(h)?),
            ["lm", l, "attn_out"] => Self::LmAttnOut(number(l)?),
            ["lm", l, "mlp_out"] => Self::LmMlpOut(number(l)?),
            _ => return Err(unknown()),
        })
    }
}

/// A site of a particular model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSpec {
    pub site: Site,
    /// For one image and one prompt, with the symbols `batch`, `tokens`, `query`, `key` left open: `[batch, tokens, 128]`.
    pub shape: String,
    pub meaning: &'static str,
}

/// The model's sites that the patterns name, each once, in the model's order.
///
/// A pattern is a site name whose number may be `*` (every layer or slot) or a range `a..b` (a included, b not); numbers
/// may be shares of the depth, see [`at_depth`].
///
/// # Errors
/// A pattern that matches no site of this model, with the nearest names.
pub fn select(patterns: &[impl AsRef<str>], sites: &[SiteSpec]) -> Result<Vec<Site>> {
    let mut chosen = vec![false; sites.len()];
    for pattern in patterns {
        let pattern = &at_depth(pattern.as_ref(), sites.iter().map(|spec| spec.site.to_string()));
        let mut hit = false;
        for (spec, chosen) in sites.iter().zip(&mut chosen) {
            if matches(pattern, &spec.site.to_string()) {
                *chosen = true;
                hit = true;
            }
        }
        if !hit {
            return Err(no_such_site(pattern, sites));
        }
    }
    Ok(sites.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(spec, _)| spec.site).collect())
}

fn no_such_site(pattern: &str, sites: &[SiteSpec]) -> Error {
    let names: Vec<String> = sites.iter().map(|spec| spec.site.to_string()).collect();
    let near = nearest(pattern, names.iter().map(String::as_str));
    let advice = if near.is_empty() {
        "`vlmscope sites MODEL` lists this model's sites".to_owned()
    } else {
        format!("did you mean `{}`? `vlmscope sites MODEL` lists this model's sites", near.join("` or `"))
    };
    Error::usage(format!("site `{pattern}` does not exist in this model")).with_help(advice)
}

/// A pattern for models of any depth as one for the model with these sites: in `lm.50%.resid` the share is of the last
/// slot, in `lm.0%..50%.attn` of their number; rounded.
pub fn at_depth(pattern: &str, sites: impl Iterator<Item = String>) -> String {
    let parts: Vec<&str> = split_sites(pattern).collect();
    let Some(at) = parts.iter().position(|part| part.contains('%')) else { return pattern.to_owned() };
    let number = |name: String| -> Option<usize> {
        let named: Vec<&str> = name.split('.').collect();
        let same = |(n, part): (usize, &&str)| n == at || named.get(n) == Some(part) || *part == "*";
        (named.len() == parts.len() && parts.iter().enumerate().all(same)).then(|| named[at].parse().ok())?
    };
    let Some(last) = sites.filter_map(number).max() else { return pattern.to_owned() };
    let of = |text: &str, whole: usize| match text.strip_suffix('%').and_then(|share| share.parse::<f64>().ok()) {
        Some(share) => ((share / 100.0 * whole as f64).round() as usize).to_string(),
        None => text.to_owned(),
    };
    let there = match parts[at].split_once("..") {
        Some((from, to)) => format!("{}..{}", of(from, last + 1), of(to, last + 1)),
        None => of(parts[at], last),
    };
    let mut parts = parts;
    parts[at] = &there;
    parts.join(".")
}

/// Whether a pattern (see [`select`]) names a site.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut wanted, mut parts) = (split_sites(pattern), name.split('.'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(w), Some(p)) if w == p || (w == "*" && is_number(p)) || in_range(w, p) => {}
            _ => return false,
        }
    }
}

/// Splits at single dots only, so that the `..` of a range stays in one part.
fn split_sites(pattern: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(pattern);
    std::iter::from_fn(move || {
        let text = rest?;
        let bytes = text.as_bytes();
        let single = |i: usize| bytes[i] == b'.' && bytes.get(i + 1) != Some(&b'.') && (i == 0 || bytes[i - 1] != b'.');
        let (part, tail) = match (0..bytes.len()).find(|&i| single(i)) {
            Some(dot) => (&text[..dot], Some(&text[dot + 1..])),
            None => (text, None),
        };
        rest = tail;
        Some(part)
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn in_range(range: &str, part: &str) -> bool {
    let Some((from, to)) = range.split_once("..") else { return false };
    match (from.parse::<usize>(), to.parse::<usize>(), part.parse::<usize>()) {
        (Ok(from), Ok(to), Ok(part)) => (from..to).contains(&part),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Vec<SiteSpec> {
        let spec = |site| SiteSpec { site, shape: String::new(), meaning: "" };
        let mut sites = vec![spec(Site::VisionOut), spec(Site::ProjectorOut)];
        let spatial = [Site::SpatialFrame, Site::SpatialShares, Site::SpatialFrames, Site::SpatialGlobal];
        sites.extend(spatial.map(|of| spec(of(3))));
        let joined = [Site::SpatialOut, Site::ConnectorIn, Site::Connector2d, Site::Connector3d];
        sites.extend(joined.map(spec));
        sites.extend((0..4).flat_map(|l| [spec(Site::LmResid(l)), spec(Site::LmAttn(l))]));
        sites
    }

    #[test]
    fn names_survive_a_round_trip() {
        for spec in model() {
            assert_eq!(spec.site.to_string().parse::<Site>().unwrap(), spec.site);
        }
        assert!("lm.x.attn".parse::<Site>().is_err());
        assert!("lm.1.attn.2".parse::<Site>().is_err());
    }

    #[test]
    fn patterns_choose_in_model_order() {
        let chosen = select(&["lm.*.attn", "vision.out"], &model()).unwrap();
        assert_eq!(chosen[0], Site::VisionOut);
        assert_eq!(chosen.len(), 5);
        let range = select(&["lm.1..3.resid"], &model()).unwrap();
        assert_eq!(range, [Site::LmResid(1), Site::LmResid(2)]);
    }

    #[test]
    fn a_mistyped_site_offers_its_neighbours() {
        let share = select(&["lm.50%.resid"], &model()).unwrap();
        assert_eq!(share, [Site::LmResid(2)]);
        let share = select(&["lm.0%..50%.attn", "lm.100%.resid"], &model()).unwrap();
        assert_eq!(share, [Site::LmAttn(0), Site::LmAttn(1), Site::LmResid(3)]);
        let error = select(&["lm.2.atn"], &model()).unwrap_err();
        assert!(error.help().unwrap().contains("`lm.2.attn`"), "{error:?}");
        assert!(select(&["lm.9.attn"], &model()).is_err());
    }
}
