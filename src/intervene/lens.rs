//! Rows of the lens frame: what a hidden state would answer, were it read out now.

/// One class at one position and slot.
#[derive(Clone, Debug, PartialEq)]
pub struct LensRow {
    pub item: String,
    /// The cluster.
    pub image: String,
    /// "original", "blank", ...
    pub variant: String,
    /// "last", "word_1", "word_2", "image".
    pub pos_kind: String,
    pub cell: Option<crate::processor::Patch>,
    pub slot: i16,
    pub class: String,
    pub m_c: f32,
    pub p_c: f32,
    /// Among the classes, from 1.
    pub rank_c: u32,
    /// `m` of the right class less that of the best other.
    pub ld: f32,
    /// Of the whole vocabulary, nats.
    pub entropy: f32,
    /// From this slot's distribution to the last slot's, nats.
    pub kl_to_final: f32,
    /// The most probable token, as text.
    pub top1: String,
}
