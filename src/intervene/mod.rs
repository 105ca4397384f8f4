//! What the model uses: states rewritten on their way, and what the answer becomes.
//!
//! An intervention is a [`Hook`](crate::model::Hook) that rewrites a site, and a [`Design`] that says of which prompts, where,
//! with what. Every design writes the same frames, `effects` and `units`, one row a measurement; the lens, which only
//! reads, has one of its own. No statistics here: [`crate::analysis`] judges.
//!
//! To add a design, write one file that implements [`Design`] and add its line to the study's schema.

mod ablate;
mod answers;
mod arm;
mod batch;
mod bench;
mod clean;
mod correspondence;
mod decoded;
mod design;
mod encoded;
mod enhance;
mod erase;
mod frames;
mod keep;
mod knockout;
mod lens;
mod linear;
mod logit_lens;
mod observe;
mod overwrite;
mod pairing;
mod patch;
mod plan;
mod prefix;
mod ready;
mod reference;
mod region;
mod row;
mod runs;
mod scale;
mod spec;
mod stack;
mod stage;
mod sweep;
mod unit;

pub use ablate::AblateSpec;
pub use answers::Reading;
pub use arm::{Arm, Control, Labels};
pub use batch::{Batch, Kept};
pub use bench::{Bench, Take, Through};
pub use decoded::DecodedRow;
pub use design::{Design, Need, Places, Placing, Source};
pub use enhance::{EnhanceSpec, ProbeFile};
pub use erase::EraseSpec;
pub use frames::{Counts, EffectRow, UnitLabels, UnitRow, golden_counts};
pub use knockout::{Block, Blocked, Edge, End, KnockoutSpec};
pub use lens::LensRow;
pub use linear::{Change, Dose, Step, steer};
pub use logit_lens::LensSpec;
pub use observe::ImageFolds;
pub use overwrite::{Apply, Overwrite};
pub use pairing::Pairing;
pub use patch::{PatchSpec, Under};
pub use plan::Planned;
pub use prefix::{Passed, Prefix};
pub use reference::{Background, Objects, Reference, whole_image};
pub use region::{Matched, Region, group_at, is_image_only, position, positions};
pub use scale::frame as scaling_frame;
pub use scale::{Alpha, Look, Operator, Reach, Scale, ScaleSpec, Scaling, ScalingRow, Watch};
pub use spec::{Common, DesignSpec, Intervene};
pub use stage::{SweepEstimate, carry_out, check, estimate};
pub use sweep::{Cost, Outcome, Restart, Sweep};
pub use unit::{Direction, Dropped, Prompt, Role, Run, Unit, Units, outermost};
