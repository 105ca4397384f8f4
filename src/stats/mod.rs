//! Estimates with their uncertainty and their null: AUROC, correlation, proportions, cluster bootstrap, permutation.
//!
//! No files, no data frames, `f64` throughout. Scores are slices with one number an item, NaN where the score is
//! undefined; labels are slices of `bool`, true for a right answer. Whatever is random draws from [`seed::rng`], keyed by
//! what it is for and which replicate it is, so the number of threads never changes a result.
//!
//! | module | what it answers |
//! |---|---|
//! | [`summary`] | mean, quantile, 95 % interval of draws |
//! | [`wilson`] | interval of a proportion |
//! | [`correlation`] | Pearson and point-biserial, pooled or within groups |
//! | [`ranking`] | items by score, ties marked: sorted once, used by everything below |
//! | [`tally`] | sums and pairs by group, which add up |
//! | [`auroc`] | does a right answer score higher than a wrong one? |
//! | [`bootstrap`] | how far would an estimate move with other images? |
//! | [`logistic`](mod@logistic) | how do the odds of a right answer change, other things being equal? |
//! | [`permutation`] | how far would it move by chance alone, for one test or the largest of many? |
//! | [`mcnemar`](mod@mcnemar) | did a treatment change how often answers are right? |
//! | [`shift`] | how far does a patched run move towards the counterfactual one? |
//! | [`profile`] | at which depth does a shift set in, and where is it handed over? |
//! | [`mlp`] | can a label be read off a state by a map that is not linear? |
//! | [`edit`] | linear edits of states: gains, erasers, and random ones of equal size |
//! | [`decomposition`] | eigenvalues and singular values, on one thread |
//! | [`probe`] | can a label be read off a state by a linear map, and does that say anything? |

pub mod auroc;
pub mod bootstrap;
pub mod correlation;
pub mod decomposition;
pub mod edit;
mod lanes;
pub mod logistic;
pub mod mcnemar;
pub mod mlp;
pub mod permutation;
pub mod probe;
pub mod profile;
pub mod ranking;
pub mod seed;
pub mod shift;
pub mod summary;
pub mod tally;
pub mod wilson;

pub use auroc::{Pairs, auroc};
pub use bootstrap::Replicates;
pub use logistic::logistic;
pub use mcnemar::{Changes, mcnemar};
pub use permutation::{Maximum, Relabelings};
pub use ranking::Ranking;
pub use summary::{Interval, mean, quantile};
pub use tally::{Sum, Tally};
pub use wilson::wilson;
