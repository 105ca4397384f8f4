//! The rows of the tables of interventions, as figures and report read them.

use std::path::Path;

use super::super::table::{self, Estimate, Table};
use crate::error::Result;
use crate::processor::Patch;

/// `tables/effects`: one measure of one intervention at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The study's name of the intervention.
    pub design: String,
    /// patch, ablate, knockout, enhance, erase.
    pub kind: String,
    pub arm: String,
    pub direction: String,
    pub site: String,
    /// −1 where the site has none.
    pub slot: i64,
    /// Slots or layers covered.
    pub window: i64,
    pub group: String,
    pub edge: String,
    /// None in an enhancement: chosen on other images.
    pub dose: Option<f64>,
    pub basis: String,
    /// "none": the real thing.
    pub control: String,
    pub stratum: String,
    pub measure: String,
    pub value: Option<Estimate>,
    pub n: i64,
    pub images: i64,
    /// The middle 90 % of the null draws.
    pub null: Option<(f64, f64)>,
    pub null_draws: i64,
    pub p_null: Option<f64>,
    pub p_mcnemar: Option<f64>,
}

impl Measured {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        Self::rows(&Table::open(run, "effects")?)
    }

    pub fn rows(table: &Table) -> Result<Vec<Self>> {
        let texts = ["design", "kind", "arm", "pair_direction", "site", "group", "edge", "basis", "control"];
        let [design, kind, arm, direction, site, group, edge, basis, control] = texts.map(|name| table.names(name));
        let (design, kind, arm, direction, site) = (design?, kind?, arm?, direction?, site?);
        let (group, edge, basis, control) = (group?, edge?, basis?, control?);
        let (stratum, measure) = (table.names("stratum")?, table.names("measure")?);
        let (slot, window, dose) = (table.integers("slot")?, table.integers("window")?, table.numbers("dose")?);
        let value = table.estimates("value", "ci_lo", "ci_hi")?;
        let (n, images) = (table.integers("n")?, table.integers("images")?);
        let (null, null_draws) = (table.ranges("null_lo", "null_hi")?, table.integers("null_draws")?);
        let (p_null, p_mcnemar) = (table.numbers("p_null")?, table.numbers("p_mcnemar")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            kind: kind[i].clone(),
            arm: arm[i].clone(),
            direction: direction[i].clone(),
            site: site[i].clone(),
            slot: slot[i],
            window: window[i],
            group: group[i].clone(),
            edge: edge[i].clone(),
            dose: dose[i],
            basis: basis[i].clone(),
            control: control[i].clone(),
            stratum: stratum[i].clone(),
            measure: measure[i].clone(),
            value: value[i],
            n: n[i],
            images: images[i],
            null: null[i],
            null_draws: null_draws[i],
            p_null: p_null[i],
            p_mcnemar: p_mcnemar[i],
        };
        Ok((0..table.height()).map(row).collect())
    }

    /// Whether two rows are about the same intervention, control and items, whatever they measure.
    pub fn same(&self, other: &Self) -> bool {
        let key = |of: &Self| (of.slot, of.window, of.dose.map(f64::to_bits));
        let texts = |of: &'_ Self| {
            [&of.design, &of.arm, &of.direction, &of.site, &of.group, &of.edge, &of.basis, &of.control, &of.stratum]
                .map(String::clone)
        };
        key(self) == key(other) && texts(self) == texts(other)
    }
}

/// `tables/effect_profiles`: where along the slots of the language model an effect sets in and is handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Turned {
    pub design: String,
    pub arm: String,
    pub direction: String,
    pub window: i64,
    pub group: String,
    pub control: String,
    pub onset: Option<Estimate>,
    pub handover: Option<Estimate>,
}

