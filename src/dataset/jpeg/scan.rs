//! One scan of a JPEG: which coefficients it brings, and bringing them in (T.81 annexes F and G).

use super::bits::{Bits, Huffman};
use super::{Block, Component, Fault, Frame, Tables, ZIGZAG};

/// Whether coefficients come at once or in ever finer passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Sequential,
    Progressive,
}

/// A scan header.
pub struct Scan {
    parts: Vec<Part>,
    /// First and last coefficient, in the order of the file.
    band: (usize, usize),
    /// Bits that earlier passes brought down to, 0 for none; bits left for later passes.
    approximation: (u32, u32),
}

/// One component of a scan.
struct Part {
    component: usize,
    dc: usize,
    ac: usize,
}

/// What carries over from block to block, until a restart.
#[derive(Default)]
struct Carry {
    /// The last DC value of each component.
    dc: [i32; 4],
    /// How many further blocks of the band are empty.
    empty: i32,
}

/// What a scan does to a block.
#[derive(Clone, Copy)]
enum Pass<'a> {
    Sequential { dc: &'a Huffman, ac: &'a Huffman },
    DcFirst { dc: &'a Huffman },
    DcRefine,
    AcFirst { ac: &'a Huffman },
    AcRefine { ac: &'a Huffman },
}

impl Scan {
    pub fn parse(body: &[u8], frame: &Frame) -> Result<Self, Fault> {
        let cut = || "a scan header is cut".to_owned();
        let count = usize::from(*body.first().ok_or_else(cut)?);
        let specs = body.get(1..1 + 2 * count).ok_or_else(cut)?;
        let [first, last, bits] = *body.get(1 + 2 * count..4 + 2 * count).ok_or_else(cut)? else { return Err(cut()) };
        let parts = specs.chunks_exact(2).map(|spec| {
            let component = frame.components.iter().position(|one| one.id == spec[0]);
            let component = component.ok_or("a scan names a component that the frame has not")?;
            Ok(Part { component, dc: usize::from(spec[1] >> 4), ac: usize::from(spec[1] & 15) })
        });
        let parts = parts.collect::<Result<Vec<_>, Fault>>()?;
        let (band, approximation) = match frame.progress {
            Progress::Sequential => ((0, 63), (0, 0)),
            Progress::Progressive => {
                ((usize::from(first), usize::from(last)), (u32::from(bits >> 4), u32::from(bits & 15)))
            }
        };
        let whole = frame.progress == Progress::Sequential;
        let fits = band.1 < 64 && (whole || if band.0 == 0 { band.1 == 0 } else { band.0 <= band.1 && count == 1 });
        if !fits || !(1..=4).contains(&count) || approximation.1 > 13 {
            return Err("a scan header is wrong".into());
        }
        Ok(Self { parts, band, approximation })
    }

    /// Reads the data that begins at `at`, and says where the next marker is.
    pub fn decode(&self, bytes: &[u8], at: usize, frame: &mut Frame, tables: &Tables) -> Result<usize, Fault> {
        for part in &self.parts {
            let component = &mut frame.components[part.component];
            if component.table.is_none() {
                let table = tables.quantisation.get(component.quantisation).copied().flatten();
                component.table = Some(table.ok_or("a quantisation table is missing")?);
            }
        }
        let passes = self.passes(frame.progress, tables)?;
        let mut bits = Bits::new(bytes, at);
        let mut carry = Carry::default();
        // A scan of one component holds its own blocks; of several, whole units with blocks of each.
        let alone = self.parts.len() == 1;
        let (across, down) = if alone {
            frame.components[self.parts[0].component].own
        } else {
            (frame.width.div_ceil(8 * frame.most.0), frame.height.div_ceil(8 * frame.most.1))
        };
        for unit in 0..across * down {
            if tables.restart > 0 && unit > 0 && unit % tables.restart == 0 {
                bits.restart()?;
                carry = Carry::default();
            }
            let (x, y) = (unit % across, unit / across);
            for (part, pass) in self.parts.iter().zip(&passes) {
                let component = &mut frame.components[part.component];
                let (h, v) = if alone { (1, 1) } else { component.sampling };
                for (down, right) in (0..v).flat_map(|down| (0..h).map(move |right| (down, right))) {
                    let block = block(component, x * h + right, y * v + down);
                    self.block(&mut bits, pass, block, &mut carry, part.component)?;
                }
            }
        }
        Ok(bits.end())
    }

    fn passes<'a>(&self, progress: Progress, tables: &'a Tables) -> Result<Vec<Pass<'a>>, Fault> {
        let missing = || "a Huffman table is missing".to_owned();
        let pass = |part: &Part| {
            let dc = || tables.dc.get(part.dc).and_then(Option::as_ref).ok_or_else(missing);
            let ac = || tables.ac.get(part.ac).and_then(Option::as_ref).ok_or_else(missing);
            Ok(match (progress, self.band.0, self.approximation.0) {
                (Progress::Sequential, ..) => Pass::Sequential { dc: dc()?, ac: ac()? },
                (_, 0, 0) => Pass::DcFirst { dc: dc()? },
                (_, 0, _) => Pass::DcRefine,
                (_, _, 0) => Pass::AcFirst { ac: ac()? },
                _ => Pass::AcRefine { ac: ac()? },
            })
        };
        self.parts.iter().map(pass).collect()
    }

    fn block(&self, bits: &mut Bits, pass: &Pass, to: &mut Block, carry: &mut Carry, of: usize) -> Result<(), Fault> {
        let low = self.approximation.1;
        match pass {
            Pass::Sequential { dc, ac } => {
                to[0] = next_dc(bits, dc, &mut carry.dc[of])? as i16;
                ac_first(bits, ac, to, (1, 63), 0, &mut 0)
            }
            Pass::DcFirst { dc } => {
                to[0] = (next_dc(bits, dc, &mut carry.dc[of])? << low) as i16;
                Ok(())
            }
            Pass::DcRefine => {
                to[0] |= (bits.bits(1)? << low) as i16;
                Ok(())
            }
            Pass::AcFirst { ac } => ac_first(bits, ac, to, self.band, low, &mut carry.empty),
            Pass::AcRefine { ac } => ac_refine(bits, ac, to, self.band, low, &mut carry.empty),
        }
    }
}

