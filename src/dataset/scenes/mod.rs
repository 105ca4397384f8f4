//! Rendered scenes with exact boxes, made from a seed: two objects in relation (*pairs*), three in a row (*rows*), and
//! the endless stream of such images on which the bundled model was trained.

mod background;
mod counterpart;
mod dice;
mod identity;
mod mix;
mod pairs;
mod question;
mod raster;
mod rows;
mod scene;
mod set;
mod spec;
mod stream;

use super::relation;
pub use super::relation::{Axis, Relation};
pub use background::{Background, Direction, Pattern};
pub(super) use dice::{Dice, Purpose};
pub use identity::{Colour, HELD_OUT, Identity, Shape, Split};
pub use mix::{ImageWeights, KindWeights, Mix, QuestionCounts, References};
pub(super) use question::tokens;
pub use question::{NUMBERS, vocabulary};
pub use rows::{Flavour, HELD_OUT_TRIPLES, Triple, held_out};
pub use scene::{Entity, Point, Scene};
pub use set::{SHIPPED, Scenes, Shipped};
pub use stream::{CANVAS, Kind, Sample, Stream, Turn};
