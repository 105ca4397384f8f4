//! From coefficients to pixels: components at their own size, upsampled, converted to RGB.

use image::RgbImage;

use super::{Component, Fault, Frame, Tables, idct};

/// Samples of one component, row-major.
struct Plane {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

/// What the components of a file are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Model {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

/// The pixels of a complete frame.
pub fn image(frame: &Frame, tables: &Tables) -> Result<RgbImage, Fault> {
    let planes = frame.components.iter().map(|component| Ok(component.plane()?.upsample(component, frame)));
    let planes = planes.collect::<Result<Vec<_>, Fault>>()?;
    let model = model(frame, tables);
    let convert = Converter::new();
    let size = frame.width * frame.height;
    let mut rgb = Vec::with_capacity(3 * size);
    for at in 0..size {
        let sample = |component: usize| planes[component].samples[at];
        rgb.extend(match model {
            Model::Grey => [sample(0); 3],
            Model::Rgb => [sample(0), sample(1), sample(2)],
            Model::YCbCr => convert.rgb([sample(0), sample(1), sample(2)]),
            // Adobe's files hold inverted inks, and Pillow takes all files for Adobe's: what is stored is the light that
            // an ink lets through.
            Model::Cmyk => [0, 1, 2].map(|ink| through(sample(ink), sample(3))),
            // Here the three convert to inks, the black stays as it is.
            Model::Ycck => convert.rgb([sample(0), sample(1), sample(2)]).map(|ink| through(255 - ink, sample(3))),
        });
    }
    RgbImage::from_raw(frame.width as u32, frame.height as u32, rgb).ok_or_else(|| "it is too large".into())
}

/// The colour model, guessed as libjpeg guesses it.
fn model(frame: &Frame, tables: &Tables) -> Model {
    let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
    match (ids.len(), tables.adobe) {
        (1, _) => Model::Grey,
        (3, _) if tables.jfif => Model::YCbCr,
        (3, Some(0)) => Model::Rgb,
        (3, None) if ids == *b"RGB" => Model::Rgb,
        (3, _) => Model::YCbCr,
        (_, None | Some(0)) => Model::Cmyk,
        _ => Model::Ycck,
    }
}

/// Light that passes an ink and the black: Pillow's rounding of black - (255 - light) * black / 255.
fn through(light: u8, black: u8) -> u8 {
    let product = u32::from(255 - light) * u32::from(black) + 128;
    black.saturating_sub((((product >> 8) + product) >> 8) as u8)
}

impl Component {
    /// The samples that belong to the image, at the component's own size.
    fn plane(&self) -> Result<Plane, Fault> {
        let table = self.table.as_ref().ok_or("it is truncated or damaged: a component has no scan")?;
        let stride = 8 * self.own.0;
        let mut padded = vec![0; stride * 8 * self.own.1];
        for (y, rows) in padded.chunks_exact_mut(8 * stride).enumerate() {
            for x in 0..self.own.0 {
                idct::inverse(&self.blocks[y * self.stride + x], table, &mut rows[8 * x..], stride);
            }
        }
        let (width, height) = self.size;
        let samples = padded.chunks_exact(stride).take(height).flat_map(|row| &row[..width]).copied().collect();
        Ok(Plane { width, height, samples })
    }
}

impl Plane {
    /// The plane at the size of the frame.
    fn upsample(self, component: &Component, frame: &Frame) -> Self {
        let (h, v) = component.sampling;
        let (most_h, most_v) = frame.most;
        // Very narrow components are repeated, as there is nothing to filter with.
        let filtered = self.width > 2;
        let samples = match (most_h == 2 * h, most_v == 2 * v) {
            _ if (most_h, most_v) == (h, v) => return self,
            (true, false) if filtered && most_v == v => self.wider(frame),
            (false, true) if most_h == h => self.taller(frame),
            (true, true) if filtered => self.larger(frame),
            _ => self.repeated(component, frame),
        };
        Self { width: frame.width, height: frame.height, samples }
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.samples[y * self.width..(y + 1) * self.width]
    }

    /// The row that weighs a quarter in row `y` of an image twice as tall: above in even rows, below in odd ones.
    fn neighbour(&self, y: usize) -> &[u8] {
        let row = y / 2;
        self.row(if y.is_multiple_of(2) { row.saturating_sub(1) } else { (row + 1).min(self.height - 1) })
    }

