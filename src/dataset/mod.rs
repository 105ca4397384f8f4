//! Questions about images: what is asked, what is right, and where the objects are.

pub mod image_file;
mod item;
mod jpeg;

pub use item::{Familiarity, Item, Object, PixelBox};
