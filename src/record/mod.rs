//! What a run saw, as Parquet frames: tidy files with a documented [`schema`], one row a measurement.
//!
//! [`Job::record`] is the loop. What it writes is the same to the last byte whether it ran through or was killed at any
//! moment and resumed, and whatever the thread count.

mod answer;
mod asked;
mod capture;
mod cross_frame;
mod frame_file;
mod gather;
mod images;
mod live;
mod parts;
mod pass;
mod pictures;
mod plan;
mod progress;
mod recorded;
mod run;
pub mod schema;
mod shards;
mod shares;
mod stage;

pub(crate) use answer::choose;
pub use asked::{Asked, Spot, Want};
pub(crate) use capture::numbers;
pub use frame_file::{read_frame, write_frames};
pub use live::{Live, Ready, View};
pub use parts::Parts;
pub use pictures::Pictures;
pub use plan::{HiddenFrame, ItemSize, Plan};
pub use progress::Bar;
pub use recorded::{Answer, AttentionRow, FrameMap, HiddenBlock, Recorded};
pub use run::{BadItems, Job};
pub use schema::Frame;
pub use shards::Shards;
pub use shares::{Columns, Shares, reduce, reduce_layer};
pub use stage::{Estimate, Stage, Way};
