//! An image under its attention: composed pixel by pixel from the real geometry, with the boxes drawn over it.

use image::{Rgb, RgbImage, imageops};

use super::super::canvas::{Area, Canvas, Pen, Text};
use super::super::font::{self, Weight};
use super::super::png::PIXELS_PER_POINT;
use super::super::theme::{AXIS, Color, INK, TICK, VIRIDIS, VOID, WHITE, object_color};
use crate::dataset::PixelBox;
use crate::processor::ImageGeometry;

/// How much of a pixel's grey the colour of attention hides.
const COVER: f64 = 0.68;
/// How much white is over what the model does not see.
const FADE: f64 = 0.65;

/// What there is to show of one image. [`super::overlay::Overlay::view`] has checked that it fits together.
#[derive(Clone, Debug)]
pub struct Picture {
    pub image: Option<RgbImage>,
    pub geometry: ImageGeometry,
    /// Attention mass of each patch, `[rows * cols]`, row-major.
    pub row: Vec<f32>,
    pub boxes: Vec<(String, Vec<PixelBox>)>,
}

/// What a picture shows of its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
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
            (Self::Attention, None) => VIRIDIS.at(shade(share)),
            (Self::Attention, Some(under)) => {
                let gray = (255.0 * under.luma()).round() as u8;
                Color { red: gray, green: gray, blue: gray, alpha: 1.0 }.mix(VIRIDIS.at(shade(share)), COVER)
            }
        }
    }
}

impl Picture {
    /// Height over width.
    pub fn shape(&self) -> f64 {
        let extent = self.extent();
        span_y(&extent) / span_x(&extent)
    }

    /// The largest attention of any patch.
    pub fn most(&self) -> f32 {
        self.row.iter().copied().fold(0.0, f32::max)
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
                None => under.unwrap_or(VOID).mix(WHITE, FADE),
            };
            Rgb([color.red, color.green, color.blue])
        })
    }

    /// Draws the pixels, the edges of the patches where there is room for them, and the boxes with their names.
    pub fn draw(&self, canvas: &mut Canvas, area: Area, look: Look) {
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
        let boxes: Vec<(&str, Color, Vec<Area>)> = self
            .boxes
            .iter()
            .enumerate()
            .map(|(index, (name, boxes))| {
                let drawn = boxes.iter().map(place).filter(|on| on.width() > 0.0 && on.height() > 0.0).collect();
                (name.as_str(), object_color(index + 1), drawn)
            })
            .collect();
        for (_, color, on) in
            boxes.iter().flat_map(|(name, color, drawn)| drawn.iter().map(move |on| (name, color, on)))
        {
            canvas.frame(*on, Pen::solid(WHITE, 3.75));
            canvas.frame(*on, Pen::solid(*color, 2.0));
        }
        if look == Look::Photo || self.image.is_none() {
            let mut tags: Vec<Area> = Vec::new();
            for (name, color, drawn) in &boxes {
                tags.extend(drawn.first().map(|on| tag(canvas, area, *on, name, *color, &tags)));
            }
        }
    }

    fn cell_edges(&self, canvas: &mut Canvas, seen: Area) {
        let grid = self.geometry.grid;
        let (wide, high) = (seen.width() / grid.cols as f64, seen.height() / grid.rows as f64);
        if wide.min(high) < 7.0 {
            return;
        }
        let pen = Pen::solid(WHITE.opacity(0.22), 0.5);
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
        places.into_iter().find(free).unwrap_or_else(|| (on.top + 1.0).min(picture.bottom - HEIGHT).max(picture.top));
    let place = Area::new(left, top, width, HEIGHT);
    canvas.rect(place, color);
    let ink = if color.luma() > 0.55 { INK } else { WHITE };
    canvas.text(Text::new(name, (left + 4.0, place.bottom - 3.6), TICK, ink).bold());
    place
}

/// Where on the colour map a share of the largest attention stands. A few patches often hold most of it; the square root
/// lets the rest be seen without cutting anything off.
pub fn shade(share: f64) -> f64 {
    share.max(0.0).sqrt()
}

/// The share that stands at a place of the colour map.
pub fn shade_to_share(shade: f64) -> f64 {
    shade * shade
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::Grid;

    /// 4 by 4 patches over the middle of a 120 x 80 image, all attention on row 1, column 2.
    fn picture(image: Option<RgbImage>) -> Picture {
        let seen = PixelBox { x1: 20.0, y1: 0.0, x2: 100.0, y2: 80.0 };
        let geometry = ImageGeometry { image_width: 120, image_height: 80, grid: Grid { rows: 4, cols: 4 }, seen };
        let row = (0..16).map(|patch| if patch == 6 { 0.2 } else { 0.0 }).collect();
        Picture { image, geometry, row, boxes: Vec::new() }
    }

    #[test]
    fn each_patch_colours_exactly_the_pixels_it_was_cut_from() {
        let pixels = picture(None).compose((240, 160), |under, share| Look::Attention.tint(under, share));
        let [most, least] = [1.0, 0.0].map(|at| VIRIDIS.at(at)).map(|color| Rgb([color.red, color.green, color.blue]));
        // Patch (1, 2) spans x 60..80 and y 20..40 of the image, twice that here.
        for (at, expected) in
            [((120, 40), most), ((159, 79), most), ((119, 40), least), ((160, 79), least), ((120, 80), least)]
        {
            assert_eq!(*pixels.get_pixel(at.0, at.1), expected, "{at:?}");
        }
        let faded = *pixels.get_pixel(39, 40);
        assert!(faded != least && faded.0.iter().all(|band| *band > 200), "{faded:?}");
    }

    #[test]
    fn what_is_cropped_away_is_faded() {
        let red = RgbImage::from_pixel(120, 80, Rgb([200, 20, 20]));
        let photo = picture(Some(red)).compose((120, 80), |under, share| Look::Photo.tint(under, share));
        assert_eq!(photo.get_pixel(50, 50).0, [200, 20, 20]);
        assert!(photo.get_pixel(10, 50).0[1] > 120);
    }

    #[test]
    fn a_sliver_of_an_image_can_be_drawn() {
        let mut flat = picture(None);
        flat.boxes = vec![("a long name".into(), vec![flat.geometry.seen])];
        let mut canvas = Canvas::new(50.0, 4.0);
        flat.draw(&mut canvas, Area::new(0.0, 0.0, 50.0, 2.0), Look::Attention);
        assert_eq!(canvas.texts().count(), 1);
    }
}
