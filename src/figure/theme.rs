//! One look for every figure: sizes, colours and colour maps, all safe for colour-blind readers.
//!
//! Lengths are in points of the page ([`PAGE_WIDTH`] of them across); a PNG has [`super::png::PIXELS_PER_POINT`] pixels
//! to the point, so text stays readable when the picture is shown at half size.

/// Width of every page.
pub const PAGE_WIDTH: f64 = 920.0;
/// Free border around a page.
pub const MARGIN: f64 = 16.0;

pub const TITLE: f64 = 17.0;
pub const PANEL_TITLE: f64 = 13.0;
pub const LABEL: f64 = 12.0;
pub const TICK: f64 = 11.0;
pub const CAPTION: f64 = 12.0;
/// Distance between the baselines of two lines of running text, in text sizes.
pub const LEADING: f64 = 1.4;

/// An sRGB colour with opacity, 0 (invisible) to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Color {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub alpha: f64,
}

impl Color {
    /// Opaque, from `0xRRGGBB`.
    pub const fn hex(rgb: u32) -> Self {
        Self { red: (rgb >> 16) as u8, green: (rgb >> 8) as u8, blue: rgb as u8, alpha: 1.0 }
    }

    pub const fn opacity(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// This colour with `share` (0 to 1) of `other` in it, opaque.
    pub fn mix(self, other: Self, share: f64) -> Self {
        let blend = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        Self {
            red: blend(self.red, other.red),
            green: blend(self.green, other.green),
            blue: blend(self.blue, other.blue),
            alpha: 1.0,
        }
    }

    /// Rec. 709 luma, 0 (black) to 1: whether text on this colour has to be dark or light.
    pub fn luma(self) -> f64 {
        (0.2126 * f64::from(self.red) + 0.7152 * f64::from(self.green) + 0.0722 * f64::from(self.blue)) / 255.0
    }
}

pub const WHITE: Color = Color::hex(0xFF_FF_FF);
pub const INK: Color = Color::hex(0x1A_1A_1A);
/// Secondary text: notes, captions.
pub const SOFT_INK: Color = Color::hex(0x55_55_55);
/// Axis lines and ticks.
pub const AXIS: Color = Color::hex(0x80_80_80);
/// Lines behind the data.
pub const GUIDE: Color = Color::hex(0xE6_E6_E6);
/// What is not there: undefined cells, empty panels.
pub const VOID: Color = Color::hex(0xF1_F1_F1);

// Okabe and Ito, "Color universal design" (2008).
pub const ORANGE: Color = Color::hex(0xE6_9F_00);
pub const SKY: Color = Color::hex(0x56_B4_E9);
pub const GREEN: Color = Color::hex(0x00_9E_73);
pub const BLUE: Color = Color::hex(0x00_72_B2);
pub const VERMILLION: Color = Color::hex(0xD5_5E_00);
pub const PURPLE: Color = Color::hex(0xCC_79_A7);
pub const GREY: Color = Color::hex(0xA8_A8_A8);

/// Items answered rightly, in every figure.
pub const RIGHT: Color = BLUE;
/// Items answered wrongly, in every figure.
pub const WRONG: Color = VERMILLION;
/// What chance would give, in every figure.
pub const NULL: Color = Color::hex(0x8C_8C_8C);

/// The colour of object k (counted from 1), the same in lines and boxes.
pub fn object_color(k: usize) -> Color {
    const OBJECTS: [Color; 4] = [VERMILLION, BLUE, PURPLE, GREEN];
    OBJECTS[k.saturating_sub(1) % OBJECTS.len()]
}

/// From a number between 0 and 1 to a colour, through evenly spaced stops.
#[derive(Clone, Copy, Debug)]
pub struct ColorMap(&'static [Color]);

impl ColorMap {
    /// The colour at `position`, clamped to 0..=1.
    pub fn at(self, position: f64) -> Color {
        let Self(stops) = self;
        let place = position.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        let below = (place as usize).min(stops.len() - 2);
        stops[below].mix(stops[below + 1], place - below as f64)
    }
}

/// For quantities: dark is little, yellow is much; lightness rises evenly (matplotlib's viridis, CC0).
pub const VIRIDIS: ColorMap = ColorMap(&[
    Color::hex(0x44_01_54),
    Color::hex(0x48_25_76),
    Color::hex(0x41_44_87),
    Color::hex(0x35_60_8D),
    Color::hex(0x2A_78_8E),
    Color::hex(0x21_90_8C),
    Color::hex(0x22_A8_84),
    Color::hex(0x43_BF_71),
    Color::hex(0x7A_D1_51),
    Color::hex(0xBB_DF_27),
    Color::hex(0xFD_E7_25),
]);

/// For quantities with a neutral middle: blue below, orange above, both ends equally dark.
pub const DIVERGING: ColorMap = ColorMap(&[
    Color::hex(0x0B_3C_6B),
    Color::hex(0x1F_6F_B0),
    Color::hex(0x74_AE_DA),
    Color::hex(0xC6_DF_EF),
    Color::hex(0xF7_F7_F5),
    Color::hex(0xF8_DD_BE),
    Color::hex(0xEE_A9_5B),
    Color::hex(0xC9_6A_10),
    Color::hex(0x7C_37_04),
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_meets_its_stops_and_clamps() {
        assert_eq!(VIRIDIS.at(0.0), Color::hex(0x44_01_54));
        assert_eq!(VIRIDIS.at(0.5), Color::hex(0x21_90_8C));
        assert_eq!(VIRIDIS.at(7.0), Color::hex(0xFD_E7_25));
        assert_eq!(DIVERGING.at(0.5), Color::hex(0xF7_F7_F5));
    }

    #[test]
    fn viridis_grows_lighter_all_the_way() {
        let luma: Vec<f64> = (0..=20).map(|step| VIRIDIS.at(f64::from(step) / 20.0).luma()).collect();
        assert!(luma.windows(2).all(|pair| pair[0] < pair[1]), "{luma:?}");
    }

    #[test]
    fn the_diverging_map_is_lightest_in_the_middle() {
        for step in 0..4 {
            let (near, far) = (f64::from(step) / 8.0, f64::from(step + 1) / 8.0);
            assert!(DIVERGING.at(0.5 - near).luma() > DIVERGING.at(0.5 - far).luma());
            assert!(DIVERGING.at(0.5 + near).luma() > DIVERGING.at(0.5 + far).luma());
        }
    }
}
