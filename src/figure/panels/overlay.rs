//! Where one attention row looks: the picture in grey under coloured patches, beside the picture as it is, boxes on both.
//!
//! Patches are placed by the real geometry: each covers exactly the pixels that the model cut it from. What was cropped
//! away is faded. Without the picture, the bare grid is drawn.

use image::{Rgb, RgbImage};

use super::super::canvas::{Area, Canvas, Pen, Text};
use super::super::font::{self, Weight};
use super::super::page::{Draw, Figure, Panel, Row};
use super::super::theme::{AXIS, LEADING, MARGIN, PAGE_WIDTH, SOFT_INK, TICK, VIRIDIS};
use super::picture::{Look, Picture, shade_to_share};
use crate::dataset::PixelBox;
use crate::error::{Error, Result};
use crate::processor::ImageGeometry;

/// Between the two pictures, and between pictures and text.
const GAP: f64 = 8.0;
/// Width and height of the colour bar.
const BAR: (f64, f64) = (64.0, 9.0);
const TALLEST: f64 = 460.0;

/// One attention row over the patches of one image.
#[derive(Clone, Debug)]
pub struct Overlay<'a> {
    /// None draws the grid alone.
    pub image: Option<&'a RgbImage>,
    pub geometry: ImageGeometry,
    /// Attention mass of each patch, `[rows * cols]`, row-major.
    pub row: &'a [f32],
    /// Boxes by the name of the object they belong to, in original pixels.
    pub boxes: &'a [(String, Vec<PixelBox>)],
    /// What the reader has to know, one paragraph an entry: question, answer, layer, heads, query.
    pub caption: Vec<String>,
}

impl Overlay<'_> {
    /// The overlay as a figure of its own.
    ///
    /// # Errors
    /// Where row, grid and image do not fit together.
    pub fn figure(&self, title: &str) -> Result<Figure> {
        let view = self.view()?;
        let height = view.height(PAGE_WIDTH - 2.0 * MARGIN);
        let panel = Panel::new(title, "", view);
        Ok(Figure {
            name: "overlay".into(),
            title: String::new(),
            caption: String::new(),
            keys: Vec::new(),
            rows: vec![Row { columns: 1, height, panels: vec![panel], ..Row::default() }],
        })
    }

    /// Checks that everything fits, and takes what is drawn.
    pub fn view(&self) -> Result<View> {
        let grid = self.geometry.grid;
        if grid.count() == 0 || self.row.len() != grid.count() {
            return Err(Error::data(format!(
                "an attention row of {} patches does not fit a grid of {} rows and {} columns",
                self.row.len(),
                grid.rows,
                grid.cols
            )));
        }
        if let Some(position) = self.row.iter().position(|mass| !mass.is_finite() || *mass < 0.0) {
            return Err(Error::data(format!("patch {position} has an attention mass of {}", self.row[position])));
        }
        let (width, height) = (self.geometry.image_width, self.geometry.image_height);
        if let Some(image) = self.image.filter(|image| image.dimensions() != (width, height)) {
            return Err(Error::data(format!(
                "the image has {} x {} pixels, its recorded geometry says {width} x {height}",
                image.width(),
                image.height()
            ))
            .with_help("the image was changed after recording; record again, or draw without it"));
        }
        let seen = self.geometry.seen;
        if width == 0 || height == 0 || !(seen.x2 > seen.x1 && seen.y2 > seen.y1) {
            return Err(Error::data(format!("the model sees nothing of an image of {width} x {height} pixels")));
        }
        let picture = Picture {
            image: self.image.cloned(),
            geometry: self.geometry,
            row: self.row.to_vec(),
            boxes: self.boxes.to_vec(),
        };
        Ok(View { picture, caption: self.caption.clone() })
    }
}

/// An overlay that was checked and can be drawn.
#[derive(Clone, Debug)]
pub struct View {
    picture: Picture,
    caption: Vec<String>,
}

impl View {
    /// Height of the body when it is `width` wide.
    pub fn height(&self, width: f64) -> f64 {
        let picture = (self.picture_width(width) * self.picture.shape()).min(TALLEST);
        picture + GAP + BAR.1 + GAP + self.text_height(&self.lines(width))
    }

    fn picture_width(&self, width: f64) -> f64 {
        if self.picture.image.is_some() { (width - GAP) / 2.0 } else { width * 0.6 }
    }

    fn lines(&self, width: f64) -> Vec<String> {
        self.caption.iter().flat_map(|line| font::wrap(line, TICK, Weight::Regular, width)).collect()
    }

    fn text_height(&self, lines: &[String]) -> f64 {
        lines.len() as f64 * LEADING * TICK + 4.0
    }
}

