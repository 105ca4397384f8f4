//! One question about one image, and what is known about it.

/// An axis-aligned rectangle in pixels of the original image: `x1 <= x < x2`, `y1 <= y < y2`, origin top left.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PixelBox {
    pub x1: f64,
    pub y1: f64,
    pub x2: f64,
    pub y2: f64,
}

/// A thing in the image that the question may name.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Object {
    pub name: String,
    /// None where nobody annotated it; several where it is in parts or there are several of it.
    pub boxes: Vec<PixelBox>,
}

/// How often a model met a relation in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Familiarity {
    Familiar,
    Unfamiliar,
}

/// One question about one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Unique in its dataset.
    pub id: String,
    /// Which image: a file name, or the name of a scene. Items that share it are one cluster for the bootstrap.
    pub image: String,
    pub question: String,
    /// At least two, all different.
    pub options: Vec<String>,
    /// Index into `options`.
    pub gold: usize,
    pub relation: Option<String>,
    pub familiarity: Option<Familiarity>,
    /// In the order in which the question names them.
    pub objects: Vec<Object>,
    /// Items of one pair differ in a single contrast (left against right, above against below).
    pub pair: Option<String>,
    /// Items of one set show the same objects in all relations.
    pub set: Option<String>,
}
