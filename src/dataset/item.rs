//! One question about one image or video, and what is known about it.

use super::Axis;

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
    /// None where nobody annotated it; several where it is in parts or there are several of it. Of a video, in its first
    /// frame.
    pub boxes: Vec<PixelBox>,
    /// Of a video whose objects are annotated: the boxes in every frame, `[frames][boxes]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_frame: Vec<Vec<PixelBox>>,
    /// Of a video whose depth is known: how far from the camera it stands, on the floor; the mean over frames that show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metres: Option<f64>,
}

impl Object {
    /// A thing in a picture.
    pub fn new(name: impl Into<String>, boxes: Vec<PixelBox>) -> Self {
        Self { name: name.into(), boxes, by_frame: Vec::new(), metres: None }
    }

    /// A thing in a video, `[frames][boxes]`.
    pub fn in_frames(name: impl Into<String>, by_frame: Vec<Vec<PixelBox>>) -> Self {
        Self { name: name.into(), boxes: by_frame.first().cloned().unwrap_or_default(), by_frame, metres: None }
    }

    /// The centre (x, y) of the smallest rectangle around its boxes; `None` where nobody annotated it.
    pub fn centre(&self) -> Option<[f64; 2]> {
        let join = |a: PixelBox, b: PixelBox| PixelBox {
            x1: a.x1.min(b.x1),
            y1: a.y1.min(b.y1),
            x2: a.x2.max(b.x2),
            y2: a.y2.max(b.y2),
        };
        let around = self.boxes.iter().copied().reduce(join)?;
        Some([(around.x1 + around.x2) / 2.0, (around.y1 + around.y2) / 2.0])
    }
}

/// How often a model met a relation in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Familiarity {
    Familiar,
    Unfamiliar,
}

/// What an item shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    #[default]
    Image,
    /// Frames in the order of time, all of one size.
    Video,
}

/// One question about one image or video.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Unique in its dataset.
    pub id: String,
    /// Which image or video: a file name, a folder of frames, or the name of a scene. Items that share it are one cluster
    /// for the bootstrap.
    pub image: String,
    pub medium: Medium,
    pub question: String,
    /// At least two, all different; none where the answer is free text.
    pub options: Vec<String>,
    /// Index into `options`.
    pub gold: usize,
    /// Texts that are right, where the answer is free text; else none.
    pub answers: Vec<String>,
    pub relation: Option<String>,
    pub familiarity: Option<Familiarity>,
    /// In the order in which the question names them.
    pub objects: Vec<Object>,
    /// Items of one pair differ in a single contrast (left against right, above against below).
    pub pair: Option<String>,
    /// Items of one set show the same objects in all relations.
    pub set: Option<String>,
}

impl Item {
    /// Whether a text is one of the right answers in free text, whatever the case, a full stop at its end or not.
    pub fn accepts(&self, text: &str) -> bool {
        let plain = |text: &str| text.trim().trim_end_matches('.').to_lowercase();
        self.answers.iter().any(|answer| plain(answer) == plain(text))
    }

    /// What is right, in words: the gold option, or all right answers in free text.
    pub fn right(&self) -> String {
        self.options.get(self.gold).cloned().unwrap_or_else(|| self.answers.join(" | "))
    }

    /// The axis along which its objects are told apart.
    pub fn axis(&self) -> Axis {
        Axis::of(self.relation.as_deref(), self.objects.iter().filter_map(Object::centre))
    }
}
