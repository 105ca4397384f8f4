//! Token groups: positions of a prompt that are looked at, or changed, together.
//!
//! | name | positions |
//! |---|---|
//! | `last` | the last of the prompt |
//! | `text` | question and template: neither image nor BOS nor last |
//! | `word_K` | the last token of object K's name in the question |
//! | `image` | every image patch; of an image with several views, of the finest |
//! | `object_K`, `objects` | the patches that object K, or any object, touches |
//! | `ring_K`, `ring_K_W` | what lies within W patches (1) of object K, objects left out |
//! | `strip_K` | the columns (or rows) of the image around object K; see [`Layout::strip`] |
//! | `strip_minus_object_K` | the same, objects left out |
//! | `background` | every patch that no object touches |
//! | `random_background_K` | as many of those as object K has patches, drawn for each item |
//! | `cell_R_C` | the patch in row R and column C, from 0 |
//!
//! Objects count from 1, in the order in which an item lists them.

use rand::seq::index::sample;
use serde::{Deserialize, Serialize};

use super::geometry::Patch;
use super::layout::Layout;
use crate::stats::seed::rng;

/// Positions of a prompt that are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Group {
    Last,
    Text,
    /// Of an object, from 1.
    Word(usize),
    Image,
    /// An object, from 1.
    Object(usize),
    Objects,
    Ring {
        object: usize,
        width: usize,
    },
    Strip(usize),
    StripMinusObject(usize),
    Background,
    RandomBackground(usize),
    Cell(Patch),
}

/// One position of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    pub place: Place,
    /// In the group's mean: the share of the patch that the objects cover for `object_K` and `objects`, else 1.
    pub weight: f32,
}

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the image, wherever the image's patches are in the tensor at hand.
    Patch(Patch),
    /// At a position of the prompt.
    Text(usize),
}

impl Group {
    /// Whether its positions are words of the prompt, so that sites of image patches alone do not have it.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Last | Self::Text | Self::Word(_))
    }

    /// Its positions in one item, in order; `None` where the item has no such group: an object that nobody annotated, that
    /// lies outside what the model sees or that the question does not name; a strip of an object that stands alone; a cell
    /// outside the grid.
    pub fn members(self, layout: &Layout) -> Option<Vec<Member>> {
        let all = vec![true; layout.geometry.grid.count()];
        let members = match self {
            Self::Last => texts(&[layout.last]),
            Self::Text => texts(&layout.text),
            Self::Word(k) => texts(&[(*layout.words.get(k.checked_sub(1)?)?)?]),
            Self::Image => patches(layout, &all),
            Self::Object(k) => {
                let k = k.checked_sub(1)?;
                weighted(layout, &layout.touched(k)?, layout.coverage.objects.get(k)?.as_ref()?)
            }
            Self::Objects => weighted(layout, &layout.touched_by_any()?, layout.coverage.union.as_ref()?),
            Self::Ring { object, width } => {
                let own = layout.touched(object.checked_sub(1)?)?;
                // The ring of an object out of sight would be empty as well.
                patches(layout, &minus(&layout.dilated(&own, width), &layout.touched_by_any()?))
            }
            Self::Strip(k) => patches(layout, &layout.strip(k.checked_sub(1)?)?),
            Self::StripMinusObject(k) => {
                patches(layout, &minus(&layout.strip(k.checked_sub(1)?)?, &layout.touched_by_any()?))
            }
            Self::Background => patches(layout, &minus(&all, &layout.touched_by_any()?)),
            Self::RandomBackground(k) => {
                let count = layout.touched(k.checked_sub(1)?)?.into_iter().filter(|touched| *touched).count();
                let background = patches(layout, &minus(&all, &layout.touched_by_any()?));
                if background.len() < count {
                    return None;
                }
                let mut rng = rng(layout.seed, &format!("background of {}", layout.item), k as u64);
                let mut drawn = sample(&mut rng, background.len(), count).into_vec();
                drawn.sort_unstable();
                drawn.into_iter().map(|at| background[at]).collect()
            }
            Self::Cell(patch) => {
                let grid = layout.geometry.grid;
                let inside = patch.row < grid.rows && patch.col < grid.cols;
                inside.then_some(Member { place: Place::Patch(patch), weight: 1.0 }).into_iter().collect()
            }
        };
        (!members.is_empty()).then_some(members)
    }
}

