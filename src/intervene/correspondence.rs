//! Which position of one image answers to which of the other, when two objects have exchanged their places.

use std::collections::HashMap;

use super::region::{Region, is_image_only, positions};
use super::unit::Prompt;
use crate::dataset::Axis;
use crate::model::Site;
use crate::processor::{Group, Patch, Place};

/// Pairs (position in `clean`, position in `cf`) along the site's token axis, so that the same content keeps its position
/// and only what the image said about its place is exchanged.
///
/// `object` and `ring_W` move as the object does; `strip` and `strip_minus_object` as the object does along the axis; other
/// patches as the strip they lie in, or not at all. Words stay.
///
/// # Errors
/// Why the region does not answer to itself in the other image: sizes that differ, nothing there.
pub fn correspondence(
    region: Region,
    site: Site,
    clean: &Prompt,
    cf: &Prompt,
    pair: [usize; 2],
) -> Result<Vec<(usize, usize)>, String> {
    let at = |patch: Patch, prompt: &Prompt| positions(Place::Patch(patch), site, prompt).unwrap_or_default();
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let patches: Vec<(Patch, Patch)> = match region {
        Region::Object => follow(pair, clean, cf, Group::Object, Whole::Yes)?,
        Region::Ring(width) => follow(pair, clean, cf, |object| Group::Ring { object, width }, Whole::Common)?,
        Region::Strip => follow(pair, clean, cf, Group::Strip, Whole::Yes)?,
        Region::StripMinusObject => follow(pair, clean, cf, Group::StripMinusObject, Whole::Common)?,
        Region::Word | Region::All | Region::One(_) | Region::RandomBackground | Region::RandomAs(_) => {
            let strips = follow(pair, clean, cf, Group::Strip, Whole::Yes);
            let positions = region.at(site, clean, pair, clean.layout.seed);
            let tokens = |patch: Patch| at(patch, clean).into_iter().map(move |token| (token, patch));
            let image = clean.layout.geometry.grid.patches().flat_map(tokens);
            let image: HashMap<usize, Patch> = image.collect();
            let mut moved = Vec::new();
            for position in positions {
                match image.get(&position).copied() {
                    Some(patch) => {
                        let strips = strips.as_ref().map_err(Clone::clone)?;
                        moved
                            .push((patch, strips.iter().find(|(from, _)| *from == patch).map_or(patch, |(_, to)| *to)));
                    }
                    None => pairs.push((position, position)),
                }
            }
            moved
        }
    };
    pairs.extend(patches.into_iter().flat_map(|(here, there)| at(here, clean).into_iter().zip(at(there, cf))));
    pairs.sort_unstable();
    pairs.dedup();
    let distinct = pairs.windows(2).all(|two| two[0].0 != two[1].0);
    match pairs.is_empty() {
        true => Err("no such positions".into()),
        false if !distinct => Err("the regions of the two objects overlap".into()),
        false if is_image_only(site) || pairs.iter().all(|(_, there)| *there < cf.prepared.map.len) => Ok(pairs),
        false => Err("the other prompt is shorter".into()),
    }
}

/// Whether every patch must have its partner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    /// Those that have one; at the image's edge not all do.
    Common,
}

/// Both objects' groups, each moved as its object has moved.
fn follow(
    pair: [usize; 2],
    clean: &Prompt,
    cf: &Prompt,
    group: impl Fn(usize) -> Group,
    whole: Whole,
) -> Result<Vec<(Patch, Patch)>, String> {
    let mut all = Vec::new();
    for object in pair {
        let group = group(object);
        let (Some(here), Some(there)) = (patches(group, clean), patches(group, cf)) else {
            return Err("no such positions".into());
        };
        let offset = match group {
            Group::Strip(_) | Group::StripMinusObject(_) => strip_offset(object, clean, cf),
            _ => object_offset(object, clean, cf),
        };
        let Some((rows, cols)) = offset else { return Err("the object is not in both images".into()) };
        let moved = here.iter().filter_map(|patch| {
            let to = Patch { row: patch.row.checked_add_signed(rows)?, col: patch.col.checked_add_signed(cols)? };
            there.contains(&to).then_some((*patch, to))
        });
        let moved: Vec<(Patch, Patch)> = moved.collect();
        if whole == Whole::Yes && (moved.len() != here.len() || here.len() != there.len()) {
            return Err(format!(
                "{} patches and {}, {} of them in the same arrangement",
                here.len(),
                there.len(),
                moved.len()
            ));
        }
        all.extend(moved);
    }
    if all.is_empty() { Err("no such positions".into()) } else { Ok(all) }
}

fn patches(group: Group, prompt: &Prompt) -> Option<Vec<Patch>> {
    group.members(&prompt.layout)?.into_iter().map(|member| member.place.patch()).collect()
}

/// By how many rows and columns an object's first patch has moved.
fn object_offset(object: usize, clean: &Prompt, cf: &Prompt) -> Option<(isize, isize)> {
    let corner = |prompt: &Prompt| {
        let patches = patches(Group::Object(object), prompt)?;
        Some((patches.iter().map(|patch| patch.row).min()?, patches.iter().map(|patch| patch.col).min()?))
    };
    let ((row, col), (to_row, to_col)) = (corner(clean)?, corner(cf)?);
    Some((to_row as isize - row as isize, to_col as isize - col as isize))
}

/// The same of its strip, which spans the other axis.
fn strip_offset(object: usize, clean: &Prompt, cf: &Prompt) -> Option<(isize, isize)> {
    let first = |prompt: &Prompt| {
        let along = |patch: &Patch| match prompt.layout.axis {
            Axis::Horizontal => patch.col,
            Axis::Vertical => patch.row,
        };
        patches(Group::Strip(object), prompt)?.iter().map(along).min()
    };
    let by = first(cf)? as isize - first(clean)? as isize;
    Some(match clean.layout.axis {
        Axis::Horizontal => (0, by),
        Axis::Vertical => (by, 0),
    })
}