    /// Twice as wide: each sample three quarters of the nearer and a quarter of the farther, rounded down and up in turn.
    fn wider(&self, frame: &Frame) -> Vec<u8> {
        let mut out = Vec::with_capacity(frame.width * frame.height);
        for y in 0..frame.height {
            let row = self.row(y);
            out.extend((0..frame.width).map(|x| {
                let near = u32::from(row[x / 2]);
                match (x.is_multiple_of(2), x / 2) {
                    (true, 0) => near as u8,
                    (true, at) => ((3 * near + u32::from(row[at - 1]) + 1) / 4) as u8,
                    (false, at) => match row.get(at + 1) {
                        Some(far) => ((3 * near + u32::from(*far) + 2) / 4) as u8,
                        None => near as u8,
                    },
                }
            }));
        }
        out
    }

    /// Twice as tall, likewise.
    fn taller(&self, frame: &Frame) -> Vec<u8> {
        let mut out = Vec::with_capacity(frame.width * frame.height);
        for y in 0..frame.height {
            let round = 1 + (y % 2) as u32;
            let mix = |(near, far): (&u8, &u8)| ((3 * u32::from(*near) + u32::from(*far) + round) / 4) as u8;
            out.extend(self.row(y / 2).iter().zip(self.neighbour(y)).map(mix).take(frame.width));
        }
        out
    }

    /// Twice as wide and as tall, in sixteenths, rounded once.
    fn larger(&self, frame: &Frame) -> Vec<u8> {
        let mut out = Vec::with_capacity(frame.width * frame.height);
        for y in 0..frame.height {
            let mix = |(near, far): (&u8, &u8)| 3 * u32::from(*near) + u32::from(*far);
            let row: Vec<u32> = self.row(y / 2).iter().zip(self.neighbour(y)).map(mix).collect();
            out.extend((0..frame.width).map(|x| {
                let at = x / 2;
                let (far, round) = if x.is_multiple_of(2) { (at.checked_sub(1), 8) } else { (Some(at + 1), 7) };
                let far = far.and_then(|far| row.get(far)).unwrap_or(&row[at]);
                ((3 * row[at] + far + round) / 16) as u8
            }));
        }
        out
    }

    /// Every sample as often as the factors say.
    fn repeated(&self, component: &Component, frame: &Frame) -> Vec<u8> {
        let mut out = Vec::with_capacity(frame.width * frame.height);
        for y in 0..frame.height {
            let row = self.row(y * component.sampling.1 / frame.most.1);
            out.extend((0..frame.width).map(|x| row[x * component.sampling.0 / frame.most.0]));
        }
        out
    }
}

/// YCbCr to RGB with 16 fractional bits; the two rounded products of red and blue are tables.
struct Converter {
    red: [i32; 256],
    blue: [i32; 256],
}

/// 16 fractional bits.
const fn fixed(value: f64) -> i32 {
    (value * 65536.0 + 0.5) as i32
}

impl Converter {
    fn new() -> Self {
        let table = |factor: i32| std::array::from_fn(|at| (factor * (at as i32 - 128) + 32768) >> 16);
        Self { red: table(fixed(1.402)), blue: table(fixed(1.772)) }
    }

    fn rgb(&self, [y, cb, cr]: [u8; 3]) -> [u8; 3] {
        let green = -fixed(0.34414) * (i32::from(cb) - 128) + 32768 - fixed(0.71414) * (i32::from(cr) - 128);
        let shifts = [self.red[usize::from(cr)], green >> 16, self.blue[usize::from(cb)]];
        shifts.map(|shift| (i32::from(y) + shift).clamp(0, 255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_converted() {
        let convert = Converter::new();
        assert_eq!(convert.rgb([100, 128, 128]), [100; 3]);
        assert_eq!(convert.rgb([76, 85, 255]), [254, 0, 0]); // red as JFIF stores it
        assert_eq!((through(255, 255), through(0, 255), through(255, 0), through(128, 255)), (255, 0, 0, 128));
    }

    #[test]
    fn upsampling_filters_between_and_repeats_at_the_edges() {
        let frame = Frame {
            width: 6,
            height: 2,
            most: (2, 2),
            progress: super::super::scan::Progress::Sequential,
            components: Vec::new(),
        };
        let plane = Plane { width: 3, height: 1, samples: vec![0, 100, 40] };
        assert_eq!(plane.wider(&Frame { height: 1, ..frame })[..], [0, 25, 75, 85, 55, 40]);
    }
}