impl Place {
    /// The position in a prompt.
    pub fn position(self, layout: &Layout) -> usize {
        match self {
            Self::Patch(patch) => layout.image[patch.row * layout.geometry.grid.cols + patch.col],
            Self::Text(at) => at,
        }
    }

    /// The patch, of a place in the image.
    pub fn patch(self) -> Option<Patch> {
        match self {
            Self::Patch(patch) => Some(patch),
            Self::Text(_) => None,
        }
    }
}

fn texts(positions: &[usize]) -> Vec<Member> {
    positions.iter().map(|&at| Member { place: Place::Text(at), weight: 1.0 }).collect()
}

fn patches(layout: &Layout, chosen: &[bool]) -> Vec<Member> {
    weighted(layout, chosen, &vec![1.0; chosen.len()])
}

fn weighted(layout: &Layout, chosen: &[bool], weights: &[f32]) -> Vec<Member> {
    let all = layout.geometry.grid.patches().zip(chosen).zip(weights);
    all.filter(|((_, chosen), _)| **chosen)
        .map(|((patch, _), &weight)| Member { place: Place::Patch(patch), weight })
        .collect()
}

fn minus(these: &[bool], those: &[bool]) -> Vec<bool> {
    these.iter().zip(those).map(|(this, that)| *this && !that).collect()
}

impl TryFrom<String> for Group {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = named(&name).filter(|group| group.to_string() == name);
        known.ok_or_else(|| {
            let examples = ["last", "text", "word_1", "image", "object_1", "objects", "ring_1", "ring_1_2", "strip_1"];
            let more = ["strip_minus_object_1", "background", "random_background_1", "cell_0_0"];
            let hint = crate::error::suggestion(&name, examples.into_iter().chain(more));
            format!("`{name}` is not a group of positions\n{hint}")
        })
    }
}

