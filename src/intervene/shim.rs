use crate::dataset::{Dataset, Item};
use crate::error::Result;
#[derive(Clone, Debug, PartialEq)]
pub enum Counterpart {
    Original,
}
impl std::fmt::Display for Counterpart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("original")
    }
}
pub fn counterpart(d: &dyn Dataset, item: &Item, c: &Counterpart) -> Result<(Item, image::RgbImage)> {
    match c {
        Counterpart::Original => Ok((item.clone(), d.image(item)?)),
    }
}