impl Turned {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "effect_profiles")?;
        let [design, arm, direction, group, control] =
            ["design", "arm", "pair_direction", "group", "control"].map(|name| table.names(name));
        let (design, arm, direction, group, control) = (design?, arm?, direction?, group?, control?);
        let window = table.integers("window")?;
        let onset = table.estimates("onset", "onset_lo", "onset_hi")?;
        let handover = table.estimates("handover", "handover_lo", "handover_hi")?;
        let row = |i: usize| Self {
            design: design[i].clone(),
            arm: arm[i].clone(),
            direction: direction[i].clone(),
            window: window[i],
            group: group[i].clone(),
            control: control[i].clone(),
            onset: onset[i],
            handover: handover[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/golden`: how many units there were, and what became of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    pub design: String,
    pub kind: String,
    pub direction: String,
    /// units, right clean, right cf, golden, used, dropped, partly.
    pub what: String,
    pub reason: String,
    pub n: i64,
    pub of: i64,
    pub share: Option<Estimate>,
}

impl Counted {
    /// None where the table is missing.
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        if !table::exists(run, "golden") {
            return Ok(Vec::new());
        }
        let table = Table::open(run, "golden")?;
        let (design, kind, direction) = (table.names("design")?, table.names("kind")?, table.names("pair_direction")?);
        let (what, reason) = (table.names("what")?, table.names("reason")?);
        let (n, of, share) = (table.integers("n")?, table.integers("of")?, table.estimates("share", "ci_lo", "ci_hi")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            kind: kind[i].clone(),
            direction: direction[i].clone(),
            what: what[i].clone(),
            reason: reason[i].clone(),
            n: n[i],
            of: of[i],
            share: share[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/claims`: what the interventions allow to conclude, by a rule that was fixed beforehand.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub claim: String,
    /// The claim in words.
    pub says: String,
    pub test: String,
    pub number: Option<Estimate>,
    pub control: String,
    /// supported, refuted, undecided.
    pub verdict: String,
    pub reason: String,
}

impl Judged {
    /// None where the table is missing.
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        if !table::exists(run, "claims") {
            return Ok(Vec::new());
        }
        let table = Table::open(run, "claims")?;
        let [claim, says, test, control, verdict, reason] =
            ["claim", "says", "test", "control", "verdict", "reason"].map(|name| table.names(name));
        let (claim, says, test, control, verdict, reason) = (claim?, says?, test?, control?, verdict?, reason?);
        let number = table.estimates("number", "ci_lo", "ci_hi")?;
        let row = |i: usize| Self {
            claim: claim[i].clone(),
            says: says[i].clone(),
            test: test[i].clone(),
            number: number[i],
            control: control[i].clone(),
            verdict: verdict[i].clone(),
            reason: reason[i].clone(),
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/decoded`: what a fresh reader finds after a concept was erased.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    pub design: String,
    /// Where, from which tokens and how it was erased; "none" where nothing was.
    pub site: String,
    pub group: String,
    pub arm: String,
    pub concept: String,
    pub read_site: String,
    /// "linear" or "mlp".
    pub reader: String,
    pub accuracy: Option<Estimate>,
    pub chance: Option<f64>,
    pub n: i64,
    pub images: i64,
}

impl Decoded {
    /// None where the table is missing.
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        if !table::exists(run, "decoded") {
            return Ok(Vec::new());
        }
        let table = Table::open(run, "decoded")?;
        let [design, site, group, arm, concept, read_site, reader] =
            ["design", "site", "group", "arm", "concept", "read_site", "reader"].map(|name| table.names(name));
        let (design, site, group, arm) = (design?, site?, group?, arm?);
        let (concept, read_site, reader) = (concept?, read_site?, reader?);
        let (accuracy, chance) = (table.estimates("accuracy", "ci_lo", "ci_hi")?, table.numbers("chance")?);
        let (n, images) = (table.integers("n")?, table.integers("images")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            site: site[i].clone(),
            group: group[i].clone(),
            arm: arm[i].clone(),
            concept: concept[i].clone(),
            read_site: read_site[i].clone(),
            reader: reader[i].clone(),
            accuracy: accuracy[i],
            chance: chance[i],
            n: n[i],
            images: images[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/lens`: what states would answer, by slot.
#[derive(Clone, Debug, PartialEq)]
pub struct LensRow {
    pub variant: String,
    /// last, word_1, image.
    pub position: String,
    /// −1 where the measure is about all slots.
    pub slot: i64,
    /// all, answer=right, answer=wrong.
    pub stratum: String,
    pub measure: String,
    pub value: Option<Estimate>,
    pub n: i64,
}

impl LensRow {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "lens")?;
        let [variant, position, stratum, measure] =
            ["variant", "pos_kind", "stratum", "measure"].map(|name| table.names(name));
        let (variant, position, stratum, measure) = (variant?, position?, stratum?, measure?);
        let (slot, n) = (table.integers("slot")?, table.integers("n")?);
        let value = table.estimates("value", "ci_lo", "ci_hi")?;
        let row = |i: usize| Self {
            variant: variant[i].clone(),
            position: position[i].clone(),
            slot: slot[i],
            stratum: stratum[i].clone(),
            measure: measure[i].clone(),
            value: value[i],
            n: n[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/lens_map`: what an image token favours.
#[derive(Clone, Debug, PartialEq)]
pub struct LensCell {
    pub variant: String,
    pub slot: i64,
    pub patch: Patch,
    pub class: String,
    /// all, or correct: only items whose right answer the class is.
    pub stratum: String,
    /// Of the options alone.
    pub share: Option<Estimate>,
    pub n: i64,
}

impl LensCell {
    /// None where the table is missing.
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        if !table::exists(run, "lens_map") {
            return Ok(Vec::new());
        }
        let table = Table::open(run, "lens_map")?;
        let (variant, class, stratum) = (table.names("variant")?, table.names("class")?, table.names("stratum")?);
        let (slot, n) = (table.integers("slot")?, table.integers("n")?);
        let (rows, cols) = (table.integers("cell_row")?, table.integers("cell_col")?);
        let share = table.estimates("share", "share_lo", "share_hi")?;
        let row = |i: usize| Self {
            variant: variant[i].clone(),
            slot: slot[i],
            patch: Patch { row: rows[i].max(0) as usize, col: cols[i].max(0) as usize },
            class: class[i].clone(),
            stratum: stratum[i].clone(),
            share: share[i],
            n: n[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}
