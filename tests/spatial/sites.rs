//! Addends, frames that see each other, and the order of the walk.

use burn::tensor::{Device, Distribution, Tensor};
use vlmscope::error::Result;
use vlmscope::model::families;
use vlmscope::model::{Hook, Hooks, Inputs, Rows, Site};

use super::release::first_release;
use super::{VGGT, Watch, inputs, model, values, video};
use crate::support::fixture;

const SUM: [Site; 3] = [Site::Connector2d, Site::Connector3d, Site::ProjectorOut];

#[test]
fn every_image_token_is_the_sum_of_its_addends() {
    let (model, inputs) = (model(), inputs(4));
    let mut watch = Watch::over(&SUM);
    let visual = model.encode(&inputs, &mut Hooks::one(&mut watch)).unwrap();
    let [image, spatial, sum] = SUM.map(|site| watch.seen[&site].clone());
    assert_eq!(values(image.clone() + spatial.clone()), values(sum.clone()));
    assert_eq!(values(sum), values(visual));
    assert_eq!(image.dims(), [1, 12, 64]);

    // Without one of them, the other is left; encoded once, either can be taken away again and again.
    for (site, left) in [(Site::Connector2d, &spatial), (Site::Connector3d, &image)] {
        let mut ablate = Watch::changing(site, |tokens| tokens.zeros_like());
        let ablated = model.encode(&inputs, &mut Hooks::one(&mut ablate)).unwrap();
        assert_eq!(values(ablated), values(left.clone()), "{site}");
        let mut ablate = Watch::changing(site, |tokens| tokens.zeros_like());
        let hooks = &mut Hooks::one(&mut ablate);
        let again = model.encode_addends(&inputs, image.clone(), Some(spatial.clone()), hooks).unwrap();
        assert_eq!(values(again), values(left.clone()), "{site}");
    }
    let whole = model.encode_addends(&inputs, image.clone(), None, &mut Hooks::none()).unwrap();
    assert_eq!(values(whole), values(image.clone() + spatial.clone()));
    let short = spatial.narrow(1, 0, 6);
    let error = model.encode_addends(&inputs, image, Some(short), &mut Hooks::none()).unwrap_err().to_string();
    assert!(error.contains("makes 12 image tokens, the spatial encoder 6"), "{error}");
}

/// What is done to the last frame's patches shows in the first frame's after the next block across frames, and in no image
/// token's addend before it: the image encoder never looks across pairs of frames.
#[test]
fn frames_see_each_other_in_the_spatial_encoder_alone() {
    let (model, inputs) = (model(), inputs(4));
    let sites = [Site::SpatialFrame(0), Site::SpatialGlobal(0), Site::SpatialOut, Site::Connector2d];
    let seen = |change: Option<Watch>| {
        let mut watch = Watch::over(&sites);
        let mut change = change;
        let mut hooks = Hooks::none();
        if let Some(change) = &mut change {
            hooks.push(change);
        }
        hooks.push(&mut watch);
        model.encode(&inputs, &mut hooks).unwrap();
        sites.map(|site| watch.seen[&site].clone())
    };
    let clean = seen(None);
    // 24 patches a frame.
    let changed = seen(Some(Watch::changing(Site::SpatialFrame(0), |tokens| {
        Tensor::cat(vec![tokens.clone().narrow(1, 0, 72), tokens.narrow(1, 72, 24).flip([2])], 1)
    })));
    let apart = |n: usize, from: usize, count: usize| {
        let of = |state: &Tensor<3>| state.clone().narrow(1, from, count);
        (of(&clean[n]) - of(&changed[n])).abs().max().into_scalar::<f32>()
    };
    assert_eq!(apart(0, 0, 72), 0.0, "the block within frames");
    assert!(apart(1, 0, 24) > 1e-3, "the first frame after the block across them: {}", apart(1, 0, 24));
    assert!(apart(2, 0, 24) > 1e-3);
    assert_eq!(apart(3, 0, 12), 0.0);
}

/// Keeps attention.
struct Look(Vec<Site>, Rows, Vec<Tensor<4>>);

impl Hook for Look {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn rows(&self, _: Site) -> Rows {
        self.1.clone()
    }

    fn attention(&mut self, _: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.2.push(rows.clone());
        Ok(rows)
    }
}

