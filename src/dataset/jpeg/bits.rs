//! The entropy-coded part of a JPEG: bits, Huffman codes, signed values (T.81 annex F).

use super::Fault;

/// How many bits the quick table covers.
const QUICK: u32 = 9;

/// One Huffman table.
pub struct Huffman {
    /// By the next 9 bits: length of the code and its value; length 0 for longer codes.
    quick: Vec<(u8, u8)>,
    /// By length: one past the largest code, as 16 bits from the left, and what to add to a code for its place in `values`.
    limits: [(u32, i32); 17],
    values: Vec<u8>,
}

impl Huffman {
    /// A table from how many codes of each length 1 to 16 there are, and their values in order.
    pub fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, Fault> {
        let mut quick = vec![(0, 0); 1 << QUICK];
        let mut limits = [(0, 0); 17];
        let (mut code, mut index) = (0u32, 0usize);
        for (length, count) in (1u32..).zip(counts) {
            let first = index as i32 - code as i32;
            for value in &values[index..index + usize::from(*count)] {
                if code >= 1 << length {
                    return Err("a Huffman table has more codes than fit".into());
                }
                if length <= QUICK {
                    let start = (code << (QUICK - length)) as usize;
                    quick[start..start + (1 << (QUICK - length))].fill((length as u8, *value));
                }
                code += 1;
            }
            index += usize::from(*count);
            limits[length as usize] = (code << (16 - length), first);
            code <<= 1;
        }
        Ok(Self { quick, limits, values: values.to_vec() })
    }
}

/// Reads bits of one scan, most significant first.
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the left.
    buffer: u64,
    held: u32,
    /// How many of the held bits lie past the end of the data, and are zeros.
    made_up: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, held: 0, made_up: 0 }
    }

    /// The next byte of data; `None` at a marker and at the end of the file.
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if byte != 0xFF {
            self.at += 1;
            return Some(byte);
        }
        // FF is written as FF 00; before anything else it begins a marker.
        if *self.bytes.get(self.at + 1)? == 0 {
            self.at += 2;
            return Some(0xFF);
        }
        None
    }

    fn fill(&mut self) {
        while self.held <= 56 {
            let byte = self.byte();
            self.made_up += if byte.is_none() { 8 } else { 0 };
            self.buffer |= u64::from(byte.unwrap_or(0)) << (56 - self.held);
            self.held += 8;
        }
    }

    fn take(&mut self, count: u32) -> Result<(), Fault> {
        self.buffer <<= count;
        self.held -= count;
        if self.held < self.made_up {
            return Err("it is truncated or damaged: a scan ends too early".into());
        }
        Ok(())
    }

    /// The next `count` bits as a number, at most 16.
    pub fn bits(&mut self, count: u32) -> Result<i32, Fault> {
        if count == 0 {
            return Ok(0);
        }
        if self.held < count {
            self.fill();
        }
        let value = (self.buffer >> (64 - count)) as i32;
        self.take(count)?;
        Ok(value)
    }

    /// The value of the next Huffman code.
    pub fn code(&mut self, table: &Huffman) -> Result<u8, Fault> {
        if self.held < 16 {
            self.fill();
        }
        let (length, value) = table.quick[(self.buffer >> (64 - QUICK)) as usize];
        if length > 0 {
            self.take(u32::from(length))?;
            return Ok(value);
        }
        let next = (self.buffer >> 48) as u32;
        for length in QUICK + 1..=16 {
            let (limit, first) = table.limits[length as usize];
            if next < limit {
                self.take(length)?;
                let place = (next >> (16 - length)) as i32 + first;
                return table.values.get(place as usize).copied().ok_or_else(|| "it has a wrong Huffman code".into());
            }
        }
        Err("it is truncated or damaged: it has a wrong Huffman code".into())
    }

    /// A signed value of `size` bits, at most 15: the upper half of the codes is positive, the lower negative.
    pub fn signed(&mut self, size: u32) -> Result<i32, Fault> {
        let value = self.bits(size)?;
        Ok(if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value })
    }

    /// Drops what is left of the last byte and steps over a restart marker.
    pub fn restart(&mut self) -> Result<(), Fault> {
        (self.buffer, self.held, self.made_up) = (0, 0, 0);
        let marker = self.end();
        match self.bytes.get(marker..marker + 2) {
            Some([0xFF, 0xD0..=0xD7]) => {
                self.at = marker + 2;
                Ok(())
            }
            _ => Err("it is truncated or damaged: a restart marker is missing".into()),
        }
    }

    /// Where the next marker begins, or the end of the file.
    pub fn end(&self) -> usize {
        let from = self.at.min(self.bytes.len());
        let is_marker = |pair: &[u8]| pair[0] == 0xFF && pair[1] != 0 && pair[1] != 0xFF;
        self.bytes[from..].windows(2).position(is_marker).map_or(self.bytes.len(), |ahead| from + ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_short_and_long_are_read() {
        // Codes 0, 10, 110, and one of twelve bits: 1110 0000 0000.
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[2], counts[11]) = (1, 1, 1, 1);
        let table = Huffman::new(&counts, &[5, 6, 7, 8]).unwrap();
        let data = [0b0101_1010, 0b1110_0000, 0b0000_0000];
        let mut bits = Bits::new(&data, 0);
        let read: Vec<_> = (0..5).map(|_| bits.code(&table).unwrap()).collect();
        assert_eq!(read, [5, 6, 7, 6, 8]);
    }

    #[test]
    fn signed_values_and_stuffed_bytes() {
        let data = [0xFF, 0x00, 0b0100_0000, 0xFF, 0xD9];
        let mut bits = Bits::new(&data, 0);
        assert_eq!(bits.signed(8).unwrap(), 255);
        assert_eq!(bits.signed(2).unwrap(), -2);
        assert_eq!(bits.signed(0).unwrap(), 0);
        assert_eq!(bits.end(), 3);
        assert!(bits.bits(7).is_err());
    }

    #[test]
    fn too_many_codes_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Huffman::new(&counts, &[1, 2, 3]).is_err());
    }
}
