//! Changed images of the same items: what a readout finds there shows what it reads.

use image::{Rgb, RgbImage};
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, suggestion};
use crate::stats::seed::rng;

/// What an item's image is changed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Counterpart {
    /// `original`: nothing is changed.
    Original,
    /// `blank`: no objects. Of a scene, its background alone; else white. The boxes stay, so that groups of tokens do.
    Blank,
    /// `noise`: every channel of every pixel uniformly random. The boxes stay.
    Noise,
    /// `shifted_16`, `shifted_-16`: all objects, and their boxes, moved so many pixels along the axis of the item's relation,
    /// to the right or down if positive; the background stays. Only scenes can.
    Shifted(i32),
    /// `mirrored`: left and right exchanged along the axis of the item's relation, or above and below. Boxes and the right
    /// answer follow, here and below. Only scenes can, as all below.
    Mirrored,
    /// `swapped`: the two objects farthest apart along the axis exchange places.
    Swapped,
    /// `recoloured`: other colours. What a question about neighbours refers to keeps its own.
    Recoloured,
    /// `resampled`: other things in the same places, and the question about them.
    Resampled,
    /// `isolated_1`: one object alone (from 1) where it was.
    Isolated(usize),
    /// `centred_1`: one object alone (from 1) in the middle of the canvas.
    Centred(usize),
}

impl Counterpart {
    /// The change of an image of any kind; `None` where it takes more than the image.
    pub(super) fn paint(self, mut image: RgbImage, name: &str, seed: u64) -> Option<RgbImage> {
        match self {
            Self::Original => {}
            Self::Blank => image.pixels_mut().for_each(|pixel| *pixel = Rgb([255; 3])),
            Self::Noise => rng(seed, &format!("noise for {name}"), 0).fill_bytes(&mut image),
            _ => return None,
        }
        Some(image)
    }

    /// Whether it can be had of any image.
    pub(super) fn of_any_image(self, dataset: &str) -> Result<()> {
        match self {
            Self::Original | Self::Blank | Self::Noise => Ok(()),
            _ => Err(self.refused_by(dataset)),
        }
    }

    pub(super) fn refused_by(self, dataset: &str) -> Error {
        Error::usage(format!("`{dataset}` has no counterpart `{self}`: its objects cannot be told from its background"))
            .with_help("photographs have the counterparts `blank` and `noise`; rendered scenes also `shifted_16`, `mirrored` and others")
    }
}

impl TryFrom<String> for Counterpart {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        let shifted = || name.strip_prefix("shifted_")?.parse().ok().filter(|px| *px != 0).map(Self::Shifted);
        let numbered = |prefix: &str| name.strip_prefix(prefix)?.parse().ok().filter(|k| *k > 0);
        let known = match name.as_str() {
            "original" => Some(Self::Original),
            "blank" => Some(Self::Blank),
            "noise" => Some(Self::Noise),
            "mirrored" => Some(Self::Mirrored),
            "swapped" => Some(Self::Swapped),
            "recoloured" => Some(Self::Recoloured),
            "resampled" => Some(Self::Resampled),
            _ => shifted()
                .or_else(|| numbered("isolated_").map(Self::Isolated))
                .or_else(|| numbered("centred_").map(Self::Centred)),
        };
        known.filter(|known| known.to_string() == name).ok_or_else(|| {
            let hint =
                suggestion(&name, ["original", "blank", "noise", "shifted_16", "mirrored", "swapped", "centred_1"]);
            format!("`{name}` is not a counterpart of an image\n{hint}")
        })
    }
}

impl From<Counterpart> for String {
    fn from(counterpart: Counterpart) -> Self {
        counterpart.to_string()
    }
}

