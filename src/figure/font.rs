//! The one typeface of all figures: Inter (SIL Open Font License, `font/OFL.txt`), embedded, cut down to Latin, Greek and
//! a few signs. No figure needs a font of the system.
//!
//! Text is measured and set glyph by glyph here rather than by plotters, which ignores the space in front of a glyph
//! (its left side bearing) and so sets small text unevenly.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, ScaleFont, point};

const REGULAR: &[u8] = include_bytes!("font/Inter-Regular.ttf");
const SEMIBOLD: &[u8] = include_bytes!("font/Inter-SemiBold.ttf");

/// The family's name, as SVG files call it.
pub const FAMILY: &str = "Inter";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

/// The font file of a weight, to embed where text stays text.
pub fn file(weight: Weight) -> &'static [u8] {
    match weight {
        Weight::Regular => REGULAR,
        Weight::Bold => SEMIBOLD,
    }
}

fn face(weight: Weight) -> &'static FontRef<'static> {
    // The files are part of the program and a test parses them, so this cannot fail on anything a user does.
    static FACES: LazyLock<[FontRef<'static>; 2]> = LazyLock::new(|| {
        [REGULAR, SEMIBOLD].map(|bytes| FontRef::try_from_slice(bytes).expect("the embedded font is a font"))
    });
    &FACES[weight as usize]
}

/// ab_glyph scales by the height between ascender and descender; we speak of the em, as CSS does.
fn scaled(weight: Weight, size: f64) -> ab_glyph::PxScaleFont<&'static FontRef<'static>> {
    let face = face(weight);
    let per_em = f64::from(face.height_unscaled()) / f64::from(face.units_per_em().unwrap_or(1000.0));
    face.as_scaled((size * per_em) as f32)
}

/// Where each glyph begins, and the width of the whole.
fn place(text: &str, size: f64, weight: Weight) -> (Vec<(ab_glyph::GlyphId, f32)>, f64) {
    let font = scaled(weight, size);
    let (mut pen, mut before) = (0.0, None);
    let glyphs = text.chars().map(|letter| {
        let glyph = font.glyph_id(letter);
        pen += before.map_or(0.0, |before| font.kern(before, glyph));
        before = Some(glyph);
        let at = pen;
        pen += font.h_advance(glyph);
        (glyph, at)
    });
    (glyphs.collect(), f64::from(pen))
}

/// Width of one line of text set at `size`.
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    place(text, size, weight).1
}

/// Calls `paint(x, y, coverage)` for every pixel that the text touches; the origin is the start of the baseline, y grows
/// downwards. `shift` (0 to 1) moves the text by a part of a pixel to the right.
pub fn rasterize(text: &str, size: f64, weight: Weight, shift: f64, mut paint: impl FnMut(i32, i32, f32)) {
    let font = scaled(weight, size);
    for (glyph, pen) in place(text, size, weight).0 {
        let placed = glyph.with_scale_and_position(font.scale(), point(pen + shift as f32, 0.0));
        let Some(outline) = font.outline_glyph(placed) else { continue };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, coverage| paint(corner.x as i32 + x as i32, corner.y as i32 + y as i32, coverage));
    }
}

/// Breaks running text into lines at most `limit` wide; a single longer word stays whole.
pub fn wrap(text: &str, size: f64, weight: Weight, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut()
            && width(&format!("{line} {word}"), size, weight) <= limit
        {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The text itself where it fits, else as much of its beginning as fits, and an ellipsis.
pub fn fit(text: &str, size: f64, weight: Weight, limit: f64) -> String {
    if width(text, size, weight) <= limit {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while kept.pop().is_some() {
        let shortened = format!("{}…", kept.trim_end());
        if width(&shortened, size, weight) <= limit {
            return shortened;
        }
    }
    "…".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_parse_and_have_what_figures_print() {
        for weight in [Weight::Regular, Weight::Bold] {
            for letter in "AZaz09 %–—−×±≥≤≈·…“”’αβ→é".chars() {
                assert_ne!(face(weight).glyph_id(letter).0, 0, "no glyph for {letter:?}");
            }
        }
    }

    #[test]
    fn width_is_measured_in_ems() {
        // Inter's digit zero advances 1292 of 2048 units.
        let zero = width("0", 2048.0, Weight::Regular);
        assert!((zero - 1292.0).abs() < 3.0, "{zero}");
        assert!((width("00", 20.0, Weight::Regular) - 2.0 * width("0", 20.0, Weight::Regular)).abs() < 1e-3);
        assert!(width("layer", 12.0, Weight::Bold) > width("layer", 12.0, Weight::Regular));
    }

    #[test]
    fn a_glyph_keeps_the_space_in_front_of_it() {
        let mut left = i32::MAX;
        rasterize("H", 100.0, Weight::Regular, 0.0, |x, _, coverage| {
            if coverage > 0.5 {
                left = left.min(x);
            }
        });
        assert!((5..=14).contains(&left), "{left}");
    }

    #[test]
    fn text_wraps_and_shortens_to_its_limit() {
        let lines = wrap("attention on the object, layer by layer", 12.0, Weight::Regular, 90.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 12.0, Weight::Regular) <= 90.0));
        assert_eq!(lines.join(" "), "attention on the object, layer by layer");
        assert_eq!(fit("short", 12.0, Weight::Regular, 90.0), "short");
        let cut = fit("a rather long object name", 12.0, Weight::Regular, 90.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0, Weight::Regular) <= 90.0);
    }
}
