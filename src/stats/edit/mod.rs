//! Linear edits of hidden states: what strengthens a direction, what erases a concept, and what does the same at random.
//!
//! States are rows, `[tokens, width]`. Directions are columns, `[width, k]`, as in a probe's weights.
//!
//! | module | what it makes |
//! |---|---|
//! | [`low_rank`] | `x + dose * L R (x - mean)`: the form of every gain and every eraser |
//! | [`gain`] | edits that strengthen (or, with a negative dose, weaken) directions |
//! | [`moments`] | means and covariances of states and concept, gathered batch by batch |
//! | [`leace`] | erasers from covariances: LEACE and the orthogonal one |
//! | [`oracle`] | the eraser that is told the concept of every state |
//! | [`inlp`] | the eraser that removes what one classifier after another can read |
//! | [`random`] | random directions and subspaces, matched in rank, norm or removed variance |

pub mod gain;
pub mod inlp;
pub mod leace;
pub mod low_rank;
pub mod moments;
pub mod oracle;
#[cfg(test)]
mod planted;
pub mod random;

pub use gain::{Edit, Length};
pub use inlp::{Inlp, Reader};
pub use low_rank::LowRank;
pub use moments::{Covariance, Moments, Shrinkage};
pub use oracle::Oracle;

use super::decomposition::NoDecomposition;

/// Why there is no such edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Degenerate {
    #[error("{0} states are too few to estimate a covariance")]
    TooFew(usize),
    #[error("the concept is the same for every state, so there is nothing to erase")]
    ConstantConcept,
    #[error("no direction of the states varies with the concept, so there is nothing to erase")]
    NothingToErase,
    #[error("the directions are all zero")]
    NoDirection,
    #[error(transparent)]
    NoDecomposition(#[from] NoDecomposition),
}