fn named(name: &str) -> Option<Group> {
    let number = |text: &str| text.parse::<usize>().ok();
    let object = |prefix: &str| name.strip_prefix(prefix).and_then(number).filter(|&k| k > 0);
    let two = |prefix: &str| {
        let (first, second) = name.strip_prefix(prefix)?.split_once('_')?;
        Some((number(first)?, number(second)?))
    };
    Some(match name {
        "last" => Group::Last,
        "text" => Group::Text,
        "image" => Group::Image,
        "objects" => Group::Objects,
        "background" => Group::Background,
        _ => {
            let numbered = object("object_").map(Group::Object).or_else(|| object("word_").map(Group::Word));
            let numbered = numbered.or_else(|| object("strip_minus_object_").map(Group::StripMinusObject));
            let numbered = numbered.or_else(|| object("strip_").map(Group::Strip));
            let numbered = numbered.or_else(|| object("random_background_").map(Group::RandomBackground));
            let numbered = numbered.or_else(|| object("ring_").map(|object| Group::Ring { object, width: 1 }));
            let ring = || two("ring_").filter(|&(object, width)| object > 0 && width > 0);
            let numbered = numbered.or_else(|| ring().map(|(object, width)| Group::Ring { object, width }));
            numbered.or_else(|| two("cell_").map(|(row, col)| Group::Cell(Patch { row, col })))?
        }
    })
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.to_string()
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Text => f.write_str("text"),
            Self::Word(k) => write!(f, "word_{k}"),
            Self::Image => f.write_str("image"),
            Self::Object(k) => write!(f, "object_{k}"),
            Self::Objects => f.write_str("objects"),
            Self::Ring { object, width: 1 } => write!(f, "ring_{object}"),
            Self::Ring { object, width } => write!(f, "ring_{object}_{width}"),
            Self::Strip(k) => write!(f, "strip_{k}"),
            Self::StripMinusObject(k) => write!(f, "strip_minus_object_{k}"),
            Self::Background => f.write_str("background"),
            Self::RandomBackground(k) => write!(f, "random_background_{k}"),
            Self::Cell(Patch { row, col }) => write!(f, "cell_{row}_{col}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Item, Medium, Object, PixelBox};
    use crate::processor::{Grid, ImageGeometry, Mosaic, TokenMap, Word};

    /// Patches of 10 pixels on a grid of 4 x 6, image positions from 1 on, then the words of the question.
    fn layout(boxes: &[[f64; 4]], relation: &str, question: &str, names: &[&str]) -> Layout {
        let seen = PixelBox { x1: 0.0, y1: 0.0, x2: 60.0, y2: 40.0 };
        let geometry = ImageGeometry { image_width: 60, image_height: 40, grid: Grid { rows: 4, cols: 6 }, seen };
        let mut at = 25;
        let mut start = 0;
        let mut words = Vec::new();
        for text in question.split(' ') {
            // Every word of the question has two tokens.
            words.push(Word { text: text.into(), span: start..start + text.len(), positions: at..at + 2 });
            (at, start) = (at + 2, start + text.len() + 1);
        }
        let map = TokenMap {
            len: at + 1,
            bos: Some(0),
            image: (1..25).collect(),
            geometry,
            mosaic: Mosaic::single(geometry.grid),
            aside: vec![],
            marks: vec![],
            words,
            options: vec![],
            last: at,
        };
        let pixel_box = |&[x1, y1, x2, y2]: &[f64; 4]| PixelBox { x1, y1, x2, y2 };
        let boxes = boxes.iter().map(|one| vec![pixel_box(one)]).chain(std::iter::repeat(vec![]));
        let objects = names.iter().zip(boxes).map(|(name, boxes)| Object::new(*name, boxes)).collect();
        let item = Item {
            id: "one".into(),
            image: "one.png".into(),
            medium: Medium::Image,
            answers: Vec::new(),
            question: question.into(),
            options: vec!["left".into(), "right".into()],
            gold: 0,
            relation: Some(relation.into()),
            familiarity: None,
            objects,
            pair: None,
            set: None,
        };
        Layout::new(&item, &map, 7)
    }

    /// Two objects in the second row: one on the whole of (1, 1), one on half of (1, 4) and a bit of (1, 5).
    fn two() -> Layout {
        let boxes = [[10.0, 10.0, 20.0, 20.0], [45.0, 10.0, 51.0, 20.0]];
        layout(&boxes, "left", "Where is the cup to the red cup", &["cup", "red cup", "hat"])
    }

    fn cells(group: &str, layout: &Layout) -> Vec<(usize, usize)> {
        let members = Group::try_from(group.to_string()).unwrap().members(layout).unwrap_or_default();
        members.iter().map(|member| member.place.patch().unwrap()).map(|patch| (patch.row, patch.col)).collect()
    }

    fn grid(rows: std::ops::Range<usize>, cols: std::ops::Range<usize>) -> Vec<(usize, usize)> {
        rows.flat_map(|row| cols.clone().map(move |col| (row, col))).collect()
    }

    #[test]
    fn names_round_trip_and_objects_count_from_one() {
        for name in "last text word_2 image object_12 objects ring_1 ring_1_3 strip_2 strip_minus_object_2 background \
                     random_background_1 cell_0_11"
            .split(' ')
        {
            assert_eq!(Group::try_from(name.to_string()).unwrap().to_string(), name);
        }
        for name in ["object_0", "ring_1_0", "ring_0_1", "object_01", "object_+1", "cell_3", "strip_", "ring_1_1"] {
            assert!(Group::try_from(name.to_string()).is_err(), "{name}");
        }
        assert!(Group::try_from("objekt_1".to_string()).unwrap_err().contains("object_1"));
        assert!(Group::try_from("strip_minus_objct_1".to_string()).unwrap_err().contains("strip_minus_object_1"));
    }

    #[test]
    fn objects_are_the_patches_they_touch_weighted_by_their_share() {
        let layout = two();
        let second = Group::Object(2).members(&layout).unwrap();
        assert_eq!(cells("object_2", &layout), [(1, 4), (1, 5)]);
        assert!((second[0].weight - 0.5).abs() < 1e-6 && (second[1].weight - 0.1).abs() < 1e-6);
        assert_eq!(second[0].place.position(&layout), 1 + 6 + 4);
        assert_eq!(cells("objects", &layout), [(1, 1), (1, 4), (1, 5)]);
        // The third is not annotated, a fourth there is not.
        assert!(Group::Object(3).members(&layout).is_none() && Group::Object(4).members(&layout).is_none());
        assert!(Group::Ring { object: 3, width: 1 }.members(&layout).is_none());
    }

    #[test]
    fn rings_go_round_their_object_and_leave_all_objects_out() {
        let layout = two();
        let around: Vec<_> = grid(0..3, 0..3).into_iter().filter(|cell| *cell != (1, 1)).collect();
        assert_eq!(cells("ring_1", &layout), around);
        let wide: Vec<_> = grid(0..4, 2..6).into_iter().filter(|cell| ![(1, 4), (1, 5)].contains(cell)).collect();
        assert_eq!(cells("ring_2_2", &layout), wide);
        // Wider than the image, it meets the other object.
        assert_eq!(cells("ring_1_9", &layout), cells("background", &layout));
    }

    #[test]
    fn strips_are_disjoint_and_run_across_the_axis() {
        // Centres 15 and 48: half the distance is 16.5.
        let layout = two();
        assert_eq!(cells("strip_1", &layout), grid(0..4, 0..3));
        assert_eq!(cells("strip_2", &layout), grid(0..4, 3..6));
        let rest: Vec<_> = grid(0..4, 0..3).into_iter().filter(|cell| *cell != (1, 1)).collect();
        assert_eq!(cells("strip_minus_object_1", &layout), rest);
        // A column of three: the smallest distance, 10, makes strips of one row.
        let boxes = [[0.0, 0.0, 10.0, 10.0], [20.0, 10.0, 30.0, 20.0], [5.0, 30.0, 15.0, 40.0]];
        let column = layout_of_three(&boxes);
        assert_eq!(cells("strip_1", &column), grid(0..1, 0..6));
        assert_eq!(cells("strip_2", &column), grid(1..2, 0..6));
        assert_eq!(cells("strip_3", &column), grid(3..4, 0..6));
        // Neither alone nor level with each other have objects a strip.
        let alone = super::tests::layout(&boxes[..1], "above", "Where is it", &["it"]);
        assert!(Group::Strip(1).members(&alone).is_none());
        let level = super::tests::layout(&[boxes[0], [30.0, 0.0, 40.0, 10.0]], "above", "Where", &["a", "b"]);
        assert!(Group::Strip(1).members(&level).is_none());
    }

    fn layout_of_three(boxes: &[[f64; 4]]) -> Layout {
        layout(boxes, "above", "Where is it", &["it", "that", "this"])
    }

    #[test]
    fn random_background_is_background_and_as_many_as_the_object() {
        let layout = two();
        let background = cells("background", &layout);
        assert_eq!(background.len(), 24 - 3);
        let drawn = cells("random_background_2", &layout);
        assert!(drawn.len() == 2 && drawn.iter().all(|cell| background.contains(cell)));
        assert_eq!(drawn, cells("random_background_2", &layout));
        let draws: std::collections::HashSet<_> =
            (0..20).map(|seed| cells("random_background_2", &Layout { seed, ..layout.clone() })).collect();
        assert!(draws.len() > 10);
        // An object that leaves too little background.
        let large = super::tests::layout(&[[0.0, 0.0, 60.0, 30.0]], "left", "Where", &["it"]);
        assert!(Group::RandomBackground(1).members(&large).is_none());
    }

    #[test]
    fn words_belong_to_the_object_whose_name_they_are() {
        let position = |group: Group, layout: &Layout| group.members(layout).map(|all| all[0].place);
        // Where is the cup to the red cup: two tokens a word, from position 25 on.
        let layout = two();
        assert_eq!(position(Group::Word(1), &layout), Some(Place::Text(25 + 7)));
        assert_eq!(position(Group::Word(2), &layout), Some(Place::Text(25 + 15)));
        assert_eq!(position(Group::Word(3), &layout), None);
        // Two of one name take its places in order; a name inside another word is none.
        let layout = super::tests::layout(&[], "left", "Is the Cup a teacup or a cup", &["cup", "cup"]);
        assert_eq!(position(Group::Word(1), &layout), Some(Place::Text(25 + 5)));
        assert_eq!(position(Group::Word(2), &layout), Some(Place::Text(25 + 15)));
    }

    #[test]
    fn text_is_what_is_left_and_cells_must_be_inside() {
        let layout = two();
        let text = Group::Text.members(&layout).unwrap();
        assert_eq!((text.len(), text[0].place), (16, Place::Text(25)));
        assert_eq!(Group::Last.members(&layout).unwrap()[0].place, Place::Text(41));
        assert_eq!(cells("cell_3_5", &layout), [(3, 5)]);
        assert!(cells("cell_4_0", &layout).is_empty());
        assert_eq!(cells("image", &layout).len(), 24);
    }

    #[test]
    fn without_boxes_nobody_knows_the_background() {
        let layout = super::tests::layout(&[], "left", "Where is it", &["it"]);
        assert!(Group::Background.members(&layout).is_none() && Group::Objects.members(&layout).is_none());
    }
}