impl Draw for View {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let lines = self.lines(area.width());
        let room = area.height() - self.text_height(&lines) - BAR.1 - 2.0 * GAP;
        let shape = self.picture.shape();
        let width = self.picture_width(area.width()).min(room.max(1.0) / shape);
        let mut left = area.left;
        if self.picture.image.is_some() {
            self.picture.draw(canvas, Area::new(left, area.top, width, width * shape), Look::Photo);
            left += width + GAP;
        }
        self.picture.draw(canvas, Area::new(left, area.top, width, width * shape), Look::Attention);
        let mut y = area.top + width * shape + GAP;
        color_bar(canvas, (area.left, y), f64::from(self.picture.most()));
        y += BAR.1 + GAP;
        for line in lines {
            y += TICK;
            canvas.text(Text::new(line, (area.left, y), TICK, SOFT_INK));
            y += (LEADING - 1.0) * TICK;
        }
    }
}

/// From nothing to the largest attention of any patch, in words because the scale is not even.
fn color_bar(canvas: &mut Canvas, (left, top): (f64, f64), most: f64) {
    let zero = Text::new("0", (left, top + 0.9 * TICK), TICK, SOFT_INK);
    let bar = Area::new(left + zero.width() + 5.0, top, BAR.0, BAR.1);
    canvas.text(zero);
    let shades = RgbImage::from_fn(128, 1, |column, _| {
        let color = VIRIDIS.at((f64::from(column) + 0.5) / 128.0);
        Rgb([color.red, color.green, color.blue])
    });
    canvas.image(bar, shades);
    canvas.frame(bar, Pen::solid(AXIS, 0.75));
    let label = format!("{} % a patch, half way {} %", percent(most), percent(most * shade_to_share(0.5)));
    canvas.text(Text::new(label, (bar.right + 5.0, top + 0.9 * TICK), TICK, SOFT_INK));
}

/// A share as a percentage with two significant digits.
fn percent(share: f64) -> String {
    // Rounded before its digits are counted: 0.0999 is 0.10, not 0.100.
    let value: f64 = format!("{:.1e}", share * 100.0).parse().unwrap_or(share * 100.0);
    let decimals = if value > 0.0 { (1.0 - value.log10().floor()).clamp(0.0, 6.0) as usize } else { 0 };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::super::super::png;
    use super::*;
    use crate::processor::Grid;

    /// 4 by 4 patches over the middle of a 120 x 80 image, all attention on row 1, column 2.
    fn geometry() -> ImageGeometry {
        let seen = PixelBox { x1: 20.0, y1: 0.0, x2: 100.0, y2: 80.0 };
        ImageGeometry { image_width: 120, image_height: 80, grid: Grid { rows: 4, cols: 4 }, seen }
    }

    fn one_hot() -> Vec<f32> {
        (0..16).map(|patch| if patch == 6 { 0.2 } else { 0.0 }).collect()
    }

    #[test]
    fn an_overlay_says_what_it_shows_and_on_which_scale() {
        let image = RgbImage::from_pixel(120, 80, Rgb([200, 20, 20]));
        let row = one_hot();
        let boxes = [("cup".to_owned(), vec![PixelBox { x1: 60.0, y1: 20.0, x2: 80.0, y2: 40.0 }])];
        let overlay = Overlay {
            image: Some(&image),
            geometry: geometry(),
            row: &row,
            boxes: &boxes,
            caption: vec!["Where?".into()],
        };
        let figure = overlay.figure("Attention").unwrap();
        let canvas = figure.canvas(super::super::super::Surround::Captioned);
        let texts: Vec<&str> = canvas.texts().map(|text| text.content.as_str()).collect();
        assert!(texts.contains(&"cup") && texts.contains(&"Where?"), "{texts:?}");
        assert!(texts.contains(&"20 % a patch, half way 5.0 %"), "{texts:?}");
        assert!(png::rasterize(&canvas).unwrap().pixels().any(|pixel| pixel.0 == [0xD5, 0x5E, 0x00]));
    }

    #[test]
    fn what_does_not_fit_together_is_told() {
        let row = one_hot();
        let fits = Overlay { image: None, geometry: geometry(), row: &row, boxes: &[], caption: Vec::new() };
        assert!(fits.view().is_ok());
        let short = Overlay { row: &row[..15], ..fits.clone() };
        assert!(short.view().unwrap_err().to_string().contains("15 patches"));
        let wrong = RgbImage::new(80, 120);
        let turned = Overlay { image: Some(&wrong), ..fits.clone() };
        assert!(turned.view().unwrap_err().to_string().contains("80 x 120"));
        let holes: Vec<f32> = row.iter().map(|mass| mass / 0.0).collect();
        assert!(Overlay { row: &holes, ..fits }.view().is_err());
    }

    #[test]
    fn percentages_have_two_digits() {
        assert_eq!([0.0999, 0.012, 0.00034, 0.0, 1.0].map(percent), ["10", "1.2", "0.034", "0", "100"]);
    }
}
