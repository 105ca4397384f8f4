//! What frame x frame attention maps cost in memory: a block that looks across all frames of 640 x 480 pixels (34 x 46 patches
//! and 5 further tokens each), its attention reduced while it is computed.
//!
//!     cargo bench --bench cross_frame [-- FRAMES..]
//!
//! The model is narrow (width 32, 2 heads, one pair of blocks, random weights): memory for attention depends on tokens and heads,
//! not on width. Printed are the most that is allocated at a time during a bare pass, during the same pass with the map of the
//! block, and what that block's attention would take if it were held whole, here and with the 16 heads of the published model.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use serde_json::json;
use vlmscope::error::Result;
use vlmscope::model::checkpoint::{Builder, ParamKeys, Random};
use vlmscope::model::spatial::{Vggt, VggtConfig};
use vlmscope::model::{Hook, Hooks, Rows, Site};

const ROWS: usize = 34;
const COLS: usize = 46;
const SPECIAL: usize = 5;

/// The system's allocator, counted.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator; the counters are not part of what it answers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Takes the map of one block.
struct Take(Vec<Site>, Option<Tensor<4>>);

impl Hook for Take {
    fn sites(&self) -> &[Site] {
        &self.0
    }

    fn rows(&self, _: Site) -> Rows {
        Rows::All
    }

    fn attention(&mut self, _: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.1 = Some(rows.clone());
        Ok(rows)
    }
}

/// Megabytes allocated at most while something runs, above what was before, and seconds.
fn measured(run: impl FnOnce() -> Result<()>) -> Result<(f64, f64)> {
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let begun = Instant::now();
    run()?;
    let most = MOST.load(Ordering::Relaxed) - before;
    Ok((most as f64 / 1e6, begun.elapsed().as_secs_f64()))
}

fn main() -> Result<()> {
    let counts: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let counts = if counts.is_empty() { vec![4, 8, 16] } else { counts };
    let device = Device::flex();
    let config = VggtConfig::from_json(&json!({
        "embed_dim": 32, "img_size": 518, "patch_size": 14, "num_heads": 2, "depth": 1, "tower_depth": 1
    }))?;
    let mut keys = ParamKeys::default();
    let model = Vggt::build(&mut Builder::new(&mut Random::new(1, 1), &mut keys, &device), &config)?;
    println!(
        "frames  tokens   bare, MB      s   with map, MB      s   held whole, MB   with 16 heads, MB   rows sum to 1 within"
    );
    for frames in counts {
        let shape = [1, frames, 3, ROWS * 14, COLS * 14];
        let video = Tensor::<5>::random(shape, Distribution::Uniform(0.0, 1.0), &device);
        let tokens = frames * (SPECIAL + ROWS * COLS);
        let run = |hooks: &mut Hooks<'_>| model.forward(video.clone(), &[0], hooks).map(drop);
        let (bare, bare_time) = measured(|| run(&mut Hooks::none()))?;
        let mut take = Take(vec![Site::SpatialFrames(0)], None);
        let (with_map, time) = measured(|| run(&mut Hooks::one(&mut take)))?;
        let map = take.1.map(|map| map.sum_dim(3)).map(|sums| (sums - 1.0).abs().max().into_scalar::<f32>());
        let whole = |heads: usize| (heads * tokens * tokens * size_of::<f32>()) as f64 / 1e6;
        println!(
            "{frames:6}  {tokens:6}   {bare:8.1} {bare_time:6.1}   {with_map:12.1} {time:6.1}   {:14.0}   {:17.0}   {:.0e}",
            whole(2),
            whole(16),
            map.unwrap_or(f32::NAN)
        );
    }
    Ok(())
}
