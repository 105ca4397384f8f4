//! One row of attention weights to shares: how much goes to BOS, the image, each object, the background, the text and
//! the query's own position.

use super::recorded::AttentionRow;
use crate::processor::{Coverage, TokenMap};
use crate::study::Heads;

/// What each column of a row of attention weights is. Columns that are none of the three are text.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    pub bos: Option<usize>,
    /// The column of each image patch, row-major over the grid.
    pub image: Vec<usize>,
    /// Columns of image tokens besides: of other views of the image, and of those that show nothing.
    pub aside: Vec<usize>,
    /// The query's own column.
    pub last: usize,
    /// Columns from here on are padding.
    pub len: usize,
}

impl From<&TokenMap> for Columns {
    fn from(map: &TokenMap) -> Self {
        let aside = map.visual().split_off(map.image.len());
        Self { bos: map.bos, image: map.image.clone(), aside, last: map.last, len: map.len }
    }
}

/// Where a row of attention goes. `bos + image + text + last` is 1, but for what goes to other views of the image than the
/// finest, which is all that `image`, objects and background are of.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    pub bos: f32,
    pub image: f32,
    pub text: f32,
    pub last: f32,
    /// Each object: the sum over patches of mass times covered share. `None` where it is not annotated.
    pub objects: Vec<Option<f32>>,
    /// The union of all annotated objects; at most the sum of `objects`. `None` where none is annotated.
    pub union: Option<f32>,
    /// `image - union`; `None` with it, for then nobody knows what is background.
    pub background: Option<f32>,
}

/// Reduces one row of attention weights, `[key]`, to shares and the row over the patch grid.
///
/// Sums are taken in `f64`, in the order of the columns, so they do not depend on batch or padding.
pub fn reduce(layer: i16, head: i16, weights: &[f32], columns: &Columns, coverage: &Coverage) -> AttentionRow {
    let patches: Vec<f32> = columns.image.iter().map(|&column| weights[column]).collect();
    let sum = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>();
    let bos = columns.bos.map_or(0.0, |column| f64::from(weights[column]));
    let last = f64::from(weights[columns.last]);
    let aside: f64 = columns.aside.iter().map(|&column| f64::from(weights[column])).sum();
    let image = sum(&patches);
    let text = (sum(&weights[..columns.len]) - bos - last - image - aside).max(0.0);
    let on = |covered: &Vec<f32>| -> f64 {
        patches.iter().zip(covered).map(|(&mass, &share)| f64::from(mass) * f64::from(share)).sum()
    };
    let union = coverage.union.as_ref().map(on);
    let shares = Shares {
        bos: bos as f32,
        image: image as f32,
        text: text as f32,
        last: last as f32,
        objects: coverage.objects.iter().map(|object| object.as_ref().map(|covered| on(covered) as f32)).collect(),
        union: union.map(|mass| mass as f32),
        background: union.map(|mass| (image - mass).max(0.0) as f32),
    };
    AttentionRow { layer, head, shares, patches }
}

/// Reduces every head's row of one layer, `rows` being `[heads, key]`: first their mean (head -1), then, if asked for, each.
///
/// The mean is taken of the weights, in `f64`; its shares are those of the mean row.
pub fn reduce_layer(
    layer: i16,
    rows: &[f32],
    key: usize,
    heads: Heads,
    columns: &Columns,
    coverage: &Coverage,
) -> Vec<AttentionRow> {
    let mut reduced = vec![reduce(layer, -1, &mean_row(rows, key), columns, coverage)];
    if heads == Heads::All {
        let each = rows.chunks_exact(key).enumerate();
        reduced.extend(each.map(|(head, row)| reduce(layer, head as i16, row, columns, coverage)));
    }
    reduced
}

/// The mean over rows of `width` numbers.
fn mean_row(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += f64::from(weight));
    }
    let count = (rows.len() / width) as f64;
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Object, PixelBox};
    use crate::processor::{Grid, ImageGeometry};

    /// A 2x2 grid over a 20x20 image.
    fn geometry() -> ImageGeometry {
        let seen = PixelBox { x1: 0.0, y1: 0.0, x2: 20.0, y2: 20.0 };
        ImageGeometry { image_width: 20, image_height: 20, grid: Grid { rows: 2, cols: 2 }, seen }
    }

    fn object(boxes: &[[f64; 4]]) -> Object {
        let boxes = boxes.iter().map(|&[x1, y1, x2, y2]| PixelBox { x1, y1, x2, y2 }).collect();
        Object::new("thing", boxes)
    }

    #[test]
    fn a_row_by_hand() {
        // BOS, four patches, two words, the query itself, one column of padding.
        let weights = [0.3, 0.1, 0.05, 0.2, 0.05, 0.1, 0.05, 0.15, 9.0];
        let columns = Columns { bos: Some(0), image: vec![1, 2, 3, 4], aside: vec![], last: 7, len: 8 };
        // The first object covers the left half of patch 0; the second all of patch 0 and half of patch 2; the third is
        // not annotated.
        let objects =
            [object(&[[0.0, 0.0, 5.0, 10.0]]), object(&[[0.0, 0.0, 10.0, 10.0], [0.0, 10.0, 10.0, 15.0]]), object(&[])];
        let row = reduce(3, 1, &weights, &columns, &Coverage::of(&objects, &geometry()));
        let close = |a: f32, b: f32| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
        let shares = &row.shares;
        close(shares.bos, 0.3);
        close(shares.image, 0.4);
        close(shares.text, 0.15);
        close(shares.last, 0.15);
        close(shares.objects[0].unwrap(), 0.05);
        close(shares.objects[1].unwrap(), 0.2);
        assert_eq!(shares.objects[2], None);
        close(shares.union.unwrap(), 0.2);
        close(shares.background.unwrap(), 0.2);
        assert_eq!((row.layer, row.head, row.patches.as_slice()), (3, 1, &weights[1..5]));

        // Were the words another view of the image, they would be neither text nor in the grid.
        let columns = Columns { aside: vec![5, 6], ..columns };
        let row = reduce(3, 1, &weights, &columns, &Coverage::of(&objects, &geometry()));
        close(row.shares.image, 0.4);
        close(row.shares.text, 0.0);
        close(row.shares.background.unwrap(), 0.2);
    }

    #[test]
    fn without_boxes_nobody_knows_the_background() {
        let columns = Columns { bos: None, image: vec![0, 1, 2, 3], aside: vec![], last: 4, len: 5 };
        let row = reduce(0, -1, &[0.1, 0.2, 0.3, 0.2, 0.2], &columns, &Coverage::of(&[object(&[])], &geometry()));
        assert_eq!((row.shares.union, row.shares.background, row.shares.bos), (None, None, 0.0));
    }
}