fn block(component: &mut Component, x: usize, y: usize) -> &mut Block {
    &mut component.blocks[y * component.stride + x]
}

fn next_dc(bits: &mut Bits, table: &Huffman, last: &mut i32) -> Result<i32, Fault> {
    let size = u32::from(bits.code(table)?);
    if size > 15 {
        return Err("it is damaged: a coefficient is too large".into());
    }
    *last = last.wrapping_add(bits.signed(size)?);
    Ok(*last)
}

/// The first pass over a band: runs of zeros, each followed by a value. `empty` counts the blocks still to be left empty.
fn ac_first(
    bits: &mut Bits,
    table: &Huffman,
    to: &mut Block,
    band: (usize, usize),
    low: u32,
    empty: &mut i32,
) -> Result<(), Fault> {
    if *empty > 0 {
        *empty -= 1;
        return Ok(());
    }
    let mut at = band.0;
    while at <= band.1 {
        let code = bits.code(table)?;
        let (run, size) = (code >> 4, u32::from(code & 15));
        if size == 0 && run < 15 {
            *empty = (1 << run) - 1 + bits.bits(u32::from(run))?;
            break;
        }
        at += usize::from(run);
        if size > 0 {
            let place = ZIGZAG.get(at).ok_or("it is damaged: a block has too many coefficients")?;
            to[usize::from(*place)] = (bits.signed(size)? << low) as i16;
        }
        at += 1;
    }
    Ok(())
}

/// A later pass over a band: one more bit for coefficients that are there, and new ones of the last bit's size.
fn ac_refine(
    bits: &mut Bits,
    table: &Huffman,
    to: &mut Block,
    band: (usize, usize),
    low: u32,
    empty: &mut i32,
) -> Result<(), Fault> {
    let bit = 1i16 << low;
    let refine = |bits: &mut Bits, value: &mut i16| -> Result<(), Fault> {
        if bits.bits(1)? == 1 && *value & bit == 0 {
            *value += if *value >= 0 { bit } else { -bit };
        }
        Ok(())
    };
    let mut at = band.0;
    while *empty == 0 && at <= band.1 {
        let code = bits.code(table)?;
        let (mut run, size) = (code >> 4, code & 15);
        if size == 0 && run < 15 {
            *empty = (1 << run) + bits.bits(u32::from(run))?;
            break;
        }
        let new = match size {
            0 => 0,
            _ if bits.bits(1)? == 1 => bit,
            _ => -bit,
        };
        while at <= band.1 {
            let value = &mut to[usize::from(ZIGZAG[at])];
            if *value != 0 {
                refine(bits, value)?;
            } else if run == 0 {
                *value = new;
                break;
            } else {
                run -= 1;
            }
            at += 1;
        }
        at += 1;
    }
    if *empty > 0 {
        for place in &ZIGZAG[at.min(64)..=band.1] {
            let value = &mut to[usize::from(*place)];
            if *value != 0 {
                refine(bits, value)?;
            }
        }
        *empty -= 1;
    }
    Ok(())
}
