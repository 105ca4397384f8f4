//! Where one attention row looks: the picture in grey under coloured patches, beside the picture as it is, boxes on both.
//!
//! Patches are placed by the real geometry: each covers exactly the pixels that the model cut it from. What was cropped
//! away is faded. Without the picture, the bare grid is drawn.

use image::{Rgb, RgbImage, imageops};

use super::super::canvas::{Area, Canvas, Pen, Text};
use super::super::font::{self, Weight};
use super::super::page::{Draw, Figure, Panel, Row};
use super::super::png::PIXELS_PER_POINT;
use super::super::theme::{
    AXIS, Color, INK, LEADING, MARGIN, PAGE_WIDTH, SOFT_INK, TICK, VIRIDIS, VOID, WHITE, object_color,
};
use crate::dataset::PixelBox;
use crate::error::{Error, Result};
use crate::processor::ImageGeometry;

/// Between the two pictures, and between pictures and text.
const GAP: f64 = 8.0;
const BAR: Area = Area { left: 0.0, top: 0.0, right: 90.0, bottom: 9.0 };
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
            rows: vec![Row { columns: 1, height, panels: vec![panel] }],
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
        Ok(View {
            image: self.image.cloned(),
            geometry: self.geometry,
            row: self.row.to_vec(),
            boxes: self.boxes.to_vec(),
            caption: self.caption.clone(),
        })
    }
}

/// An overlay that was checked and can be drawn.
#[derive(Clone, Debug)]
pub struct View {
    image: Option<RgbImage>,
    geometry: ImageGeometry,
    row: Vec<f32>,
    boxes: Vec<(String, Vec<PixelBox>)>,
    caption: Vec<String>,
}

impl View {
    /// Height of the body when it is `width` wide.
    pub fn height(&self, width: f64) -> f64 {
        let extent = self.extent();
        let picture = (self.picture_width(width) * span_y(&extent) / span_x(&extent)).min(TALLEST);
        picture + GAP + BAR.height() + GAP + self.lines(width).len() as f64 * LEADING * TICK + 4.0
    }

    fn picture_width(&self, width: f64) -> f64 {
        if self.image.is_some() { (width - GAP) / 2.0 } else { width / 2.0 }
    }

    fn lines(&self, width: f64) -> Vec<String> {
        self.caption.iter().flat_map(|line| font::wrap(line, TICK, Weight::Regular, width)).collect()
    }

    /// Image and grid together, in original pixels: padding reaches beyond the image, cropping stays inside it.
    fn extent(&self) -> PixelBox {
        let ImageGeometry { image_width, image_height, seen, .. } = self.geometry;
        PixelBox {
            x1: seen.x1.min(0.0),
            y1: seen.y1.min(0.0),
            x2: seen.x2.max(f64::from(image_width)),
            y2: seen.y2.max(f64::from(image_height)),
        }
    }

    fn most(&self) -> f32 {
        self.row.iter().copied().fold(0.0, f32::max)
    }

    /// The pixels of a picture `width` by `height`; `tint` turns a picture pixel and a patch's share of the largest
    /// attention into what is shown.
    fn compose(&self, (width, height): (u32, u32), tint: impl Fn(Option<Color>, f64) -> Color) -> RgbImage {
        let ImageGeometry { image_width, image_height, grid, .. } = self.geometry;
        let extent = self.extent();
        let (across, down) = (f64::from(width) / span_x(&extent), f64::from(height) / span_y(&extent));
        let shown = |pixels: u32, scale: f64| ((f64::from(pixels) * scale).round() as u32).max(1);
        let photo = self.image.as_ref().map(|image| {
            let (width, height) = (shown(image_width, across), shown(image_height, down));
            imageops::resize(image, width, height, imageops::FilterType::CatmullRom)
        });
        let most = f64::from(self.most()).max(f64::MIN_POSITIVE);
        RgbImage::from_fn(width, height, |column, row| {
            let x = extent.x1 + (f64::from(column) + 0.5) / across;
            let y = extent.y1 + (f64::from(row) + 0.5) / down;
            let inside = x >= 0.0 && y >= 0.0 && x < f64::from(image_width) && y < f64::from(image_height);
            let under = photo.as_ref().filter(|_| inside).map(|photo| {
                let (column, row) = ((x * across) as u32, (y * down) as u32);
                let Rgb([red, green, blue]) =
                    *photo.get_pixel(column.min(photo.width() - 1), row.min(photo.height() - 1));
                Color { red, green, blue, alpha: 1.0 }
            });
            let color = match self.geometry.patch_at(x, y) {
                Some(patch) => tint(under, f64::from(self.row[patch.row * grid.cols + patch.col]) / most),
                None => under.unwrap_or(VOID).mix(WHITE, 0.65),
            };
            Rgb([color.red, color.green, color.blue])
        })
    }

