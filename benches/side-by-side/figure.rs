//! The ratios as a picture.

use vlmscope::figure::Figure;

use crate::results::Results;

pub fn figures(_results: &Results) -> Vec<Figure> {
    Vec::new()
}
