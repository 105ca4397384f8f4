//! Rendered videos of simple rooms with exact depth and poses, made from a seed: boxes, balls and posts on a floor between
//! walls, a camera that goes round or turns on its spot, and questions as VSI-Bench asks them, in words that a tiny model can
//! learn. Test sets, and the endless stream on which a model organism is trained.

mod camera;
mod case;
mod furnish;
mod identity;
mod layout;
mod mix;
mod question;
mod render;
mod room;
mod set;
mod solid;
mod spec;
mod stream;
mod truth;
mod vector;
mod view;

pub use super::scenes::Split;
pub use camera::{Camera, Path};
pub use identity::{Form, HELD_OUT, Identity, Tint};
pub use mix::{KindWeights, Mix};
pub use question::{Kind, NUMBERS, Turn, vocabulary};
pub use render::{Sighting, Survey};
pub use room::Room;
pub use set::{Rooms, SHIPPED, Shipped};
pub use solid::Solid;
pub use stream::{Sample, Stream};
pub use vector::Vec3;
