//! What lies where in one prompt: the objects on the patch grid, the words among the positions.

use super::geometry::{ImageGeometry, Patch};
use super::tokens::{TokenMap, occurrences};
use super::view::Mosaic;
use crate::dataset::{Axis, Item, Object, PixelBox};

/// Less than this share of a patch is rounding, not an object.
const TOUCHED: f32 = 1e-6;

/// How much of each patch an item's objects cover.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// Per object: the covered share of each patch, `[rows * cols]`; `None` where nobody annotated it.
    pub objects: Vec<Option<Vec<f32>>>,
    /// The same for the union of all annotated objects; `None` where none is.
    pub union: Option<Vec<f32>>,
}

impl Coverage {
    pub fn of(objects: &[Object], geometry: &ImageGeometry) -> Self {
        Self::over(objects, geometry, 1)
    }

    /// As [`of`](Self::of), of a video of so many groups of frames, which lie one below the other in the geometry. A patch is
    /// covered by what covers it in any of its frames.
    pub fn over(objects: &[Object], geometry: &ImageGeometry, moments: usize) -> Self {
        let boxes: Vec<Vec<PixelBox>> = objects.iter().map(|object| shown(object, geometry, moments)).collect();
        let covered = |boxes: &[_]| (!boxes.is_empty()).then(|| geometry.coverage(boxes));
        Self { objects: boxes.iter().map(|boxes| covered(boxes)).collect(), union: covered(&boxes.concat()) }
    }
}

/// An object's boxes in a geometry: of a video of so many groups of frames, which lie one below the other, those of all its
/// frames, each moved down to where its group lies.
pub fn shown(object: &Object, geometry: &ImageGeometry, moments: usize) -> Vec<PixelBox> {
    if moments <= 1 || object.by_frame.is_empty() {
        return object.boxes.clone();
    }
    let height = f64::from(geometry.image_height) / moments as f64;
    let each = object.by_frame.len().div_ceil(moments);
    let moved = |(frame, boxes): (usize, &Vec<PixelBox>)| {
        let down = (frame / each) as f64 * height;
        let moved = |area: &PixelBox| PixelBox { y1: area.y1 + down, y2: area.y2 + down, ..*area };
        boxes.iter().map(moved).collect::<Vec<_>>()
    };
    object.by_frame.iter().enumerate().flat_map(moved).collect()
}

/// Everything that decides which positions a [`Group`](super::Group) has in one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub geometry: ImageGeometry,
    pub coverage: Coverage,
    /// The axis along which the objects are told apart.
    pub axis: Axis,
    /// Centre (x, y) of each object, original pixels; `None` where nobody annotated it.
    pub centres: Vec<Option<[f64; 2]>>,
    /// Position of each image patch, row-major.
    pub image: Vec<usize>,
    /// Which of the encoder's patches each of them is made of.
    pub mosaic: Mosaic,
    /// How many image tokens there are: these patches, other views, tokens that show nothing.
    pub visual: usize,
    /// Positions of the question and the template: neither image nor BOS nor last.
    pub text: Vec<usize>,
    /// Position of the last token of each object's name in the question; `None` where the question does not name it.
    pub words: Vec<Option<usize>>,
    pub last: usize,
    /// Names the item in random draws.
    pub item: String,
    pub seed: u64,
}

impl Layout {
    /// The layout of a prepared item; `seed` is for groups that are drawn at random.
    pub fn new(item: &Item, map: &TokenMap, seed: u64) -> Self {
        let visual = map.visual();
        let special = |at: &usize| Some(*at) == map.bos || *at == map.last || visual.contains(at);
        Self {
            geometry: map.geometry,
            coverage: Coverage::over(&item.objects, &map.geometry, map.mosaic.moments),
            axis: item.axis(),
            centres: item.objects.iter().map(Object::centre).collect(),
            image: map.image.clone(),
            mosaic: map.mosaic,
            visual: visual.len(),
            text: (0..map.len).filter(|at| !special(at)).collect(),
            words: (0..item.objects.len()).map(|k| word(item, k, map)).collect(),
            last: map.last,
            item: item.id.clone(),
            seed,
        }
    }

    /// Which patches an object (from 0) touches, row-major; `None` where nobody annotated it.
    pub fn touched(&self, object: usize) -> Option<Vec<bool>> {
        self.coverage.objects.get(object)?.as_deref().map(touched)
    }

    /// Which patches any object touches; `None` where none is annotated.
    pub fn touched_by_any(&self) -> Option<Vec<bool>> {
        self.coverage.union.as_deref().map(touched)
    }

    /// Which patches lie in the strip of an object (from 0): all across the image, and along the axis no farther from the
    /// object's centre than half the smallest distance between two neighbouring objects, so that strips are disjoint.
    /// `None` where there is no other object to be apart from.
    pub fn strip(&self, object: usize) -> Option<Vec<bool>> {
        let own = self.axis.along((*self.centres.get(object)?)?);
        let mut all: Vec<f64> = self.centres.iter().flatten().map(|centre| self.axis.along(*centre)).collect();
        all.sort_by(f64::total_cmp);
        let half = all.windows(2).map(|pair| pair[1] - pair[0]).reduce(f64::min)? / 2.0;
        let inside = |patch: Patch| {
            let rect = self.geometry.patch_rect(patch);
            let middle = self.axis.along([(rect.x1 + rect.x2) / 2.0, (rect.y1 + rect.y2) / 2.0]);
            own - half <= middle && middle < own + half
        };
        Some(self.geometry.grid.patches().map(inside).collect())
    }

    /// `patches` and what lies within `steps` of them in the same frames, diagonally too.
    pub fn dilated(&self, patches: &[bool], steps: usize) -> Vec<bool> {
        let grid = self.geometry.grid;
        let tall = (grid.rows / self.mosaic.moments.max(1)).max(1);
        let near = |at: Patch| {
            let first = at.row / tall * tall;
            let rows = at.row.saturating_sub(steps).max(first)..(at.row + steps + 1).min(first + tall);
            let cols = at.col.saturating_sub(steps)..(at.col + steps + 1).min(grid.cols);
            rows.into_iter().any(|row| cols.clone().any(|col| patches[row * grid.cols + col]))
        };
        grid.patches().map(near).collect()
    }
}

fn touched(shares: &[f32]) -> Vec<bool> {
    shares.iter().map(|&share| share > TOUCHED).collect()
}

/// The position of the last token of an object's name in the question.
///
/// Names are found as whole words. A place inside a longer name of another object ("square" in "blue square") belongs to
/// that one; objects of one name take its places in the order in which they are listed.
fn word(item: &Item, object: usize, map: &TokenMap) -> Option<usize> {
    let name = item.objects[object].name.as_str();
    let others = item.objects.iter().filter(|other| other.name.len() > name.len());
    let longer: Vec<_> = others.flat_map(|other| occurrences(&item.question, &other.name)).collect();
    let same = |other: &&Object| other.name.to_lowercase() == name.to_lowercase();
    let before = item.objects[..object].iter().filter(same).count();
    let own = occurrences(&item.question, name);
    let span =
        own.into_iter().filter(|at| !longer.iter().any(|l| l.start <= at.start && at.end <= l.end)).nth(before)?;
    let mut words = map.words.iter().filter(|word| word.span.start < span.end && word.span.end > span.start);
    words.next_back().map(|word| word.positions.end - 1)
}