    /// Draws one picture, what is cut off, the cells' edges and the boxes; returns where the picture lies.
    fn picture(&self, canvas: &mut Canvas, area: Area, look: Look) {
        let pixels = |points: f64| ((points * PIXELS_PER_POINT).round() as u32).max(1);
        let composed =
            self.compose((pixels(area.width()), pixels(area.height())), |under, share| look.tint(under, share));
        canvas.image(area, composed);
        let extent = self.extent();
        let place = |on: &PixelBox| Area {
            left: area.left + (on.x1.max(extent.x1) - extent.x1) / span_x(&extent) * area.width(),
            right: area.left + (on.x2.min(extent.x2) - extent.x1) / span_x(&extent) * area.width(),
            top: area.top + (on.y1.max(extent.y1) - extent.y1) / span_y(&extent) * area.height(),
            bottom: area.top + (on.y2.min(extent.y2) - extent.y1) / span_y(&extent) * area.height(),
        };
        let seen = place(&self.geometry.seen);
        if look == Look::Attention {
            self.cell_edges(canvas, seen);
        }
        canvas.frame(seen, Pen::solid(AXIS, 0.75));
        canvas.frame(area, Pen::solid(AXIS, 0.75));
        let mut tags: Vec<Area> = Vec::new();
        let labelled = look == Look::Photo || self.image.is_none();
        for (index, (name, boxes)) in self.boxes.iter().enumerate() {
            let color = object_color(index + 1);
            let drawn: Vec<Area> = boxes.iter().map(place).filter(|on| on.width() > 0.0 && on.height() > 0.0).collect();
            for on in &drawn {
                canvas.frame(*on, Pen::solid(WHITE, 3.75));
                canvas.frame(*on, Pen::solid(color, 2.0));
            }
            if let Some(on) = drawn.first().filter(|_| labelled) {
                tags.push(tag(canvas, area, *on, name, color, &tags));
            }
        }
    }

    fn cell_edges(&self, canvas: &mut Canvas, seen: Area) {
        let grid = self.geometry.grid;
        let (wide, high) = (seen.width() / grid.cols as f64, seen.height() / grid.rows as f64);
        if wide.min(high) < 7.0 {
            return;
        }
        let pen = Pen::solid(WHITE.opacity(0.35), 0.5);
        for column in 1..grid.cols {
            let x = seen.left + wide * column as f64;
            canvas.line(&[(x, seen.top), (x, seen.bottom)], pen);
        }
        for row in 1..grid.rows {
            let y = seen.top + high * row as f64;
            canvas.line(&[(seen.left, y), (seen.right, y)], pen);
        }
    }
}

impl Draw for View {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let lines = self.lines(area.width());
        let text_height = lines.len() as f64 * LEADING * TICK + 4.0;
        let room = area.height() - text_height - BAR.height() - 2.0 * GAP;
        let extent = self.extent();
        let shape = span_y(&extent) / span_x(&extent);
        let width = self.picture_width(area.width()).min(room.max(1.0) / shape);
        let mut left = area.left;
        if self.image.is_some() {
            self.picture(canvas, Area::new(left, area.top, width, width * shape), Look::Photo);
            left += width + GAP;
        }
        self.picture(canvas, Area::new(left, area.top, width, width * shape), Look::Attention);
        let mut y = area.top + width * shape + GAP;
        color_bar(canvas, (left, y), f64::from(self.most()));
        y += BAR.height() + GAP;
        for line in lines {
            y += TICK;
            canvas.text(Text::new(line, (area.left, y), TICK, SOFT_INK));
            y += (LEADING - 1.0) * TICK;
        }
    }
}

