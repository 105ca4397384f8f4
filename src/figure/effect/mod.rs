//! Figures of interventions: what the answer became when states were rewritten on their way.
//!
//! | file | what it shows |
//! |---|---|
//! | [`answers`] | the probability of each answer by depth, under a patch |
//! | [`shift`] | how far a patch moves the answer: every group over depth, and slot by group |
//! | [`tokens`] | the same where the language model begins, against how many tokens were put in |
//! | [`heads`] | single heads, layer by head |
//! | [`factorial`] | objects crossed with backgrounds |
//! | [`ablation`] | accuracy by what tokens are replaced with, and which |
//! | [`knockout`] | what cutting an edge of attention costs, by layer |
//! | [`enhance`] | net, fixed and broken by dose, beside random directions |
//! | [`erase`] | accuracy by where and what is erased, beside random subspaces |
//! | [`decoded`] | what fresh readers find of a concept after it was erased |
//! | [`dissociation`] | the same concepts erased under different questions |
//! | [`lens`] | what states would answer, by slot and by image token |
//! | [`claims`] | every claim with its number and what was decided |
//!
//! [`pick`] narrows the rows of `tables/effects`; [`depth`] puts sites on the axis of the probes' figures; [`style`] gives a
//! group of tokens the same colour everywhere.

pub mod ablation;
pub mod answers;
pub mod claims;
pub mod conclusion;
pub mod decoded;
pub mod depth;
pub mod dissociation;
pub mod enhance;
pub mod erase;
pub mod factorial;
pub mod heads;
pub mod knockout;
pub mod lens;
pub mod pick;
pub mod rows;
pub mod shift;
pub mod style;
pub mod tokens;
pub mod wording;

use super::{Figure, Undrawn};
use pick::Pick;
use rows::{Counted, Turned};

#[cfg(test)]
pub(crate) mod synthetic;

/// Slots that the map of image tokens shows at most.
const MAPS: usize = 8;

type Drawing = Result<Figure, Undrawn>;

/// Of every patching design, in the order of the study.
pub fn patching(rows: &Pick, profiles: &[Turned], counts: &[Counted]) -> Vec<Drawing> {
    let all = rows.kind("patch");
    let of = |design: &str| {
        let own = all.design(design);
        let drawn = [
            shift::figure(&own, profiles, counts),
            tokens::figure(&own, counts),
            answers::figure(&own, counts),
            heads::figure(&own, counts),
        ];
        drawn.into_iter().flatten().collect::<Vec<_>>()
    };
    all.designs().into_iter().flat_map(of).collect()
}

/// Of every ablation of tokens, but for those of the addends of image tokens, which have a figure of their own.
pub fn ablations(rows: &Pick, counts: &[Counted]) -> Vec<Drawing> {
    let all = rows.kind("ablate").without_addends();
    let of = |design: &str| {
        let own = all.design(design);
        [factorial::figure(&own, counts), ablation::figure(&own, counts)].into_iter().flatten().collect::<Vec<_>>()
    };
    all.designs().into_iter().flat_map(of).collect()
}

/// Of every knockout of attention.
pub fn knockouts(rows: &Pick, counts: &[Counted]) -> Vec<Drawing> {
    let all = rows.kind("knockout");
    all.designs().into_iter().filter_map(|design| knockout::figure(&all.design(design), counts)).collect()
}

/// Of every enhancement.
pub fn enhancements(rows: &Pick, counts: &[Counted]) -> Vec<Drawing> {
    let all = rows.kind("enhance");
    all.designs().into_iter().flat_map(|design| enhance::figures(&all.design(design), counts)).collect()
}

/// Of every erasure.
pub fn erasures(rows: &Pick, counts: &[Counted]) -> Vec<Drawing> {
    let all = rows.kind("erase");
    let own = all.designs().into_iter().flat_map(|design| erase::figures(&all.design(design), counts));
    own.chain(dissociation::figure(&all.real())).collect()
}

