//! VGGT as an encoder of space (Wang et al. 2025, arXiv 2503.11651), and the connector by which Spatial-MLLM (Wu et al. 2025,
//! arXiv 2505.23747) adds what it sees to the image tokens of a language model.
//!
//! Frames enter with values from 0 to 1. Every frame becomes patches by itself (a DINOv2 with registers); then blocks that look
//! within a frame and blocks that look across all frames take turns.

mod aggregator;
mod block;
mod config;
mod connector;
mod dino;
mod mapper;
mod point_head;
mod positions;

pub use aggregator::{Vggt, Views};
pub use config::VggtConfig;
pub use connector::{ConnectorVersion, MergeOrder, SpatialConnector, SpatialConnectorConfig, join};
pub use mapper::Mapper;
pub use point_head::{PointHead, PointHeadConfig, Points};
