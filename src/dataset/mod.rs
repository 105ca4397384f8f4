//! Questions about images: what is asked, what is right, and where the objects are.

mod item;

pub use item::{Familiarity, Item, Object, PixelBox};
