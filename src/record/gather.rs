//! A hook that gathers hidden states where they are computed: only what is kept leaves the device.

use burn::tensor::{Int, Tensor, TensorData};

use super::asked::{Asked, Spot, Want};
use super::capture::numbers;
use super::recorded::HiddenBlock;
use crate::error::{Error, Result};
use crate::model::{Hook, Site};
use crate::processor::{Group, Layout, Patch, Place};
use crate::study::{States, Variant};

/// One item of a pass.
pub(super) struct Subject<'a> {
    pub layout: &'a Layout,
    /// Its place among the images of the pass, if sites of patches alone are recorded with it: an image is recorded once,
    /// whatever is asked about it.
    pub image: Option<usize>,
}

/// Hidden states of one pass.
pub(super) struct Gather<'a> {
    pub asked: &'a [Asked],
    pub variant: Variant,
    pub subjects: &'a [Subject<'a>],
    sites: Vec<Site>,
    /// Of each subject, by site in the order of the walk.
    pub blocks: Vec<Vec<HiddenBlock>>,
}

impl<'a> Gather<'a> {
    pub fn new(asked: &'a [Asked], variant: Variant, subjects: &'a [Subject<'a>]) -> Self {
        let wanted = asked.iter().filter(|one| one.of(variant).next().is_some());
        let site = |one: &Asked| match one.spot {
            Spot::Model(site) => Some(site),
            Spot::Pixels => None,
        };
        let sites = wanted.filter_map(site).collect();
        Self { asked, variant, subjects, sites, blocks: vec![Vec::new(); subjects.len()] }
    }

    /// Takes the mean colours of the patches, `[patches, 3]` for each subject, where the study asks for `pixels`.
    pub fn pixels(&mut self, colours: impl Fn(usize) -> Vec<f32>) -> Result<()> {
        let Some(asked) = self.asked.iter().find(|one| one.spot == Spot::Pixels) else { return Ok(()) };
        for (number, subject) in self.subjects.iter().enumerate().filter(|(_, subject)| subject.image.is_some()) {
            let rows = rows(asked, self.variant, subject.layout, |place| {
                among_patches(place, subject.layout, Site::ProjectorOut)
            });
            let colours = colours(number);
            let mut block = HiddenBlock::new(asked.spot, self.variant);
            for row in &rows {
                let mean = |channel: usize| {
                    row.parts.iter().map(|&(patch, share)| share * f64::from(colours[3 * patch + channel])).sum::<f64>()
                };
                block.push(row.group, row.cell, [0, 1, 2].map(|channel| mean(channel) as f32));
            }
            self.blocks[number].push(block);
        }
        Ok(())
    }
}

/// A row to be: the tokens that it is made of, each with its share; shares sum to 1.
struct Row {
    group: Group,
    cell: Option<Patch>,
    parts: Vec<(usize, f64)>,
}

/// The rows of one subject at one site; `tokens` says which of the site's tokens a place is: of an encoder that merges
/// patches, several, which then are averaged.
fn rows(asked: &Asked, variant: Variant, layout: &Layout, tokens: impl Fn(Place) -> Vec<usize>) -> Vec<Row> {
    let shared = |place: Place, share: f64| {
        let tokens = tokens(place);
        let each = share / tokens.len() as f64;
        tokens.into_iter().map(move |token| (token, each))
    };
    let of = |Want { group, states, .. }: Want| -> Vec<Row> {
        let members = group.members(layout).unwrap_or_default();
        let total: f64 = members.iter().map(|member| f64::from(member.weight)).sum();
        match states {
            States::Tokens => {
                let one = |place: Place| Row { group, cell: place.patch(), parts: shared(place, 1.0).collect() };
                members.iter().map(|member| one(member.place)).collect()
            }
            States::Mean if members.is_empty() => Vec::new(),
            States::Mean => {
                let part = |place, weight: f32| shared(place, f64::from(weight) / total);
                let parts = members.iter().flat_map(|member| part(member.place, member.weight)).collect();
                vec![Row { group, cell: None, parts }]
            }
        }
    };
    asked.of(variant).flat_map(of).collect()
}

/// Which of an image site's tokens a place is; of an encoder that merges patches, several.
fn among_patches(place: Place, layout: &Layout, site: Site) -> Vec<usize> {
    match (place, site) {
        (Place::Patch(patch), Site::VisionResid(_)) => layout.mosaic.in_encoder(patch),
        (Place::Patch(patch), Site::VisionOut) => layout.mosaic.in_encoder_out(patch),
        (Place::Patch(patch), site) if site.is_spatial() => layout.mosaic.in_spatial(patch),
        // The finest view comes first, whatever comes behind it.
        (Place::Patch(patch), _) => vec![patch.row * layout.geometry.grid.cols + patch.col],
        // The study was refused before: sites of patches alone have no group of words.
        (Place::Text(at), _) => vec![at],
    }
}

impl Hook for Gather<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// `tokens` is `[batch, tokens, width]`; at the sites of the image tower `[images, patches, width]`.
    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        let spot = Spot::Model(site);
        let Some(asked) = self.asked.iter().find(|one| one.spot == spot) else { return Ok(tokens) };
        let [batch, count, width] = tokens.dims();
        // Where in the batch each subject's tokens are.
        let places = self.subjects.iter().enumerate().filter_map(|(number, subject)| match spot.is_image_only() {
            true => subject.image.map(|image| (number, image)),
            false => Some((number, number)),
        });
        let places: Vec<(usize, usize)> = places.collect();
        let rows_of = |number: usize| {
            let layout = self.subjects[number].layout;
            rows(asked, self.variant, layout, |place| match site {
                site if site.is_image_only() => among_patches(place, layout, site),
                _ => vec![place.position(layout)],
            })
        };
        let rows: Vec<(usize, Vec<Row>)> = places.iter().map(|&(number, place)| (place, rows_of(number))).collect();
        let states = gathered(tokens.clone(), &rows, [batch, count, width])?;
        let mut states = states.chunks_exact(width.max(1));
        for (&(number, _), (_, rows)) in places.iter().zip(&rows) {
            let mut block = HiddenBlock::new(spot, self.variant);
            for (row, state) in rows.iter().zip(&mut states) {
                if let Some(value) =
                    state.iter().find(|value| !value.is_finite() || value.abs() > asked.dtype.largest())
                {
                    return Err(self.unfit(number, asked, row.group, *value));
                }
                block.push(row.group, row.cell, state.iter().copied());
            }
            self.blocks[number].push(block);
        }
        Ok(tokens)
    }
}

