//! Rows of the decoded frame: what a fresh reader finds in states from which a concept was erased.

/// One object in one image, read at one site by a reader that was fitted to the other folds' images.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedRow {
    /// The cluster.
    pub image: String,
    pub axis: &'static str,
    pub fold: i16,
    /// The object's name.
    pub object: String,
    /// Where it was erased, and of which tokens.
    pub site: String,
    pub group: String,
    /// "leace", ...; "none" where nothing was erased.
    pub arm: String,
    pub concept: String,
    /// Where it is read.
    pub read_site: String,
    pub read_slot: i16,
    /// "linear" or "mlp".
    pub reader: &'static str,
    pub classes: u16,
    /// The right class, and how probable the reader finds it.
    pub truth: u16,
    pub p_true: f32,
    pub correct: bool,
}
