//! `tables/scaling_gallery`: which items to look at before and after.

use super::case::Case;
use crate::analysis::Table;
use crate::analysis::scoring::Rule;

/// An item under a scaling that changed its answer, or did not.
struct Row {
    design: String,
    dataset: String,
    item: String,
    /// "put right", "broken", "right before and after".
    kind: &'static str,
    operator: String,
    alpha: f64,
    before: String,
    after: String,
}

/// Of every case whose attention maps were kept: `each` items of each kind, at the alphas of its first operator that are
/// nearest to one half and to two; None where there are none.
pub fn table(cases: &[Case<'_>], each: usize) -> Option<Table> {
    let mut rows = Vec::new();
    for case in cases.iter().filter(|case| case.scalings.iter().all(|scaled| scaled.map_layer.is_some())) {
        let first = case.scalings.iter().find(|scaled| scaled.operator != "none").map(|scaled| scaled.operator);
        let of_it = |at: &usize| Some(case.scalings[*at].operator) == first;
        let nearest = |wanted: f64, beside: fn(f64) -> bool| {
            let off = |at: &usize| (case.scalings[*at].alpha - wanted).abs();
            let places = (0..case.scalings.len()).filter(of_it).filter(|at| beside(case.scalings[*at].alpha));
            places.min_by(|a, b| off(a).total_cmp(&off(b)))
        };
        let ends = [nearest(0.5, |alpha| alpha < 1.0), nearest(2.0, |alpha| alpha > 1.0)];
        for at in ends.into_iter().flatten() {
            for (kind, wanted) in
                [("put right", (false, true)), ("broken", (true, false)), ("right before and after", (true, true))]
            {
                let right = |place: usize, by: usize| case.is_right(Rule::Word, place, case.text(place, by));
                let of_kind = |place: &usize| (right(*place, 0), right(*place, at)) == wanted;
                for place in (0..case.items.len()).filter(of_kind).take(each) {
                    rows.push(Row {
                        design: case.design.into(),
                        dataset: case.dataset.into(),
                        item: case.frame.id[case.items[place]].clone(),
                        kind,
                        operator: case.scalings[at].operator.into(),
                        alpha: case.scalings[at].alpha,
                        before: case.text(place, 0).into(),
                        after: case.text(place, at).into(),
                    });
                }
            }
        }
    }
    (!rows.is_empty()).then(|| {
        Table::new()
            .text("design", rows.iter().map(|row| &row.design))
            .text("dataset", rows.iter().map(|row| &row.dataset))
            .text("item", rows.iter().map(|row| &row.item))
            .text("kind", rows.iter().map(|row| row.kind))
            .text("operator", rows.iter().map(|row| &row.operator))
            .number("alpha", rows.iter().map(|row| Some(row.alpha)))
            .text("before", rows.iter().map(|row| &row.before))
            .text("after", rows.iter().map(|row| &row.after))
    })
}
