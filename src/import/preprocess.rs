//! How an image became a patch grid, in the words of a dump.

use crate::dataset::PixelBox;
use crate::error::{Error, Result};
use crate::processor::{Axis, Grid, ImageGeometry};

/// One example of each kind that is understood.
pub(super) const EXAMPLES: [&str; 3] = [
    "resize shortest edge 336, centre crop 336, patch 14",
    "resize 384 x 384, patch 16",
    "pad to square, resize 336, patch 14",
];

/// The geometry of an image of `width` x `height` pixels under one of three preprocessings:
///
/// - `resize shortest edge S, centre crop C, patch P`: as CLIP's processor does, with its rounding;
/// - `resize W x H, patch P`: each axis on its own;
/// - `pad to square, resize S, patch P`: the image in the middle of a square as wide as its longer edge.
///
/// # Errors
/// Other words, or numbers that do not give this grid.
pub(super) fn geometry(words: &str, width: u32, height: u32, grid: Grid) -> Result<ImageGeometry> {
    let numbers: Vec<u32> =
        words.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let kind: String = words.chars().filter(|c| !c.is_ascii_digit()).collect::<String>().to_lowercase();
    let kind = kind.replace("center", "centre").split_whitespace().collect::<Vec<_>>().join(" ");
    match (kind.as_str(), numbers.as_slice()) {
        ("resize shortest edge , centre crop , patch", &[edge, crop, patch]) => {
            fits(words, [crop, crop], patch, grid)?;
            let axis = |length: u32, other: u32| {
                let resized = (u64::from(edge) * u64::from(length) / u64::from(length.min(other))) as u32;
                let margin = i64::from(resized) - i64::from(crop);
                Axis { original: length, resized, offset: margin.div_euclid(2), covered: crop }
            };
            Ok(ImageGeometry::new(axis(width, height), axis(height, width), grid))
        }
        ("resize x , patch", &[to_width, to_height, patch]) => {
            fits(words, [to_width, to_height], patch, grid)?;
            let whole = PixelBox { x1: 0.0, y1: 0.0, x2: f64::from(width), y2: f64::from(height) };
            Ok(ImageGeometry { image_width: width, image_height: height, grid, seen: whole })
        }
        ("pad to square, resize , patch", &[edge, patch]) => {
            fits(words, [edge, edge], patch, grid)?;
            let side = width.max(height);
            let start = |length: u32| -f64::from((side - length) / 2);
            let (x1, y1) = (start(width), start(height));
            let seen = PixelBox { x1, y1, x2: x1 + f64::from(side), y2: y1 + f64::from(side) };
            Ok(ImageGeometry { image_width: width, image_height: height, grid, seen })
        }
        _ => Err(Error::data(format!("`preprocess` is \"{words}\", which is not understood")).with_help(format!(
            "write it like one of \"{}\", or give `seen`: the x1, y1, x2, y2 of the image that the grid covers",
            EXAMPLES.join("\", \"")
        ))),
    }
}

/// Whether so many pixels in patches of this size give the grid.
fn fits(words: &str, [width, height]: [u32; 2], patch: u32, grid: Grid) -> Result<()> {
    let count = |length: u32| length.checked_div(patch).unwrap_or(0) as usize;
    if (count(height), count(width)) == (grid.rows, grid.cols) && patch > 0 {
        return Ok(());
    }
    Err(Error::data(format!(
        "\"{words}\" gives {} x {} patches, but `grid` is [{}, {}]",
        count(height),
        count(width),
        grid.rows,
        grid.cols
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Grid = Grid { rows: 24, cols: 24 };

    fn seen(words: &str, width: u32, height: u32) -> [f64; 4] {
        let PixelBox { x1, y1, x2, y2 } = geometry(words, width, height, SQUARE).unwrap().seen;
        [x1, y1, x2, y2]
    }

    #[test]
    fn the_three_preprocessings() {
        // 1280 x 960 becomes 448 x 336, of which the middle 336 are kept: 160 of 1280 pixels are lost on either side.
        assert_eq!(seen(EXAMPLES[0], 1280, 960), [160.0, 0.0, 1120.0, 960.0]);
        assert_eq!(seen("resize shortest edge 336, center crop 336, patch 14", 960, 1280), [0.0, 160.0, 960.0, 1120.0]);
        assert_eq!(seen(EXAMPLES[1], 640, 480), [0.0, 0.0, 640.0, 480.0]);
        assert_eq!(seen(EXAMPLES[2], 640, 480), [0.0, -80.0, 640.0, 560.0]);
    }

    #[test]
    fn words_and_numbers_that_do_not_fit_are_refused() {
        let error = geometry("anyres", 640, 480, SQUARE).unwrap_err();
        assert!(error.to_string().contains("anyres") && error.help().unwrap().contains("pad to square"), "{error}");
        let error = geometry("pad to square, resize 224, patch 14", 640, 480, SQUARE).unwrap_err();
        assert!(error.to_string().contains("16 x 16"), "{error}");
        assert!(geometry("pad to square, resize 224, patch 0", 640, 480, SQUARE).is_err());
    }
}
