//! The walk: rows on demand, padding, hooks.

use burn::tensor::{Device, Tensor};
use vlmscope::error::Result;
use vlmscope::model::{Effect, Hook, Hooks, Inputs, Rows, Site, VisionLanguage, families};
use vlmscope::processor::{Prepared, Processor};

use crate::support::{FIXTURES, fixture};

fn model() -> Box<dyn VisionLanguage> {
    families::open(&fixture(FIXTURES[0]), &Device::flex()).unwrap()
}

fn prepared(question: &str) -> Prepared {
    let folder = fixture(FIXTURES[0]);
    let image = vlmscope::dataset::image_file::open_rgb(&folder.join("input.png")).unwrap();
    Processor::open(&folder).unwrap().prepare(&image, question, &[]).unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

/// Keeps attention rows and hands back what it is told to.
struct Watch {
    sites: Vec<Site>,
    rows: Rows,
    effect: Effect,
    change: fn(Tensor<4>) -> Tensor<4>,
    seen: Vec<Tensor<4>>,
}

impl Watch {
    fn new(sites: &[Site], rows: Rows, effect: Effect, change: fn(Tensor<4>) -> Tensor<4>) -> Self {
        Self { sites: sites.to_vec(), rows, effect, change, seen: Vec::new() }
    }
}

impl Hook for Watch {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        self.rows.clone()
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn attention(&mut self, _site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.seen.push(rows.clone());
        Ok((self.change)(rows))
    }
}

const ATTENTION: [Site; 3] = [Site::LmAttn(0), Site::LmAttn(1), Site::LmAttn(2)];

#[test]
fn explicit_rows_and_the_fused_path_give_the_same_numbers() {
    let (model, item) = (model(), prepared("What is in the image?"));
    let inputs = Inputs::collate(&[&item], &Device::flex()).unwrap();
    let bare = values(model.run(&inputs, &mut Hooks::none()).unwrap());
    let mut sites = ATTENTION.to_vec();
    sites.extend([Site::LmScores(1), Site::VisionAttn(0), Site::VisionAttn(1)]);
    for rows in [Rows::All, Rows::Last] {
        let mut same = Watch::new(&sites, rows, Effect::Rewrites, |rows| rows);
        let through = values(model.run(&inputs, &mut Hooks::one(&mut same)).unwrap());
        assert!(apart(&bare, &through) < 1e-5, "{}", apart(&bare, &through));
        assert_eq!(same.seen.len(), sites.len());
    }
}

#[test]
fn only_the_rows_asked_for_exist_and_they_are_distributions() {
    let (model, item) = (model(), prepared("What is in the image?"));
    let inputs = Inputs::collate(&[&item], &Device::flex()).unwrap();
    let length = item.ids.len();
    let mut all = Watch::new(&ATTENTION, Rows::All, Effect::Reads, |rows| rows);
    let mut last = Watch::new(&ATTENTION, Rows::Last, Effect::Reads, |rows| rows);
    let mut some = Watch::new(&ATTENTION, Rows::At(vec![vec![2, length - 1]]), Effect::Reads, |rows| rows);
    let mut hooks = Hooks::none();
    hooks.push(&mut all);
    hooks.push(&mut last);
    hooks.push(&mut some);
    model.run(&inputs, &mut hooks).unwrap();
    for layer in 0..3 {
        assert_eq!(last.seen[layer].dims(), [1, 4, 1, length]);
        assert_eq!(some.seen[layer].dims(), [1, 4, 2, length]);
        let whole = all.seen[layer].clone();
        let expected = values(whole.clone().narrow(2, length - 1, 1));
        assert!(apart(&expected, &values(last.seen[layer].clone())) < 1e-6);
        assert!(
            apart(&values(whole.clone().narrow(2, 2, 1)), &values(some.seen[layer].clone().narrow(2, 0, 1))) < 1e-6
        );
        for sum in values(whole.sum_dim(3)) {
            assert!((sum - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn rewritten_rows_change_the_answer_and_only_downstream() {
    let (model, item) = (model(), prepared("What is in the image?"));
    let inputs = Inputs::collate(&[&item], &Device::flex()).unwrap();
    let bare = values(model.run(&inputs, &mut Hooks::none()).unwrap());
    let mut blind = Watch::new(&[Site::LmAttn(1)], Rows::Last, Effect::Rewrites, |rows| rows * 0.0);
    let mut before = Watch::new(&[Site::LmAttn(0)], Rows::All, Effect::Reads, |rows| rows);
    let mut untouched = Watch::new(&[Site::LmAttn(0)], Rows::All, Effect::Reads, |rows| rows);
    model.run(&inputs, &mut Hooks::one(&mut untouched)).unwrap();
    let mut hooks = Hooks::one(&mut blind);
    hooks.push(&mut before);
    let changed = values(model.run(&inputs, &mut hooks).unwrap());
    assert!(apart(&bare, &changed) > 1e-3);
    assert_eq!(values(before.seen[0].clone()), values(untouched.seen[0].clone()));
}

#[test]
fn items_of_different_lengths_share_a_batch_without_touching_each_other() {
    let model = model();
    let items =
        [prepared("What is in the image?"), prepared("How many chairs are in this room, and where is the lamp?")];
    let device = Device::flex();
    let mut rows = Watch::new(&[Site::LmAttn(2)], Rows::Last, Effect::Reads, |rows| rows);
    let together = Inputs::collate(&[&items[0], &items[1]], &device).unwrap();
    let logits = model.run(&together, &mut Hooks::one(&mut rows)).unwrap();
    for (b, item) in items.iter().enumerate() {
        let alone = Inputs::collate(&[item], &device).unwrap();
        let mut own = Watch::new(&[Site::LmAttn(2)], Rows::Last, Effect::Reads, |rows| rows);
        let expected = model.run(&alone, &mut Hooks::one(&mut own)).unwrap();
        assert!(apart(&values(expected), &values(logits.clone().narrow(0, b, 1))) < 1e-4);
        let length = item.ids.len();
        let padded = rows.seen[0].clone().narrow(0, b, 1);
        assert!(apart(&values(own.seen[0].clone()), &values(padded.clone().narrow(3, 0, length))) < 1e-5);
        let [_, _, _, keys] = padded.dims();
        let padding = values(padded.narrow(3, length.min(keys - 1), keys - length.min(keys - 1)));
        assert!(length == keys || padding.iter().all(|weight| *weight == 0.0));
    }
}

#[test]
fn the_cache_continues_as_a_longer_prompt_would() {
    let (model, item) = (model(), prepared("What is in the image?"));
    let device = Device::flex();
    let inputs = Inputs::collate(&[&item], &device).unwrap();
    let generated = model.generate(&inputs, 6, &[]).unwrap();
    assert_eq!(generated.len(), 6);
    let mut longer = item.clone();
    for next in &generated {
        let logits = values(model.run(&Inputs::collate(&[&longer], &device).unwrap(), &mut Hooks::none()).unwrap());
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
        assert_eq!(best as u32, *next);
        longer.ids.push(*next);
    }
    let stopped = model.generate(&inputs, 6, &generated[2..3]).unwrap();
    assert!(stopped.len() <= 2 && !stopped.contains(&generated[2]));
}

#[test]
fn a_hook_that_matches_nothing_is_an_error() {
    let (model, item) = (model(), prepared("What is in the image?"));
    let inputs = Inputs::collate(&[&item], &Device::flex()).unwrap();
    for sites in [vec![], vec![Site::LmAttn(7)]] {
        let mut lost = Watch::new(&sites, Rows::Last, Effect::Reads, |rows| rows);
        let error = model.run(&inputs, &mut Hooks::one(&mut lost)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