/// Of the logit lens.
pub fn lenses(rows: &[rows::LensRow], cells: &[rows::LensCell]) -> Vec<Drawing> {
    std::iter::once(lens::profile(rows)).chain(lens::map(cells, MAPS)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Surround;
    use super::super::tests::{files_are_sound, well_formed};
    use super::super::{Figure, svg};
    use super::rows::{Decoded, Judged, LensCell, LensRow, Measured};
    use super::synthetic::{LARGE, SMALL, Shape, TINY};
    use super::*;

    fn drawn(run: &Path, shape: Shape) -> Vec<Figure> {
        synthetic::write(run, shape);
        let rows = Measured::read(run).unwrap();
        let (all, counts) = (Pick::all(&rows), Counted::read(run).unwrap());
        let mut drawings = vec![claims::figure(&Judged::read(run).unwrap())];
        drawings.extend(patching(&all, &Turned::read(run).unwrap(), &counts));
        drawings.extend(ablations(&all, &counts));
        drawings.extend(knockouts(&all, &counts));
        drawings.extend(enhancements(&all, &counts));
        drawings.extend(erasures(&all, &counts));
        drawings.extend(decoded::figures(&Decoded::read(run).unwrap()));
        drawings.extend(lenses(&LensRow::read(run).unwrap(), &LensCell::read(run).unwrap()));
        drawings.into_iter().map(|drawing| drawing.unwrap()).collect()
    }

    #[test]
    fn every_design_has_the_figures_of_its_kind() {
        let run = tempfile::tempdir().unwrap();
        let figures = drawn(run.path(), SMALL);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "claims",
                "patch-cross-shift",
                "patch-cross-tokens",
                "patch-cross-answers",
                "patch-resample-answers",
                "patch-last-shift",
                "patch-last-answers",
                "patch-windows-shift",
                "patch-windows-answers",
                "patch-heads-heads",
                "ablate-ablation-groups",
                "ablate-factorial-factorial",
                "knockout-knockout",
                "enhance-gain-doses",
                "enhance-gain-relations",
                "enhance-operators-doses",
                "enhance-operators-compared",
                "enhance-scopes-doses",
                "enhance-scopes-compared",
                "erase-sites-depth",
                "erase-methods-concepts",
                "erase-sites-decoded",
                "lens-slots",
                "lens-map",
            ]
        );
    }

    #[test]
    fn files_are_not_blank_and_the_same_every_time() {
        let run = tempfile::tempdir().unwrap();
        for figure in drawn(run.path(), SMALL) {
            files_are_sound(&figure, run.path());
            well_formed(&svg::encode(&figure.canvas(Surround::Captioned), &figure.title).unwrap());
        }
    }

    #[test]
    fn captions_give_n_hit_rate_and_a_conclusion_from_the_numbers() {
        let run = tempfile::tempdir().unwrap();
        let figures = drawn(run.path(), SMALL);
        let caption = |name: &str| {
            let figure = figures.iter().find(|figure| figure.name == name);
            figure.unwrap_or_else(|| panic!("no {name}")).caption.clone()
        };
        let says = |name: &str, part: &str| assert!(caption(name).contains(part), "{name}: {}", caption(name));
        says("patch-cross-shift", "n = 180 units on 90 images");
        says("patch-cross-shift", "Golden pairs: 180 of 200 (0.90, 0.85 to 0.93)");
        says("patch-cross-shift", "whole image from slot 0 (0 to 0), below it again at 5 (4 to 5)");
        says("patch-cross-tokens", "this refutes that background near the objects carries more");
        says("ablate-factorial-factorial", "Context: 0.25 of the accuracy (0.96 less 0.71); place: 0.30");
        says("ablate-ablation-groups", "objects and random background are not told apart");
        says("knockout-knockout", "most by whole image → last token (layers 2 to 4: −0.80 (−0.84 to −0.76))");
        says("enhance-gain-doses", "At the dose chosen on other images the net change is 0.06 (0.02 to 0.10)");
        says("enhance-gain-doses", "Of 2 negative doses 1 hurt.");
        says("erase-methods-concepts", "12 of 12 erasures cost accuracy beyond random subspaces");
        says("erase-sites-decoded", "at projector.out a linear reader finds 0.50 (0.47 to 0.53) (before 0.90");
        says(
            "lens-slots",
            "At the last token the right answer leads from slot 2 on; it stands better than over a blank image from slot 0 on",
        );
        says("claims", "Supported: C3 and C4. Refuted: C2. Undecided: C5 and C6.");
    }

    #[test]
    fn doses_stand_in_order_and_the_chosen_one_last() {
        let run = tempfile::tempdir().unwrap();
        let figures = drawn(run.path(), SMALL);
        let doses = figures.iter().find(|figure| figure.name == "enhance-gain-doses").unwrap();
        let canvas = doses.canvas(Surround::Bare);
        let at = |label: &str| canvas.texts().find(|text| text.content == label).map(|text| text.at.0).unwrap();
        let order = ["−4", "−1", "0.5", "1", "4", "*"].map(at);
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn deep_and_tiny_models_are_drawn() {
        for shape in [LARGE, TINY] {
            let run = tempfile::tempdir().unwrap();
            assert!(!drawn(run.path(), shape).is_empty(), "{shape:?}");
        }
    }
}
