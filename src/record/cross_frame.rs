//! A hook that keeps how the frames of a video attend to each other, once a video.

use burn::tensor::Tensor;

use super::capture::numbers;
use super::gather::Subject;
use super::recorded::FrameMap;
use crate::error::{Error, Result};
use crate::model::{Hook, Rows, Site, SiteSpec, select};
use crate::study::{Heads, SitePattern};

/// The maps from frames to frames that a study names.
///
/// # Errors
/// A site that the model does not have, as no model without a spatial encoder has any; a site that is no such map.
pub(super) fn sites_of(patterns: &[SitePattern], sites: &[SiteSpec]) -> Result<Vec<Site>> {
    let is_map = |site: &Site| matches!(site, Site::SpatialFrames(_));
    if !patterns.is_empty() && !sites.iter().any(|spec| is_map(&spec.site)) {
        return Err(Error::usage("this model has no spatial encoder, so no frame of a video attends to another in it")
            .with_help("leave out `cross_frame`, or name a Spatial-MLLM with --model"));
    }
    let chosen = select(patterns, sites)?;
    match chosen.iter().find(|site| !is_map(site)) {
        Some(other) => Err(Error::usage(format!("`{other}` is not attention from frames to frames"))
            .with_help("`cross_frame` takes sites such as spatial.*.global.frames")),
        None => Ok(chosen),
    }
}

/// Maps of some layers: the mean over the heads, and every head if asked for.
pub(super) struct CrossFrame<'a> {
    sites: &'a [Site],
    heads: Heads,
    /// Of each item of the batch.
    subjects: &'a [Subject<'a>],
    /// Of each item of the batch, by layer, then head; none where an earlier item shows the same video.
    pub maps: Vec<Vec<FrameMap>>,
}

impl<'a> CrossFrame<'a> {
    pub fn new(sites: &'a [Site], heads: Heads, subjects: &'a [Subject<'a>]) -> Self {
        Self { sites, heads, subjects, maps: vec![Vec::new(); subjects.len()] }
    }
}

impl Hook for CrossFrame<'_> {
    fn sites(&self) -> &[Site] {
        self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        Rows::All
    }

    /// `shares` is `[videos, heads, query frame, key frame]`.
    fn attention(&mut self, site: Site, shares: Tensor<4>) -> Result<Tensor<4>> {
        let [_, heads, frames, _] = shares.dims();
        let values = numbers(shares.clone().into_data())?;
        let layer = site.index().unwrap_or(0) as i16;
        let videos: Vec<&[f32]> = values.chunks_exact((heads * frames * frames).max(1)).collect();
        for (subject, kept) in self.subjects.iter().zip(&mut self.maps) {
            let Some(video) = subject.image.and_then(|image| videos.get(image)) else { continue };
            kept.extend(maps(layer, video, frames, self.heads));
        }
        Ok(shares)
    }
}

/// One layer of one video, `[heads, query frame, key frame]`.
fn maps(layer: i16, video: &[f32], frames: usize, heads: Heads) -> Vec<FrameMap> {
    let cells = frames * frames;
    let count = (video.len() / cells.max(1)).max(1);
    let sum = |cell: usize| video.iter().skip(cell).step_by(cells).map(|share| f64::from(*share)).sum::<f64>();
    let mean = (0..cells).map(|cell| (sum(cell) / count as f64) as f32).collect();
    let mut all = vec![FrameMap { layer, head: -1, frames, shares: mean }];
    if heads == Heads::All {
        let each = video.chunks_exact(cells.max(1)).zip(0..);
        all.extend(each.map(|(shares, head)| FrameMap { layer, head, frames, shares: shares.to_vec() }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_become_maps_and_their_mean() {
        // Two heads of two frames: one looks at its own frame alone, one at both alike.
        let video = [1.0, 0.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.5];
        let all = maps(3, &video, 2, Heads::All);
        assert_eq!(
            all.iter().map(|map| (map.layer, map.head, map.frames)).collect::<Vec<_>>(),
            [(3, -1, 2), (3, 0, 2), (3, 1, 2)]
        );
        assert_eq!(all[0].shares, [0.75, 0.25, 0.25, 0.75]);
        assert_eq!(all[1].shares, video[..4]);
        assert_eq!(maps(3, &video, 2, Heads::Mean).len(), 1);
    }

    #[test]
    fn what_has_no_such_map_is_refused() {
        let spec = |site| SiteSpec { site, shape: "[batch, tokens, 8]".into(), meaning: "" };
        let asked = |pattern: &str| vec![SitePattern::try_from(pattern.to_owned()).unwrap()];
        let without = [spec(Site::VisionOut), spec(Site::LmResid(0))];
        let error = sites_of(&asked("spatial.*.global.frames"), &without).unwrap_err();
        assert!(
            error.to_string().contains("no spatial encoder") && error.help().unwrap().contains("--model"),
            "{error}"
        );
        assert_eq!(sites_of(&[], &without).unwrap(), []);
        let with = [spec(Site::SpatialFrames(0)), spec(Site::SpatialGlobal(0))];
        assert_eq!(sites_of(&asked("spatial.*.global.frames"), &with).unwrap(), [Site::SpatialFrames(0)]);
        let error = sites_of(&asked("spatial.0.global.resid"), &with).unwrap_err();
        assert!(error.to_string().contains("`spatial.0.global.resid` is not attention from frames"), "{error}");
    }
}
