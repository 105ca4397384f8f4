//! How much memory a model takes, and whether its weights should stay in the file.

use std::path::Path;

use bytesize::ByteSize;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::Dtype;
use super::checkpoint::{Sizes, Weights, sizes};
use super::language::LlamaConfig;
use crate::error::{Error, Result};

/// Numbers of the wide half of an MLP that are computed at once; see [`super::layers::GatedMlp`].
pub(crate) const MLP_AT_ONCE: usize = 1 << 25;
/// What the program itself takes: code, threads, frames on their way to the disk.
const PROGRAM: u64 = 120_000_000;
/// Weights may take so much of what there is, in tenths; the rest is for what they compute.
const TENTHS: u64 = 7;

/// What a checkpoint's weights take while it works, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Of one number.
    number: u64,
    /// All of them in memory.
    pub resident: u64,
    /// The language model's blocks in the file: everything else, two blocks, and a tensor on its way.
    pub streamed: u64,
}

impl Need {
    /// Computed in numbers of this type, whatever the files hold.
    pub fn of(sizes: &Sizes, dtype: Dtype) -> Self {
        let number = dtype.bytes();
        let outside = sizes.numbers - sizes.language_blocks;
        Self {
            number,
            resident: number * sizes.numbers,
            // A tensor is read and widened before it is turned into the block's.
            streamed: number * (outside + 2 * sizes.largest_language_block) + 6 * sizes.largest_language_tensor,
        }
    }

    /// Where the weights should be, with so much memory; with as much as there is, if nobody says.
    ///
    /// # Errors
    /// Weights that do not fit either way.
    pub fn placed(self, memory: Option<ByteSize>) -> Result<Weights> {
        let system = || System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::everything()));
        let there = memory
            .map_or_else(|| system().map_or(u64::MAX, |system| system.available_memory()), |memory| memory.as_u64());
        let for_weights = there / 10 * TENTHS;
        if self.resident <= for_weights {
            Ok(Weights::Resident)
        } else if self.streamed <= for_weights || memory.is_none() {
            Ok(Weights::Streamed)
        } else {
            let [needed, given] = [self.streamed * 10 / TENTHS, there].map(|bytes| ByteSize(bytes).to_string());
            Err(Error::usage(format!("the model does not fit into {given}, not even with its blocks in the file"))
                .with_help(format!("it takes about {needed}")))
        }
    }

    /// The most that a run takes at once, with weights as placed, for so many prompts of so many tokens side by side.
    pub fn peak(self, weights: Weights, text: &LlamaConfig, rows: usize) -> u64 {
        let weights = match weights {
            Weights::Resident => self.resident,
            Weights::Streamed => self.streamed,
        };
        let (width, hidden) = (rows * text.width, rows * text.hidden);
        // Attention: stream, norm, queries, keys and values. MLP: stream, norm, and gate, other half and product of the part at
        // hand. As measured by `benches/streaming`; what else arises does not live long.
        let attention = 5 * width;
        let mlp = 2 * width + 3 * hidden.min(MLP_AT_ONCE);
        PROGRAM + weights + self.number * attention.max(mlp) as u64
    }
}

/// What a folder's weights take.
///
/// # Errors
/// Weights that cannot be read.
pub fn need(folder: &Path, dtype: Dtype) -> Result<Need> {
    Ok(Need::of(&sizes(folder)?, dtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_stay_in_the_file_where_they_do_not_fit() {
        let sizes = Sizes {
            bytes: 2_000,
            dtypes: vec!["BF16".into()],
            numbers: 1_000,
            language_blocks: 800,
            largest_language_block: 100,
            largest_language_tensor: 20,
        };
        let need = Need::of(&sizes, Dtype::F32);
        assert_eq!(need, Need { number: 4, resident: 4_000, streamed: 4 * (200 + 200) + 120 });
        let placed = |bytes| need.placed(Some(ByteSize(bytes)));
        assert_eq!(placed(6_000).unwrap(), Weights::Resident);
        assert_eq!(placed(5_000).unwrap(), Weights::Streamed);
        let error = placed(2_000).unwrap_err();
        assert!(error.to_string().contains("does not fit into") && error.help().unwrap().contains("about"), "{error}");
    }
}
