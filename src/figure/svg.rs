//! A page as SVG. plotters writes shapes and texts; the header, the embedded font and the pictures are ours, so the file
//! needs nothing beside it, and text stays text: selectable, searchable, editable.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use plotters::prelude::{DrawingBackend, FontFamily, FontStyle, RGBAColor, SVGBackend, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontTransform};

use super::canvas::{Align, Area, Canvas, Direction, Mark, Text};
use super::font::{self, FAMILY, Weight};
use super::paint::{self, UNITS_PER_POINT, units};
use super::png;
use crate::error::{Error, Result};

/// plotters divides a font's size by this before it writes it down.
const PLOTTERS_SIZE: f64 = 1.24;
/// plotters lifts a text anchored at its bottom by half an x-height, which is this part of Inter's em.
const PLOTTERS_LIFT: f64 = 0.5 * 1118.0 / 2048.0;

/// A page as an SVG document with `title` for screen readers.
pub fn encode(canvas: &Canvas, title: &str) -> Result<String> {
    let (width, height) = paint::extent(canvas.width, canvas.height);
    let mut document = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>{}</title>\n<style>{}{}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n",
        canvas.width,
        canvas.height,
        escape(title),
        font_face(Weight::Regular, "normal"),
        font_face(Weight::Bold, "bold"),
    );
    for marks in canvas.marks.chunk_by(|a, b| !is_image(a) && !is_image(b)) {
        match marks {
            [Mark::Image { area, pixels }] => document.push_str(&picture(area, &png::file(pixels)?)),
            marks => document.push_str(&fragment(marks, (width, height))?),
        }
    }
    document.push_str("</svg>\n");
    Ok(document)
}

fn is_image(mark: &Mark) -> bool {
    matches!(mark, Mark::Image { .. })
}

fn font_face(weight: Weight, name: &str) -> String {
    format!(
        "@font-face{{font-family:{FAMILY};font-weight:{name};src:url(data:font/ttf;base64,{})}}",
        BASE64.encode(font::file(weight))
    )
}

fn picture(area: &Area, png: &[u8]) -> String {
    let (left, top) = (units(area.left), units(area.top));
    format!(
        "<image x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
        units(area.right) - left,
        units(area.bottom) - top,
        BASE64.encode(png)
    )
}

/// The marks as elements, without the document around them.
fn fragment(marks: &[Mark], size: (u32, u32)) -> Result<String> {
    let mut whole = String::new();
    let mut backend = SVGBackend::with_string(&mut whole, size);
    for mark in marks {
        match mark {
            Mark::Text(text) => set(&mut backend, text)?,
            shape => paint::shape(&mut backend, shape)?,
        }
    }
    backend.present().map_err(failed)?;
    drop(backend);
    let inner = whole.split_once('\n').map_or("", |(_, rest)| rest);
    Ok(inner.strip_suffix("</svg>\n").unwrap_or(inner).to_owned())
}

fn set(backend: &mut SVGBackend, text: &Text) -> Result<()> {
    let size = text.size * UNITS_PER_POINT;
    let weight = if text.weight == Weight::Bold { FontStyle::Bold } else { FontStyle::Normal };
    let (x, y) = (text.at.0 * UNITS_PER_POINT, text.at.1 * UNITS_PER_POINT);
    let lift = PLOTTERS_LIFT * size;
    let (turn, at) = match text.direction {
        Direction::Across => (FontTransform::None, (x, y + lift)),
        Direction::Upwards => (FontTransform::Rotate270, (x + lift, y)),
    };
    let anchor = match text.align {
        Align::Start => HPos::Left,
        Align::Middle => HPos::Center,
        Align::End => HPos::Right,
    };
    let color = RGBAColor(text.color.red, text.color.green, text.color.blue, text.color.alpha);
    let font = FontDesc::new(FontFamily::Name(FAMILY), size * PLOTTERS_SIZE, weight).transform(turn);
    let style = TextStyle::from(font).color(&color).pos(Pos::new(anchor, VPos::Bottom));
    backend.draw_text(&text.content, &style, (at.0.round() as i32, at.1.round() as i32)).map_err(failed)
}

fn failed(problem: impl std::fmt::Display) -> Error {
    Error::data(format!("cannot draw a figure as SVG: {problem}"))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::theme::{BLUE, INK, LABEL};
    use super::*;
    use image::RgbImage;

    #[test]
    fn a_document_keeps_text_order_font_and_pictures() {
        let mut canvas = Canvas::new(50.0, 20.0);
        canvas.rect(Area::new(0.0, 0.0, 10.0, 10.0), BLUE);
        canvas.image(Area::new(10.0, 0.0, 10.0, 10.0), RgbImage::new(2, 2));
        canvas.text(Text::new("layer < 3", (25.0, 10.0), LABEL, INK).bold().align(Align::Middle));
        let document = encode(&canvas, "A & B").unwrap();
        assert!(document.starts_with("<svg ") && document.ends_with("</svg>\n"));
        assert_eq!(document.matches("<svg").count(), 1);
        assert!(document.contains("<title>A &amp; B</title>"));
        assert!(document.contains("@font-face"));
        let places = ["<polygon", "<image", "layer &lt; 3"].map(|part| document.find(part).expect(part));
        assert!(places.is_sorted(), "{places:?}");
        assert!(document.contains("font-size=\"48\""));
    }

    #[test]
    fn the_lift_is_half_the_x_height() {
        let mut top = 0;
        font::rasterize("x", 2048.0, Weight::Regular, 0.0, |_, y, coverage| {
            if coverage > 0.5 {
                top = top.min(y);
            }
        });
        assert!((f64::from(-top) / 2048.0 / 2.0 - PLOTTERS_LIFT).abs() < 0.003, "{top}");
    }
}