#[test]
fn frame_maps_are_shares() {
    let (model, inputs) = (model(), inputs(4));
    let bare = model.encode(&inputs, &mut Hooks::none()).unwrap();
    let sites: Vec<Site> = (0..3).map(Site::SpatialFrames).collect();
    let mut look = Look(sites, Rows::All, Vec::new());
    let watched = model.encode(&inputs, &mut Hooks::one(&mut look)).unwrap();
    assert_eq!(values(bare), values(watched));
    assert_eq!(look.2.len(), 3);
    for map in look.2 {
        assert_eq!(map.dims(), [1, 2, 4, 4]);
        for row in values(map).chunks(4) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5 && row.iter().all(|share| *share > 0.0), "{row:?}");
        }
    }
    // Of chosen patches: one row each.
    let mut look = Look(vec![Site::SpatialShares(1)], Rows::At(vec![vec![0, 95]]), Vec::new());
    model.encode(&inputs, &mut Hooks::one(&mut look)).unwrap();
    assert_eq!(look.2[0].dims(), [1, 2, 2, 4]);
}

#[test]
fn what_is_not_needed_does_not_run() {
    let device = Device::flex();
    let vggt = families::open_vggt(&fixture(VGGT), &device).unwrap();
    let mut watch = Watch::over(&[Site::SpatialGlobal(2)]);
    let states = vggt.forward(video(), &[0], &mut Hooks::none()).unwrap();
    let seen = vggt.forward(video(), &[0], &mut Hooks::one(&mut watch)).unwrap();
    assert_eq!((states.len(), seen.len(), watch.seen.len()), (1, 1, 1));
    assert_eq!(values(states[0].clone()), values(seen[0].clone()));
    let error = vggt.forward(video(), &[3], &mut Hooks::none()).unwrap_err().to_string();
    assert!(error.contains("has 3 pairs of blocks, pair 3"), "{error}");
}

#[test]
fn the_number_of_frames_and_their_size_matter() {
    let model = model();
    let complaint = |inputs: &Inputs| model.encode(inputs, &mut Hooks::none()).unwrap_err().to_string();
    assert!(complaint(&inputs(3)).contains("3 frames are no whole groups of 2"));
    let without = Inputs { plain: None, ..inputs(4) };
    assert!(complaint(&without).contains("frames from 0 to 1, which these inputs do not hold"));
    let fewer = Inputs { plain: inputs(2).plain, ..inputs(4) };
    assert!(complaint(&fewer).contains("reads 4 frames of 84 x 56 pixels, the spatial one 2 of 84 x 56"));
    let vggt = families::open_vggt(&fixture(VGGT), &Device::flex()).unwrap();
    let odd = Tensor::<5>::random([1, 2, 3, 57, 84], Distribution::Uniform(0.0, 1.0), &Device::flex());
    let error = vggt.forward(odd, &[0], &mut Hooks::none()).unwrap_err().to_string();
    assert!(error.contains("whole 14 pixels") && error.contains("84 x 57"), "{error}");

    // One frame is a picture: both releases make tokens of it.
    for model in [model, families::open(first_release().path(), &Device::flex()).unwrap()] {
        let visual = model.encode(&inputs(1), &mut Hooks::none()).unwrap();
        assert_eq!(visual.dims(), [1, 6, 64]);
        assert!(values(visual).iter().all(|value| value.is_finite()));
    }
}

#[test]
fn it_walks_from_pixels_to_words() {
    let (model, inputs) = (model(), inputs(4));
    let sites = model.sites();
    let names: Vec<String> = sites.iter().map(|spec| spec.site.to_string()).collect();
    for name in ["vision.out", "connector.2d", "spatial.2.frame.resid", "spatial.2.global.frames", "connector.3d"] {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
    // The order of the walk: every hook is visited in it.
    let tokens: Vec<Site> = sites.iter().map(|spec| spec.site).filter(|site| site.is_image_only()).collect();
    let mut order = Order(tokens.clone(), Vec::new());
    model.run(&inputs, &mut Hooks::one(&mut order)).unwrap();
    assert_eq!(order.1, tokens);
    assert_eq!(model.generate(&inputs, 3, &[]).unwrap().len(), 3);
    for slot in 0..=model.encoder_slots()[0] {
        let mut watch = Watch::over(&[Site::VisionResid(slot)]);
        let whole = model.encode(&inputs, &mut Hooks::one(&mut watch)).unwrap();
        let state = watch.seen[&Site::VisionResid(slot)].clone();
        let again = model.encode_from(&inputs, slot, &|_| Ok(state.clone()), &mut Hooks::none()).unwrap();
        assert_eq!(values(whole), values(again), "slot {slot}");
    }
}

struct Order(Vec<Site>, Vec<Site>);

impl Hook for Order {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        self.1.push(site);
        Ok(tokens)
    }
}