/// What a picture shows of its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// The image as it is.
    Photo,
    /// The image in pale grey under the colours of attention.
    Attention,
}

impl Look {
    /// `share`: the patch's attention over the largest of any patch.
    fn tint(self, under: Option<Color>, share: f64) -> Color {
        match (self, under) {
            (Self::Photo, under) => under.unwrap_or(VOID),
            (Self::Attention, None) => VIRIDIS.at(share),
            (Self::Attention, Some(under)) => {
                let gray = (255.0 * under.luma()).round() as u8;
                Color { red: gray, green: gray, blue: gray, alpha: 1.0 }.mix(VIRIDIS.at(share), 0.68)
            }
        }
    }
}

fn span_x(on: &PixelBox) -> f64 {
    on.x2 - on.x1
}

fn span_y(on: &PixelBox) -> f64 {
    on.y2 - on.y1
}

/// A name on its box's colour: above the box, else below, else inside, where no other name is.
fn tag(canvas: &mut Canvas, picture: Area, on: Area, name: &str, color: Color, taken: &[Area]) -> Area {
    const HEIGHT: f64 = 14.0;
    let name = font::fit(name, TICK, Weight::Bold, picture.width() - 10.0);
    let width = font::width(&name, TICK, Weight::Bold) + 8.0;
    let left = (on.left - 1.75).min(picture.right - width).max(picture.left);
    let places = [on.top - HEIGHT - 1.0, on.bottom + 1.0, on.top + 1.0, on.bottom - HEIGHT - 1.0];
    let free = |top: &f64| {
        let place = Area::new(left, *top, width, HEIGHT);
        place.top >= picture.top && place.bottom <= picture.bottom && !taken.iter().any(|other| other.overlaps(&place))
    };
    let top =
        places.into_iter().find(free).unwrap_or_else(|| (on.top + 1.0).clamp(picture.top, picture.bottom - HEIGHT));
    let place = Area::new(left, top, width, HEIGHT);
    canvas.rect(place, color);
    let ink = if color.luma() > 0.55 { INK } else { WHITE };
    canvas.text(Text::new(name, (left + 4.0, place.bottom - 3.6), TICK, ink).bold());
    place
}

/// From nothing to the largest attention of any patch.
fn color_bar(canvas: &mut Canvas, (left, top): (f64, f64), most: f64) {
    let zero = Text::new("0", (left, top + 0.9 * TICK), TICK, SOFT_INK);
    let start = left + zero.width() + 5.0;
    canvas.text(zero);
    let bar = Area::new(start, top, BAR.width(), BAR.height());
    canvas.image(
        bar,
        RgbImage::from_fn(128, 1, |column, _| {
            let color = VIRIDIS.at((f64::from(column) + 0.5) / 128.0);
            Rgb([color.red, color.green, color.blue])
        }),
    );
    canvas.frame(bar, Pen::solid(AXIS, 0.75));
    let label = format!("{} % a patch", percent(most));
    canvas.text(Text::new(label, (bar.right + 5.0, top + 0.9 * TICK), TICK, SOFT_INK));
}

/// A share as a percentage with two significant digits.
fn percent(share: f64) -> String {
    // Rounded before its digits are counted: 0.0999 is 0.10, not 0.100.
    let value: f64 = format!("{:.1e}", share * 100.0).parse().unwrap_or(share * 100.0);
    let decimals = if value > 0.0 { (1.0 - value.log10().floor()).clamp(0.0, 6.0) as usize } else { 0 };
    format!("{value:.decimals$}")
}
