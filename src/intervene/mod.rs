//! What the model uses: states rewritten on their way, and what the answer becomes.
//!
//! An intervention is a [`Hook`](crate::model::Hook) that rewrites a site, and a [`Design`] that says of which prompts, where,
//! with what. Every design writes the same frames, `effects` and `units`, one row a measurement; the lens, which only
//! reads, has one of its own. No statistics here: [`crate::analysis`] judges.
//!
//! To add a design, write one file that implements [`Design`] and add its line to the study's schema.

mod answers;
mod arm;
mod batch;
mod bench;
mod design;
mod lens;
mod overwrite;
mod region;
mod shim;
mod unit;

pub use answers::Reading;
pub use arm::{Arm, Control, Labels};
pub use batch::{Batch, Kept};
pub use bench::{Bench, Take};
pub use design::{Design, Need, Places, Placing, Source};
pub use lens::LensRow;
pub use overwrite::{Apply, Overwrite};
pub use region::{Region, group_at, is_image_only, position};
pub use unit::{Direction, Dropped, Prompt, Role, Run, Unit, Units, outermost};
