//! What a design says; the engine does the rest.

use std::sync::Arc;

use super::arm::Arm;
use super::batch::Batch;
use super::bench::Bench;
use super::decoded::DecodedRow;
use super::lens::LensRow;
use super::prefix::Prefix;
use super::scale::ScalingRow;
use super::unit::{Prompt, Role, Unit, Units};
use crate::dataset::{Dataset, Item};
use crate::error::Result;
use crate::model::{Hook, Quirks, Site, SiteSpec};

/// Which prompts are intervened on, what other runs lend them, and how they are rewritten.
///
/// One file a design. The engine calls, in this order: [`units`](Self::units) once; [`fit`](Self::fit) once; then for each
/// batch of units [`needs`](Self::needs), [`under`](Self::under), [`arms`](Self::arms) and [`lens`](Self::lens). A resumed
/// sweep makes the same calls for the batches that are missing, so everything must follow from the study and its seed.
pub trait Design: Send + Sync {
    /// As the frames name it: "patch", "ablate", "knockout", "enhance", "erase", "lens", "scale".
    fn kind(&self) -> &'static str;

    /// The units, in a fixed order, and what had to be left out. No model runs yet.
    ///
    /// # Errors
    /// A request that this dataset or this model can never meet. What a single item cannot meet, drops that item.
    fn units(&mut self, source: &Source<'_>) -> Result<Units>;

    /// What must be learned before the sweep: means, erasers, probes. Runs once, whatever is already on disk.
    fn fit(&mut self, _bench: &Bench<'_>) -> Result<()> {
        Ok(())
    }

    /// As [`fit`](Self::fit), for a dry run: enough to know what arms there will be, from a few items.
    ///
    /// # Errors
    /// As there.
    fn sketch(&mut self, bench: &Bench<'_>) -> Result<()> {
        self.fit(bench)
    }

    /// The states that arms will read of the runs of a batch's units. The clean run's states at
    /// `lm.*.resid`, `projector.out` and `vision.*.resid` need not be asked for to restart there.
    fn needs(&self, _units: &[Unit]) -> Vec<Need> {
        Vec::new()
    }

    /// Rewrites that every run of the batch gets before anything else ("first ablate both runs like this"): of the run
    /// `role`, for all units of the batch. They must begin at `projector.out`.
    fn under(&self, _batch: &Batch<'_>, _role: Role) -> Result<Vec<Box<dyn Hook>>> {
        Ok(Vec::new())
    }

    /// The arms for the live units of a batch.
    fn arms(&self, _batch: &Batch<'_>) -> Result<Vec<Arm>> {
        Ok(Vec::new())
    }

    /// Units of the batch for which some arms could not be made, and why: an empty group, groups of different size.
    fn missing(&self, _batch: &Batch<'_>) -> Result<Vec<(usize, String)>> {
        Ok(Vec::new())
    }

    /// Units of the batch that cannot be used at all, and why, known once every run is ready and before any arm is made.
    fn unusable(&self, _batch: &Batch<'_>) -> Result<Vec<(usize, String)>> {
        Ok(Vec::new())
    }

    /// Readings of the unchanged runs, for the lens frame.
    fn lens(&self, _batch: &Batch<'_>) -> Result<Vec<LensRow>> {
        Ok(Vec::new())
    }

    /// Answers of the clean prompts with their attention scaled, for the scaling frame.
    fn scaling(&self, _prefix: &Prefix<'_>) -> Result<Vec<ScalingRow>> {
        Ok(Vec::new())
    }

    /// Whether [`scaling`](Self::scaling) returns anything, so that there is such a frame.
    fn scales(&self) -> bool {
        false
    }

    /// How the model is to compute, if not as the checkpoint says.
    fn quirks(&self) -> Option<Quirks> {
        None
    }

    /// What fresh readers find after a rewrite, for the decoded frame; there once [`fit`](Self::fit) is through.
    fn decoded(&self) -> &[DecodedRow] {
        &[]
    }

    /// Whether [`decoded`](Self::decoded) returns anything, so that there is such a frame.
    fn decodes(&self) -> bool {
        false
    }

    /// Whether [`lens`](Self::lens) returns anything, so that there is a lens frame.
    fn reads(&self) -> bool {
        false
    }

    /// Whether only units that the model gets right on both sides become arms.
    fn golden(&self) -> bool {
        false
    }
}

/// What a design chooses its units from.
pub struct Source<'a> {
    pub dataset: &'a dyn Dataset,
    /// The items that the study takes, of this intervention's dataset.
    pub items: &'a [Item],
    /// Units at most.
    pub limit: Option<usize>,
    /// The model's sites, in the order of the walk.
    pub sites: &'a [SiteSpec],
    pub seed: u64,
}

/// States of one run that arms will read.
#[derive(Clone, Debug)]
pub struct Need {
    pub role: Role,
    pub sites: Vec<Site>,
    /// Which positions; what no unit of the batch names is not kept.
    pub places: Places,
}

/// Positions to keep of a run, as indices along the token axis of the site.
#[derive(Clone)]
pub enum Places {
    Everywhere,
    /// Of each unit's run, in the site's own numbering; see [`super::Region::at`].
    Of(Arc<Placing>),
}

/// From a prompt and a site to positions.
pub type Placing = dyn Fn(&Prompt, Site) -> Vec<usize> + Send + Sync;

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Everywhere => "Everywhere",
            Self::Of(_) => "Of(..)",
        })
    }
}
