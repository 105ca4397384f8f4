//! The decoded frame: what a fresh reader finds in states from which a concept was erased.

use std::path::Path;

use super::column::Frame;
use crate::error::Result;

/// One object in one image, read at one site by a reader that saw other images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    pub design: String,
    /// The cluster.
    pub image: String,
    pub axis: String,
    /// Where, from which tokens and how it was erased; "none" where nothing was.
    pub site: String,
    pub group: String,
    pub arm: String,
    pub concept: String,
    pub read_site: String,
    pub read_slot: i16,
    /// "linear" or "mlp".
    pub reader: String,
    /// The right class.
    pub truth: u16,
    pub correct: bool,
}

impl Decoded {
    /// Reads `decoded.parquet` in `folder`, the folder of all frames.
    ///
    /// # Errors
    /// A missing or unreadable file; a missing column, or one of another type.
    pub fn read(folder: &Path) -> Result<Vec<Self>> {
        let frame = Frame::read(&folder.join("decoded.parquet"))?;
        let texts = ["design", "image", "axis", "site", "group", "arm", "concept", "read_site", "reader"];
        let [design, image, axis, site, group, arm, concept, read_site, reader] = texts.map(|name| frame.texts(name));
        let (design, image, axis, site, group) = (design?, image?, axis?, site?, group?);
        let (arm, concept, read_site, reader) = (arm?, concept?, read_site?, reader?);
        let (read_slot, truth, correct) =
            (frame.integers("read_slot")?, frame.integers("truth")?, frame.flags("correct")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            image: image[i].clone(),
            axis: axis[i].clone(),
            site: site[i].clone(),
            group: group[i].clone(),
            arm: arm[i].clone(),
            concept: concept[i].clone(),
            read_site: read_site[i].clone(),
            read_slot: read_slot[i],
            reader: reader[i].clone(),
            truth: truth[i],
            correct: correct[i],
        };
        Ok((0..frame.height()).map(row).collect())
    }

    /// What was erased and where it is read.
    pub fn key(&self) -> [&str; 7] {
        [&self.design, &self.site, &self.group, &self.arm, &self.concept, &self.read_site, &self.reader]
    }
}
