//! Questions about images: what is asked, what is right, and where the objects are.

mod item;
pub mod scenes;

pub use item::{Familiarity, Item, Object, PixelBox};
