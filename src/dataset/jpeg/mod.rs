//! JPEG, decoded to the very pixels that Pillow gives.
//!
//! The standard (ITU-T T.81) leaves the inverse transform, the chroma upsampling and the colour conversion free, and
//! decoders differ there by a few levels, which survives resizing. Models were trained and measured on what libjpeg-turbo
//! makes of a photograph, so this follows its defaults to the last bit: the integer transform of Loeffler, Ligtenberg and
//! Moschytz with 13-bit constants ([`idct`]), triangle-filter upsampling and 16-bit colour constants ([`colour`]).
//!
//! Baseline, extended and progressive Huffman files of 8 bits with 1, 3 or 4 components. Where libjpeg patches damaged data
//! with a warning, this is an error.

mod bits;
mod colour;
mod idct;
mod scan;

use image::RgbImage;

use bits::Huffman;
use scan::{Progress, Scan};

/// Why a file cannot be decoded, to follow "is not a usable JPEG: ".
pub type Fault = String;

/// A block of 8 x 8 coefficients, row-major.
pub type Block = [i16; 64];

/// Row-major place of each coefficient in the order of the file.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// One colour component of the frame.
struct Component {
    id: u8,
    /// Sampling factors, horizontal and vertical, 1 to 4.
    sampling: (usize, usize),
    quantisation: usize,
    /// The table as it was when the component's first scan began, row-major.
    table: Option<[u16; 64]>,
    /// Samples that belong to the image, width and height.
    size: (usize, usize),
    /// Blocks that hold those samples, across and down: what a scan of this component alone holds.
    own: (usize, usize),
    /// Blocks across, filled up to whole units of all components.
    stride: usize,
    blocks: Vec<Block>,
}

/// What the frame header says, and the coefficients as the scans fill them in.
struct Frame {
    width: usize,
    height: usize,
    /// Largest sampling factors of any component.
    most: (usize, usize),
    progress: Progress,
    components: Vec<Component>,
}

/// Everything that segments before the frame and the scans set.
#[derive(Default)]
struct Tables {
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// Units between restart markers; 0 for none.
    restart: usize,
    jfif: bool,
    /// The colour transform that an Adobe segment names.
    adobe: Option<u8>,
}

/// Width and height that the frame header gives, without decoding anything.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32), Fault> {
    let mut segments = Segments { bytes, at: 2 };
    loop {
        let (marker, body) = segments.next()?;
        if is_frame(marker) {
            let [_, h1, h0, w1, w0, ..] = *body else { return Err("its frame header is cut".into()) };
            return Ok((u32::from(u16::from_be_bytes([w1, w0])), u32::from(u16::from_be_bytes([h1, h0]))));
        }
    }
}

/// Decodes a whole file to RGB; CMYK is converted as Pillow converts it.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, Fault> {
    let mut segments = Segments { bytes, at: 2 };
    let mut tables = Tables::default();
    let mut frame: Option<Frame> = None;
    loop {
        let (marker, body) = segments.next()?;
        match marker {
            0xD9 => break,
            0xC4 => tables.define_huffman(body)?,
            0xDB => tables.define_quantisation(body)?,
            0xDD => tables.restart = pair(body, 0).ok_or("its restart interval is cut")?,
            0xE0 => tables.jfif |= body.starts_with(b"JFIF\0"),
            0xEE if body.starts_with(b"Adobe") => tables.adobe = body.get(11).copied().or(tables.adobe),
            0xDA => {
                let frame = frame.as_mut().ok_or("a scan comes before the frame header")?;
                let scan = Scan::parse(body, frame)?;
                segments.at = scan.decode(bytes, segments.at, frame, &tables)?;
            }
            _ if is_frame(marker) => {
                if frame.is_some() {
                    return Err("it has two frame headers".into());
                }
                frame = Some(Frame::parse(marker, body)?);
            }
            _ => {}
        }
    }
    colour::image(&frame.ok_or("it has no frame header")?, &tables)
}

/// Frame headers are C0 to CF, but for the tables and the reserved code among them.
fn is_frame(marker: u8) -> bool {
    (0xC0..=0xCF).contains(&marker) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// Two bytes, most significant first.
fn pair(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])))
}

