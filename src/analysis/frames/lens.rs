//! The lens frame: what a state at a slot would answer, were it read out there.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use super::column::Frame;
use super::items::Items;
use crate::error::Result;
use crate::processor::Patch;

/// One state that was read out.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Index into the items frame.
    pub item: usize,
    /// The cluster, below [`Lens::images`].
    pub image: usize,
    /// Index into [`Lens::variants`].
    pub variant: usize,
    /// Index into [`Lens::positions`].
    pub position: usize,
    /// Of an image token.
    pub cell: Option<Patch>,
    pub slot: i16,
    /// Its classes, as indices into [`Lens::said`].
    pub said: Range<usize>,
    /// Logit of the right class less that of the best other, nats.
    pub ld: f64,
    /// Of the whole vocabulary, nats.
    pub entropy: f64,
    /// To the last slot's distribution, nats.
    pub kl_to_final: f64,
}

/// One class in one reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// Index into [`Lens::classes`].
    pub class: usize,
    /// Whether it is the right answer.
    pub correct: bool,
    /// Log-sum of its tokens' logits.
    pub m: f64,
    /// In the whole vocabulary.
    pub p: f64,
    /// Among the classes, from 1.
    pub rank: f64,
}

/// All readings of a run.
#[derive(Clone, Debug, Default)]
pub struct Lens {
    /// "original", "blank", ...
    pub variants: Vec<String>,
    /// "last", "word_1", "image", ...
    pub positions: Vec<String>,
    pub classes: Vec<String>,
    pub images: usize,
    pub readings: Vec<Reading>,
    pub said: Vec<Said>,
}

impl Lens {
    /// Reads `lens.parquet` in `folder`, the folder of all frames. What two interventions read alike is there once.
    ///
    /// # Errors
    /// A missing or unreadable file; a missing column, or one of another type; an item that the items frame lacks.
    pub fn open(folder: &Path, items: &Items) -> Result<Self> {
        Self::read(&Frame::read(&folder.join("lens.parquet"))?, items)
    }

    fn read(frame: &Frame, items: &Items) -> Result<Self> {
        let item = super::effects::items_of(frame, items)?;
        let (image, images) = frame.codes("image")?;
        let (variant, variants) = frame.codes("variant")?;
        let (position, positions) = frame.codes("pos_kind")?;
        let (class, classes) = frame.codes("class")?;
        let (rows, cols): (Vec<Option<i16>>, Vec<Option<i16>>) =
            (frame.optional_integers("cell_row")?, frame.optional_integers("cell_col")?);
        let slot: Vec<i16> = frame.integers("slot")?;
        let (m, p, rank) = (frame.numbers("m_c")?, frame.numbers("p_c")?, frame.numbers("rank_c")?);
        let (ld, entropy, kl) = (frame.numbers("ld")?, frame.numbers("entropy")?, frame.numbers("kl_to_final")?);
        let key = |row: usize| (item[row], variant[row], position[row], rows[row], cols[row], slot[row]);
        let one = |row: usize| Said {
            class: class[row],
            correct: items.gold[item[row]] == classes[class[row]],
            m: m[row],
            p: p[row],
            rank: rank[row],
        };
        let said: Vec<Said> = (0..frame.height()).map(one).collect();
        let (mut readings, mut seen, mut from) = (Vec::new(), HashSet::new(), 0);
        for to in 1..=frame.height() {
            if to < frame.height() && key(to) == key(from) && class[to] != class[from] {
                continue;
            }
            let index = |at: Option<i16>| at.and_then(|at| usize::try_from(at).ok());
            if seen.insert(key(from)) {
                readings.push(Reading {
                    item: item[from],
                    image: image[from],
                    variant: variant[from],
                    position: position[from],
                    cell: index(rows[from]).zip(index(cols[from])).map(|(row, col)| Patch { row, col }),
                    slot: slot[from],
                    said: from..to,
                    ld: ld[from],
                    entropy: entropy[from],
                    kl_to_final: kl[from],
                });
            }
            from = to;
        }
        Ok(Self { variants, positions, classes, images: images.len(), readings, said })
    }

    pub fn said(&self, reading: &Reading) -> &[Said] {
        self.said.get(reading.said.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;

    #[test]
    fn classes_of_one_state_are_one_reading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lens.parquet");
        let n = 6;
        let mut data = df!(
            "item" => ["a", "a", "a", "a", "b", "b"], "image" => ["i", "i", "i", "i", "j", "j"],
            "variant" => vec!["original"; n], "pos_kind" => vec!["image"; n],
            "cell_row" => [0i16, 0, 0, 0, 2, 2], "cell_col" => [1i16, 1, 2, 2, 3, 3], "slot" => vec![4i16; n],
            "class" => ["left", "right", "left", "right", "left", "right"], "m_c" => [1f32, 2., 3., 4., 5., 6.],
            "p_c" => vec![0.1f32; n], "rank_c" => [2u32, 1, 2, 1, 2, 1], "ld" => vec![-1f32; n],
            "entropy" => vec![0.5f32; n], "kl_to_final" => vec![0f32; n], "top1" => vec!["x"; n]
        )
        .unwrap();
        ParquetWriter::new(std::fs::File::create(&path).unwrap()).finish(&mut data).unwrap();
        let items =
            Items { id: vec!["a".into(), "b".into()], gold: vec!["left".into(), "right".into()], ..Items::default() };
        let lens = Lens::open(folder.path(), &items).unwrap();
        let cells: Vec<_> = lens.readings.iter().map(|reading| reading.cell.map(|cell| (cell.row, cell.col))).collect();
        assert_eq!(cells, [Some((0, 1)), Some((0, 2)), Some((2, 3))]);
        let said = lens.said(&lens.readings[2]);
        assert_eq!(said.iter().map(|said| said.correct).collect::<Vec<_>>(), [false, true]);
        let problem = Lens::open(folder.path(), &Items::default()).unwrap_err().to_string();
        assert!(problem.contains("item `a` is not in the items frame"), "{problem}");
    }
}
