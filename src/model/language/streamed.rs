//! Blocks that stay in the checkpoint's file and are brought up when their turn comes, the next one ahead of time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::LlamaConfig;
use super::llama::Block;
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Later};

/// All blocks of a decoder. At any time two of them are in memory: the one at work, and the one that a thread is reading.
/// Whoever asks for one block after the other in their order, for a whole group of items each, reads the file once a group.
#[derive(Clone)]
pub(super) struct Streamed(Arc<Blocks>);

struct Blocks {
    weights: Later,
    config: LlamaConfig,
    /// Of one block.
    parameters: usize,
    at_hand: Mutex<AtHand>,
}

#[derive(Default)]
struct AtHand {
    now: Option<(usize, Arc<Block>)>,
    coming: Option<(usize, JoinHandle<Result<Block>>)>,
}

impl Streamed {
    /// Holds every block against the file, without reading them all.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub fn new(weights: &mut Builder<'_>, later: Later, config: &LlamaConfig) -> Result<Self> {
        // What a block is made of, the first one tells.
        let (_, parts) = later.build_and_list("layers.0", |part| Block::build(part, config))?;
        for layer in 0..config.layers {
            for (name, shape) in &parts {
                weights.claim(&format!("layers.{layer}.{name}"), shape)?;
            }
        }
        let parameters = parts.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        Ok(Self(Arc::new(Blocks { weights: later, config: config.clone(), parameters, at_hand: Mutex::default() })))
    }

    /// The same blocks under another configuration.
    pub fn configured(&self, config: &LlamaConfig) -> Self {
        let (weights, parameters) = (self.0.weights.clone(), self.0.parameters);
        Self(Arc::new(Blocks { weights, config: config.clone(), parameters, at_hand: Mutex::default() }))
    }

    /// Numbers of all blocks.
    pub fn parameters(&self) -> usize {
        self.0.config.layers * self.0.parameters
    }

    /// One block; the next one is read meanwhile.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub fn block(&self, layer: usize) -> Result<Arc<Block>> {
        let mut at_hand = self.0.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, block)) = &at_hand.now
            && *at == layer
        {
            return Ok(block.clone());
        }
        // Gone before another comes, so that there are never three.
        at_hand.now = None;
        let block = match at_hand.coming.take() {
            Some((at, reading)) if at == layer => {
                reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?
            }
            other => {
                // Read for nothing: somebody went another way.
                if let Some((_, reading)) = other {
                    drop(reading.join());
                }
                self.read(layer)?
            }
        };
        let block = Arc::new(block);
        at_hand.now = Some((layer, block.clone()));
        // Behind the last comes the first, for the next group.
        let next = (layer + 1) % self.0.config.layers.max(1);
        if next != layer {
            let ahead = self.clone();
            let reading = std::thread::Builder::new().name(format!("block {next}")).spawn(move || ahead.read(next));
            let reading = reading.map_err(|error| Error::data(format!("no thread to read weights: {error}")))?;
            at_hand.coming = Some((next, reading));
        }
        Ok(block)
    }

    fn read(&self, layer: usize) -> Result<Block> {
        self.0.weights.build(&format!("layers.{layer}"), |part| Block::build(part, &self.0.config))
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocks in the file", self.0.config.layers)
    }
}