/// Walks from marker to marker.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// The next marker and what follows it, its length left off. Bytes between segments are skipped.
    fn next(&mut self) -> Result<(u8, &'a [u8]), Fault> {
        let cut = || "it is truncated: it ends before its end marker".to_owned();
        loop {
            let rest = self.bytes.get(self.at..).ok_or_else(cut)?;
            let ff = rest.iter().position(|byte| *byte == 0xFF).ok_or_else(cut)?;
            let code = rest[ff..].iter().position(|byte| *byte != 0xFF).ok_or_else(cut)?;
            let marker = rest[ff + code];
            self.at += ff + code + 1;
            match marker {
                0x00 | 0x01 | 0xD0..=0xD8 => {}
                0xD9 => return Ok((marker, &[])),
                _ => {
                    let length = pair(self.bytes, self.at).ok_or_else(cut)?;
                    let body = self.bytes.get(self.at + 2..self.at + length).ok_or_else(cut)?;
                    self.at += length;
                    return Ok((marker, body));
                }
            }
        }
    }
}

impl Tables {
    fn define_quantisation(&mut self, mut body: &[u8]) -> Result<(), Fault> {
        while let Some((head, rest)) = body.split_first() {
            let wide = head >> 4 != 0;
            let width = if wide { 2 } else { 1 };
            let slot =
                self.quantisation.get_mut(usize::from(head & 15)).ok_or("it names a fifth quantisation table")?;
            let values = rest.get(..64 * width).ok_or("a quantisation table is cut")?;
            let mut table = [0; 64];
            for (value, place) in values.chunks_exact(width).zip(ZIGZAG) {
                table[usize::from(place)] = value.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte));
            }
            *slot = Some(table);
            body = &rest[64 * width..];
        }
        Ok(())
    }

    fn define_huffman(&mut self, mut body: &[u8]) -> Result<(), Fault> {
        while let Some((head, rest)) = body.split_first() {
            let counts: &[u8; 16] = rest.first_chunk().ok_or("a Huffman table is cut")?;
            let total = counts.iter().map(|count| usize::from(*count)).sum::<usize>();
            let values = rest.get(16..16 + total).ok_or("a Huffman table is cut")?;
            let class = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = class.get_mut(usize::from(head & 15)).ok_or("it names a fifth Huffman table")?;
            *slot = Some(Huffman::new(counts, values)?);
            body = &rest[16 + total..];
        }
        Ok(())
    }
}

impl Frame {
    fn parse(marker: u8, body: &[u8]) -> Result<Self, Fault> {
        let progress = match marker {
            0xC0 | 0xC1 => Progress::Sequential,
            0xC2 => Progress::Progressive,
            0xC3 | 0xC7 | 0xCB | 0xCF => {
                return Err("it is lossless JPEG, which is not supported; save it as PNG".into());
            }
            0xC5 | 0xC6 | 0xCD | 0xCE => return Err("it is hierarchical JPEG, which is not supported".into()),
            _ => return Err("it uses arithmetic coding, which is not supported; save it again as ordinary JPEG".into()),
        };
        let [bits, h1, h0, w1, w0, count, ..] = *body else { return Err("its frame header is cut".into()) };
        if bits != 8 {
            return Err(format!("it has {bits} bits a sample, expected 8"));
        }
        let (width, height) = (usize::from(u16::from_be_bytes([w1, w0])), usize::from(u16::from_be_bytes([h1, h0])));
        if width == 0 || height == 0 {
            return Err(format!("its size is {width} x {height} pixels"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(format!("it has {count} colour components, expected 1, 3 or 4"));
        }
        let specs = body.get(6..6 + 3 * usize::from(count)).ok_or("its frame header is cut")?;
        let factor = |packed: u8| (usize::from(packed >> 4), usize::from(packed & 15));
        let factors: Vec<_> = specs.chunks_exact(3).map(|spec| factor(spec[1])).collect();
        if factors.iter().any(|(h, v)| !(1..=4).contains(h) || !(1..=4).contains(v)) {
            return Err("it has a sampling factor outside 1 to 4".into());
        }
        let most = factors.iter().fold((1, 1), |most: (usize, usize), (h, v)| (most.0.max(*h), most.1.max(*v)));
        // Units of all components, across and down.
        let units = (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1));
        let component = |(spec, sampling): (&[u8], (usize, usize))| {
            let size = ((width * sampling.0).div_ceil(most.0), (height * sampling.1).div_ceil(most.1));
            let stride = units.0 * sampling.0;
            Component {
                id: spec[0],
                sampling,
                quantisation: usize::from(spec[2]),
                table: None,
                size,
                own: (size.0.div_ceil(8), size.1.div_ceil(8)),
                stride,
                blocks: vec![[0; 64]; stride * units.1 * sampling.1],
            }
        };
        let components = specs.chunks_exact(3).zip(factors).map(component).collect();
        Ok(Self { width, height, most, progress, components })
    }
}