impl Gather<'_> {
    fn unfit(&self, number: usize, asked: &Asked, group: Group, value: f32) -> Error {
        let (item, spot, variant) = (&self.subjects[number].layout.item, asked.spot, self.variant);
        let error = Error::data(format!(
            "item `{item}`: `{spot}`, variant `{variant}`, group `{group}`: a state of {value}, which {} does not hold",
            asked.dtype.name()
        ));
        error.with_help(match value.is_finite() {
            true => "record this site with dtype = \"f32\"",
            false => "the model's weights may be broken, or too large for the precision it computes in",
        })
    }
}

/// The states of all rows, one after the other, `[rows, width]`. Of each place of the batch come its rows; single tokens are
/// selected, means are one product of weights `[batch, means, tokens]` and states.
fn gathered(tokens: Tensor<3>, rows: &[(usize, Vec<Row>)], [batch, count, width]: [usize; 3]) -> Result<Vec<f32>> {
    let is_mean = |row: &&Row| row.parts.len() > 1;
    let means = rows.iter().map(|(_, rows)| rows.iter().filter(is_mean).count()).max().unwrap_or(0);
    let device = tokens.device();
    let mut weights = vec![0f32; batch * means * count];
    // Rows of single tokens come from the states, means from behind them.
    let mut chosen: Vec<i64> = Vec::new();
    for (place, rows) in rows {
        let mut mean = 0;
        for row in rows {
            if let [(token, _)] = row.parts.as_slice() {
                chosen.push((place * count + token) as i64);
                continue;
            }
            for &(token, share) in &row.parts {
                weights[(place * means + mean) * count + token] = share as f32;
            }
            chosen.push((batch * count + place * means + mean) as i64);
            mean += 1;
        }
    }
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let mut states = tokens.clone().reshape([batch * count, width]);
    if means > 0 {
        let weights = Tensor::<3>::from_data(TensorData::new(weights, [batch, means, count]), &device);
        states = Tensor::cat(vec![states, weights.matmul(tokens).reshape([batch * means, width])], 0);
    }
    let chosen: Tensor<1, Int> = Tensor::from_data(chosen.as_slice(), &device);
    numbers(states.select(0, chosen).into_data())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::dataset::{Axis, PixelBox};
    use crate::processor::{Coverage, Grid, ImageGeometry, Mosaic};
    use crate::study::Precision;

    /// BOS, two patches, then text: the first object covers all of the second patch and a quarter of the first.
    fn layout(last: usize) -> Layout {
        let seen = PixelBox { x1: 0.0, y1: 0.0, x2: 20.0, y2: 10.0 };
        let covered = vec![0.25, 1.0];
        Layout {
            geometry: ImageGeometry { image_width: 20, image_height: 10, grid: Grid { rows: 1, cols: 2 }, seen },
            coverage: Coverage { objects: vec![Some(covered.clone()), None], union: Some(covered) },
            axis: Axis::Horizontal,
            centres: vec![None, None],
            image: vec![1, 2],
            mosaic: Mosaic::single(Grid { rows: 1, cols: 2 }),
            visual: 2,
            text: (3..last).collect(),
            words: vec![None, Some(3)],
            last,
            item: "one".into(),
            seed: 1,
        }
    }

    fn asked(spot: Spot, wants: &[(&str, States)]) -> Asked {
        let want = |&(group, states): &(&str, States)| Want {
            variant: Variant::ORIGINAL,
            group: Group::try_from(group.to_string()).unwrap(),
            states,
        };
        Asked { spot, width: 2, dtype: Precision::F32, wants: wants.iter().map(want).collect() }
    }

    fn named(block: &HiddenBlock) -> Vec<(String, Option<usize>)> {
        block.rows.iter().map(|(group, cell)| (group.to_string(), cell.map(|cell| cell.col))).collect()
    }

    /// Four patches to an image token, in two rows of four: the second token is the right half.
    #[test]
    fn merged_patches_are_averaged() {
        let mosaic = Mosaic { merge: 2, ..Mosaic::single(Grid { rows: 1, cols: 2 }) };
        let layout = Layout { mosaic, ..layout(4) };
        let states: Vec<f32> = (0..16).map(|n| n as f32).collect();
        let tensor = Tensor::<1>::from_data(states.as_slice(), &Device::flex()).reshape([1, 8, 2]);
        let asked =
            [asked(Spot::Model(Site::VisionResid(1)), &[("cell_0_1", States::Tokens), ("image", States::Mean)])];
        let subjects = [Subject { layout: &layout, image: Some(0) }];
        let mut gather = Gather::new(&asked, Variant::ORIGINAL, &subjects);
        gather.tokens(Site::VisionResid(1), tensor).unwrap();
        assert_eq!(gather.blocks[0][0].vectors, [9.0, 10.0, 7.0, 8.0]);
    }

    #[test]
    fn means_and_tokens_are_gathered_at_their_positions() {
        let states: Vec<f32> = (0..20).map(|n| n as f32).collect();
        let tensor = Tensor::<1>::from_data(states.as_slice(), &Device::flex()).reshape([2, 5, 2]);
        use States::{Mean, Tokens};
        let wants = [
            ("last", Mean),
            ("image", Mean),
            ("objects", Tokens),
            ("object_1", Mean),
            ("object_2", Mean),
            ("text", Mean),
            ("word_2", Tokens),
        ];
        let asked = [asked(Spot::Model(Site::LmResid(1)), &wants)];
        let layouts = [layout(4), layout(3)];
        let subjects = layouts.each_ref().map(|layout| Subject { layout, image: None });
        let mut gather = Gather::new(&asked, Variant::ORIGINAL, &subjects);
        gather.tokens(Site::LmResid(1), tensor).unwrap();
        let block = &gather.blocks[0][0];
        let expected: [(&str, Option<usize>, [f32; 2]); 7] = [
            ("last", None, [8.0, 9.0]),
            ("image", None, [3.0, 4.0]),
            ("objects", Some(0), [2.0, 3.0]),
            ("objects", Some(1), [4.0, 5.0]),
            // (0.25 * 2 + 4) / 1.25, (0.25 * 3 + 5) / 1.25
            ("object_1", None, [3.6, 4.6]),
            ("text", None, [6.0, 7.0]),
            ("word_2", None, [6.0, 7.0]),
        ];
        assert_eq!(named(block), expected.map(|(group, cell, _)| (group.to_string(), cell)));
        for (found, wanted) in block.vectors.chunks(2).zip(expected) {
            assert!(found.iter().zip(wanted.2).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {wanted:?}");
        }
        // The second item is one token shorter and has no text besides.
        assert_eq!(&gather.blocks[1][0].vectors[..2], [16.0, 17.0]);
        assert!(!named(&gather.blocks[1][0]).iter().any(|(group, _)| group == "text"));
    }

    #[test]
    fn an_image_is_recorded_once_and_behind_its_class_token() {
        let site = Site::VisionResid(0);
        let tensor = Tensor::<3>::from_data([[[1.0f32], [2.0], [3.0]], [[4.0], [5.0], [6.0]]], &Device::flex());
        let asked = [asked(Spot::Model(site), &[("image", States::Tokens)])];
        let mosaic = Mosaic { class_tokens: 1, ..Mosaic::single(Grid { rows: 1, cols: 2 }) };
        let layout = Layout { mosaic, ..layout(4) };
        // Three questions about two images; the first image was recorded before this batch.
        let subjects = [None, Some(1), None].map(|image| Subject { layout: &layout, image });
        let mut gather = Gather::new(&asked, Variant::ORIGINAL, &subjects);
        gather.tokens(site, tensor).unwrap();
        assert!(gather.blocks[0].is_empty() && gather.blocks[2].is_empty());
        assert_eq!(gather.blocks[1][0].vectors, [5.0, 6.0]);
    }

    #[test]
    fn pixels_are_gathered_like_states() {
        let asked = [asked(Spot::Pixels, &[("object_1", States::Mean), ("image", States::Tokens)])];
        let layout = layout(4);
        let subjects = [Subject { layout: &layout, image: Some(0) }];
        let mut gather = Gather::new(&asked, Variant::ORIGINAL, &subjects);
        gather.pixels(|_| vec![0.0, 0.5, 1.0, 1.0, 0.5, 0.0]).unwrap();
        assert_eq!(gather.blocks[0][0].vectors, [0.8, 0.5, 0.2, 0.0, 0.5, 1.0, 1.0, 0.5, 0.0]);
        assert!(gather.sites().is_empty());
    }

    #[test]
    fn what_the_file_cannot_hold_is_told() {
        let layout = layout(4);
        let subjects = [Subject { layout: &layout, image: None }];
        for (value, dtype, told) in
            [(f32::NAN, Precision::F32, "weights"), (70_000.0, Precision::F16, "dtype = \"f32\"")]
        {
            let asked = [Asked { dtype, ..asked(Spot::Model(Site::LmResid(0)), &[("last", States::Mean)]) }];
            let mut gather = Gather::new(&asked, Variant::ORIGINAL, &subjects);
            let tensor = Tensor::<3>::full([1, 5, 2], value, &Device::flex());
            let error = gather.tokens(Site::LmResid(0), tensor).unwrap_err();
            assert!(
                error.to_string().contains("item `one`: `lm.0.resid`, variant `original`, group `last`"),
                "{error}"
            );
            assert!(error.help().unwrap().contains(told));
        }
    }
}
