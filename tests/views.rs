//! What each image token shows, of every family: grids and rectangles, a dot in the image, the encoder's patches.

use burn::tensor::{Device, Tensor};
use image::{Rgb, RgbImage};
use vlmscope::model::{Hooks, Site};
use vlmscope::processor::{Patch, Prepared, Processor};

use crate::families::{FAMILIES, QUESTION, inputs, kept, named, open, prepared};
use crate::support::fixture;

/// The other families' fixtures, for what must hold of all.
const OTHERS: [&str; 3] = ["llava15", "qwen2_vl", "qwen2_5_vl"];
const WIDTH: usize = 48;

/// Every image token is a patch of some view or shows nothing; patches lie in the image, and each in its own place.
#[test]
fn every_image_token_knows_what_it_shows() {
    for family in FAMILIES.into_iter().chain(OTHERS) {
        let processor = Processor::open(&fixture(&named(family))).unwrap();
        for (width, height) in [(61, 43), (31, 90), (120, 20), (7, 9), (24, 24)] {
            let image = RgbImage::from_pixel(width, height, Rgb([90, 120, 150]));
            let prepared = processor.prepare(&image, QUESTION, &[]).unwrap();
            let map = &prepared.map;
            let image_ids = prepared.ids.iter().filter(|id| **id == processor.image_token_id()).count();
            let mut visual = map.visual();
            assert_eq!(visual.len(), image_ids, "{family}, {width} x {height}");
            let views = map.aside.iter().map(|view| view.geometry.grid.count()).sum::<usize>();
            assert_eq!(map.geometry.grid.count() + views + map.marks.len(), image_ids);
            visual.sort_unstable();
            visual.dedup();
            assert_eq!(visual.len(), image_ids, "{family}: a position twice");
            let mut sources = map.sources();
            sources.retain(|source| *source < map.mosaic.projected_tokens());
            let distinct: std::collections::BTreeSet<_> = sources.iter().collect();
            assert_eq!(distinct.len(), sources.len(), "{family}: a source twice");
            let shown: Vec<_> = visual.iter().filter_map(|&at| map.rect(at)).collect();
            assert_eq!(shown.len() + map.marks.len(), image_ids);
            let (w, h) = (f64::from(width), f64::from(height));
            for rect in shown {
                // Rows that hold some padding besides reach beyond the image by less than themselves.
                let (wide, high) = (rect.x2 - rect.x1, rect.y2 - rect.y1);
                assert!(wide > 0.0 && high > 0.0);
                assert!(rect.x1 > -wide && rect.y1 > -high && rect.x2 < w + wide && rect.y2 < h + high, "{family}");
            }
            assert_eq!(map.rect(map.last), None);
        }
    }
}

/// A dot that fills a token's rectangle changes that token most, or else one beside it, on tall, wide and tiny images; a map
/// flipped or transposed would point elsewhere. (Weights drawn at random let some tokens listen to others more.)
#[test]
fn a_dot_shows_in_the_token_that_the_map_says() {
    for family in FAMILIES {
        let (model, processor) = open(family);
        for (width, height) in [(61, 43), (31, 90), (120, 20)] {
            let blank = RgbImage::from_pixel(width, height, Rgb([128; 3]));
            let at = |image: &RgbImage| -> (Vec<f32>, Prepared) {
                let prepared = processor.prepare(image, QUESTION, &[]).unwrap();
                let tokens = kept(model.as_ref(), &inputs(&[&prepared]), Site::ProjectorOut);
                (tokens.into_data().iter::<f32>().collect(), prepared)
            };
            let (before, map) = at(&blank);
            let (geometry, grid) = (map.map.geometry, map.map.geometry.grid);
            let (mut hits, mut flips, mut dots) = (0, 0, 0);
            for (index, patch) in grid.patches().enumerate() {
                let rect = geometry.patch_rect(patch);
                let mut dotted = blank.clone();
                for (x, y, pixel) in dotted.enumerate_pixels_mut() {
                    let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
                    if rect.x1 < x && x < rect.x2 && rect.y1 < y && y < rect.y2 {
                        *pixel = Rgb([255, 0, 20]);
                    }
                }
                if dotted == blank {
                    continue; // The image has fewer pixels than tokens; this one has none of its own.
                }
                dots += 1;
                let (after, _) = at(&dotted);
                let change = |token: usize| -> f32 {
                    (token * WIDTH..(token + 1) * WIDTH).map(|at| (after[at] - before[at]).powi(2)).sum()
                };
                let most = (0..grid.count()).max_by(|&a, &b| change(a).total_cmp(&change(b))).unwrap();
                hits += usize::from(most == index);
                let Patch { row, col } = patch;
                let mirrored = [(grid.rows - 1 - row, col), (row, grid.cols - 1 - col)];
                let other = |(r, c): (usize, usize)| (r, c) != (row, col) && most == r * grid.cols + c;
                flips += usize::from(mirrored.into_iter().any(other));
            }
            assert!(dots > 0 && hits * 5 >= dots * 3, "{family}, {width} x {height}: {hits} of {dots}");
            assert!(flips * 5 <= dots, "{family}, {width} x {height}: {flips} of {dots} where a flipped map points");
        }
    }
}

/// What a token is made of: changing the encoder's patches that the map names, and no others, changes that token alone.
#[test]
fn the_encoder_s_patches_are_those_that_the_map_names() {
    for family in FAMILIES {
        let (model, processor) = open(family);
        let prepared = prepared(family, &processor, QUESTION);
        let (inputs, map) = (inputs(&[&prepared]), &prepared.map);
        let last = model.encoder_slots()[0];
        let state = kept(model.as_ref(), &inputs, Site::VisionResid(last));
        let [_, tokens, width] = state.dims();
        assert_eq!(tokens, map.mosaic.encoder_tokens(), "{family}");
        let out = kept(model.as_ref(), &inputs, Site::VisionOut);
        assert_eq!(out.dims()[1], map.mosaic.encoder_out_tokens(), "{family}");
        let plain = model.encode(&inputs, &mut Hooks::none()).unwrap();
        for (index, patch) in map.geometry.grid.patches().enumerate().step_by(5) {
            let mut changed = state.clone();
            for at in map.mosaic.in_encoder(patch) {
                changed =
                    changed.slice_assign([0..1, at..at + 1, 0..width], Tensor::ones([1, 1, width], &Device::flex()));
            }
            let after = model.encode_from(&inputs, last, &|_| Ok(changed.clone()), &mut Hooks::none()).unwrap();
            let by_token = (after - plain.clone()).abs().max_dim(2);
            let by_token: Vec<f32> = by_token.into_data().iter::<f32>().collect();
            let moved: Vec<usize> = (0..by_token.len()).filter(|&token| by_token[token] > 0.0).collect();
            assert_eq!(moved, [index], "{family}");
        }
    }
}