impl std::fmt::Display for Counterpart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Original => f.write_str("original"),
            Self::Blank => f.write_str("blank"),
            Self::Noise => f.write_str("noise"),
            Self::Shifted(pixels) => write!(f, "shifted_{pixels}"),
            Self::Mirrored => f.write_str("mirrored"),
            Self::Swapped => f.write_str("swapped"),
            Self::Recoloured => f.write_str("recoloured"),
            Self::Resampled => f.write_str("resampled"),
            Self::Isolated(k) => write!(f, "isolated_{k}"),
            Self::Centred(k) => write!(f, "centred_{k}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Item, PixelBox, export, open};
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["original", "blank", "noise", "shifted_16", "shifted_-8", "swapped", "isolated_2", "centred_1"] {
            assert_eq!(Counterpart::try_from(name.to_string()).unwrap().to_string(), name);
        }
        for name in ["shifted_0", "shifted_+3", "shifted_", "blanc"] {
            assert!(Counterpart::try_from(name.to_string()).is_err(), "{name}");
        }
    }

    fn counterpart(dataset: &dyn Dataset, item: &Item, name: &str) -> Option<(Item, RgbImage)> {
        dataset.counterpart(item, Counterpart::try_from(name.to_string()).unwrap(), 1).unwrap()
    }

    #[test]
    fn a_scene_s_blank_is_its_background_and_a_photograph_s_is_white() {
        let pairs = open("scenes/pairs").unwrap();
        let item = &pairs.items()[0];
        let (same, blank) = counterpart(pairs.as_ref(), item, "blank").unwrap();
        let inside = item.objects[0].centre().map(|[x, y]| blank.get_pixel(x as u32, y as u32).0).unwrap();
        assert!(&same == item && inside.iter().all(|&channel| channel >= 210), "{inside:?}");
        assert!(blank.pixels().any(|pixel| pixel.0 != [255; 3]), "the background stays");

        let folder = tempfile::tempdir().unwrap();
        export(open("scenes/rows").unwrap().as_ref(), folder.path()).unwrap();
        let photographs = open(&folder.path().display().to_string()).unwrap();
        let (_, blank) = counterpart(photographs.as_ref(), &photographs.items()[0], "blank").unwrap();
        assert!(blank.dimensions() == (128, 128) && blank.pixels().all(|pixel| pixel.0 == [255; 3]));
        let error = photographs.offers(Counterpart::Shifted(16)).unwrap_err();
        assert!(error.to_string().contains("`shifted_16`") && error.exit_code() == 2, "{error}");
        assert!(photographs.counterpart(&photographs.items()[0], Counterpart::Shifted(16), 1).is_err());
    }

    #[test]
    fn noise_belongs_to_the_image_and_the_seed() {
        let rows = open("scenes/rows").unwrap();
        // Two questions about one image, then one about another.
        let noise = |item: usize, seed| {
            let noise = rows.counterpart(&rows.items()[item], Counterpart::Noise, seed).unwrap().unwrap().1;
            noise.into_raw()
        };
        assert_eq!(rows.items()[0].image, rows.items()[1].image);
        assert!(noise(0, 1) == noise(1, 1) && noise(0, 1) != noise(2, 1) && noise(0, 1) != noise(0, 2));
        let mean = noise(0, 1).iter().map(|&value| f64::from(value)).sum::<f64>() / (3.0 * 128.0 * 128.0);
        assert!((mean - 127.5).abs() < 2.0, "{mean}");
    }

    #[test]
    fn shifting_moves_objects_and_boxes_along_the_item_s_axis_or_not_at_all() {
        let rows = open("scenes/rows").unwrap();
        for item in &rows.items()[..4] {
            let (shifted, image) = counterpart(rows.as_ref(), item, "shifted_16").unwrap();
            let (dx, dy) = if item.relation.as_deref() == Some("left") || item.relation.as_deref() == Some("right") {
                (16.0, 0.0)
            } else {
                (0.0, 16.0)
            };
            for (before, after) in item.objects.iter().zip(&shifted.objects) {
                let PixelBox { x1, y1, x2, y2 } = before.boxes[0];
                assert_eq!(after.boxes[0], PixelBox { x1: x1 + dx, y1: y1 + dy, x2: x2 + dx, y2: y2 + dy });
                let [x, y] = after.centre().unwrap();
                let [was_x, was_y] = before.centre().unwrap();
                let original = rows.image(item).unwrap();
                assert_eq!(image.get_pixel(x as u32, y as u32), original.get_pixel(was_x as u32, was_y as u32));
            }
            assert!(rows.has(item, Counterpart::Shifted(32)) && !rows.has(item, Counterpart::Shifted(64)));
            assert!(counterpart(rows.as_ref(), item, "shifted_64").is_none());
        }
    }
}
