//! What the interventions support, by rules fixed beforehand: `tables/claims`.
//!
//! | claim | supported if | refuted if |
//! |---|---|---|
//! | C2 layout is spread over the background | patching strips without their objects shifts by half or more, and more than as many random background tokens | with its whole interval it shifts by less, while objects or rings shift by half |
//! | C3 the language model uses the vision side's layout directly | strips shift by half or more where its stack begins, and another pair's states do not | strips shift by less than half there and by more later |
//! | C4 the language model has a code of its own | with places ablated, accuracy stays above chance, and objects then shift by half at some later slot, not at the first | no slot does, or accuracy is at chance |
//! | C5 that code is secondary | the ablation removes more than half of what is above chance, and erasing places costs less at every slot of the language model than after the projector | less than half, or more at some slot |
//! | C6 enhancing the layout helps | net accuracy rises, above 95 % of random directions of equal size, fixing more than it breaks, and by more than enhancing the objects' tokens alone | net accuracy rises by less than a hundredth |
//!
//! Each with whole 95 % intervals; what lies between is undecided. C1 and the probes' half of C2 are in `tables/probe_claims`.

use super::Row;
use crate::analysis::Table;
use crate::analysis::condition::{Condition, Verdict, weigh};
use crate::stats::Interval;

/// A shift that counts.
const HALF: f64 = 0.5;
/// A rise of accuracy that is too small to count.
const HUNDREDTH: f64 = 0.01;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub claim: &'static str,
    /// The claim in words.
    pub says: &'static str,
    /// What was measured for it.
    pub test: String,
    pub number: Option<f64>,
    pub interval: Option<Interval>,
    pub control: String,
    pub verdict: Verdict,
    pub reason: String,
}

/// Every claim that the rows bear on.
pub fn claims(rows: &[Row]) -> Vec<Claim> {
    let rows = Measured { rows };
    [spread(&rows), direct(&rows), backup(&rows), secondary(&rows), helps(&rows)].into_iter().flatten().collect()
}

/// The rows of the whole, in the order of the table.
struct Measured<'a> {
    rows: &'a [Row],
}

impl<'a> Measured<'a> {
    fn all(&self, kind: &str, arm: &str, measure: &str) -> impl Iterator<Item = &'a Row> {
        let (kind, arm, measure) = (kind.to_owned(), arm.to_owned(), measure.to_owned());
        self.rows.iter().filter(move |row| {
            row.stratum == "all"
                && row.key.kind == kind
                && row.key.arm == arm
                && row.measure == measure
                && row.key.window == 1
                && row.key.pair_direction != "cf<-clean"
        })
    }

    /// The shift by a patch of a group where the language model begins.
    fn first(&self, arm: &str, group: &str, control: &str) -> Option<&'a Row> {
        self.all("patch", arm, "shift")
            .find(|row| row.key.site == "lm.0.resid" && row.key.group == group && row.key.control == control)
    }

    /// The largest shift at a later slot.
    fn later(&self, arm: &str, group: &str) -> Option<&'a Row> {
        self.all("patch", arm, "shift")
            .filter(|row| {
                row.key.site.starts_with("lm.") && row.key.slot > 0 && row.key.group == group && row.key.is_real()
            })
            .max_by(|one, other| value(one).total_cmp(&value(other)))
    }

    /// What erasing places costs after the projector, and where in the language model it costs most.
    fn erased(&self) -> (Option<&'a Row>, Option<&'a Row>) {
        let nets = || {
            let nets = self.all("erase", "leace", "net");
            nets.filter(|row| row.key.is_real() && row.key.basis == "slot" && row.key.group == "image")
        };
        let after_projector = nets().find(|row| row.key.site == "projector.out");
        let inside = nets().filter(|row| row.key.site.starts_with("lm.") && row.key.slot > 0);
        (after_projector, inside.min_by(|one, other| value(one).total_cmp(&value(other))))
    }

    fn factorial(&self, group: &str, measure: &str) -> Option<&'a Row> {
        self.all("ablate", "factorial", measure).find(|row| row.key.group == group)
    }
}

fn value(row: &Row) -> f64 {
    row.estimate.value.unwrap_or(f64::NEG_INFINITY)
}

fn above(row: Option<&Row>, level: f64, what: &str) -> Option<Condition> {
    let row = row?;
    let condition = Condition::above(row.estimate.value, row.estimate.interval, level, what)?;
    // What is measured against a level fails below that level, no sooner.
    Some(Condition { fails_below: 0.0, ..condition })
}

/// The same, turned round.
fn below(row: Option<&Row>, level: f64, what: &str) -> Option<Condition> {
    let condition = above(row, level, what)?;
    let Interval { lo, hi } = condition.interval;
    Some(Condition { value: -condition.value, interval: Interval { lo: -hi, hi: -lo }, ..condition })
}

/// How far one row lies above another: they are paired, but the interval takes them for independent, which is wider.
fn beyond(row: Option<&Row>, other: Option<&Row>, what: &str) -> Option<Condition> {
    let (row, other) = (row?, other?);
    let (one, two) = (row.estimate.interval?, other.estimate.interval?);
    let (low, high) = (row.estimate.value? - one.lo, one.hi - row.estimate.value?);
    let (lower, higher) = (other.estimate.value? - two.lo, two.hi - other.estimate.value?);
    let value = row.estimate.value? - other.estimate.value?;
    let interval = Interval { lo: value - low.hypot(higher), hi: value + high.hypot(lower) };
    Some(Condition { what: what.into(), value, interval, fails_below: 0.0 })
}

/// Weighs what is there; says what is not.
fn judged(
    claim: (&'static str, &'static str),
    test: &str,
    shown: Option<&Row>,
    control: &str,
    conditions: Vec<(Option<Condition>, &'static str)>,
) -> Option<Claim> {
    let shown = shown?;
    let missing: Vec<&str> = conditions.iter().filter(|(one, _)| one.is_none()).map(|(_, what)| *what).collect();
    let there: Vec<Condition> = conditions.into_iter().filter_map(|(one, _)| one).collect();
    let (verdict, reason) = weigh(&there, &missing);
    Some(Claim {
        claim: claim.0,
        says: claim.1,
        test: test.into(),
        number: shown.estimate.value,
        interval: shown.estimate.interval,
        control: control.into(),
        verdict,
        reason,
    })
}

fn spread(rows: &Measured) -> Option<Claim> {
    let strips = rows.first("cross", "strip_minus_object", "none");
    let random = rows.first("cross", "random_as_strip", "none").or(rows.first("cross", "random_background", "none"));
    let objects = ["object", "ring_1"].map(|group| rows.first("cross", group, "none"));
    let claim = judged(
        ("C2", "layout is spread over the background"),
        "cross patch of the strips without their objects at lm.0.resid: shift",
        strips,
        "as many random background tokens",
        vec![
            (above(strips, HALF, "shift above one half"), "the strips' shift"),
            (beyond(strips, random, "shift beyond random background tokens"), "random background tokens"),
        ],
    )?;
    // Strips that do too little refute the claim only where something smaller does enough.
    let enough = objects.into_iter().any(|row| above(row, HALF, "").is_some_and(|one| one.interval.lo > 0.0));
    let verdict = if claim.verdict == Verdict::Refuted && !enough { Verdict::Undecided } else { claim.verdict };
    Some(Claim { verdict, ..claim })
}

fn direct(rows: &Measured) -> Option<Claim> {
    let strips = rows.first("cross", "strip", "none");
    let other = rows.first("cross", "strip", "other_item");
    let later = above(rows.later("cross", "strip"), HALF, "");
    let claim = judged(
        ("C3", "the language model uses the vision side's layout directly"),
        "cross patch of the strips at lm.0.resid: shift",
        strips,
        "another pair's states",
        vec![
            (above(strips, HALF, "shift above one half"), "the strips' shift"),
            (beyond(strips, other, "shift beyond another pair's states"), "another pair's states"),
        ],
    )?;
    let only_later = later.is_some_and(|later| later.interval.lo > 0.0);
    let verdict = if claim.verdict == Verdict::Refuted && !only_later { Verdict::Undecided } else { claim.verdict };
    Some(Claim { verdict, ..claim })
}

/// The arm of patching while places are ablated.
pub const UNDER: &str = "cross under reference";

fn backup(rows: &Measured) -> Option<Claim> {
    let left = rows.factorial("middle+blank", "above_chance");
    let (first, later) = (rows.first(UNDER, "object", "none"), rows.later(UNDER, "object"));
    judged(
        ("C4", "the language model has a code of its own"),
        "accuracy above chance with every object alone in the middle on a blank background",
        left,
        "chance; exchange at the first slot",
        vec![
            (above(left, 0.0, "accuracy above chance"), "the ablation's accuracy"),
            (
                above(later, HALF, "objects, places ablated, shift above one half at a later slot"),
                "objects at later slots",
            ),
            (below(first, HALF, "and below it at the first"), "objects at the first slot"),
        ],
    )
}

fn secondary(rows: &Measured) -> Option<Claim> {
    let removed = rows.factorial("middle+blank", "share_removed");
    let (after_projector, inside) = rows.erased();
    let what = inside.map_or(String::new(), |row| {
        format!("accuracy with places erased at {}, where it costs most, beyond that at projector.out", row.key.site)
    });
    judged(
        ("C5", "the language model's own code is secondary"),
        "share of the accuracy above chance that the same ablation removes",
        removed,
        "one half; erasure after the projector",
        vec![
            (above(removed, HALF, "share removed above one half"), "the ablation's accuracy"),
            (beyond(inside, after_projector, &what), "erasure after the projector and in the language model"),
        ],
    )
}

fn helps(rows: &Measured) -> Option<Claim> {
    let of = |measure: &'static str| {
        rows.rows.iter().filter(move |row| {
            row.stratum == "all" && row.key.kind == "enhance" && row.measure == measure && row.key.is_real()
        })
    };
    // The dose was chosen on other images; see `doses`.
    let chosen = |row: &&Row| row.key.dose().is_none() && row.key.group == "image" && row.null.is_some();
    let net = of("net").find(chosen)?;
    let same = |row: &&Row| row.key == net.key;
    let p = net.null.and_then(|null| null.p);
    let rises = above(Some(net), 0.0, "net accuracy").map(|rises| Condition { fails_below: HUNDREDTH, ..rises });
    // The same operator, directions and place, at the objects' tokens alone; in whatever intervention of the study.
    let objects = of("net").find(|row| {
        let (one, other) = (&row.key, &net.key);
        one.dose().is_none()
            && one.group == "object"
            && (&one.arm, &one.basis, &one.site) == (&other.arm, &other.basis, &other.site)
    });
    let beyond_objects = beyond(Some(net), objects, "net accuracy beyond objects' tokens alone");
    let claim = judged(
        ("C6", "enhancing the layout helps"),
        &format!("`{}`: net accuracy over all items, dose chosen on other images", net.key.design),
        Some(net),
        "random directions of equal size; objects' tokens alone",
        vec![(rises, "the net accuracy")],
    )?;
    let (fixed, broken) = (of("fixed").find(same), of("broken").find(same));
    let more_fixed = fixed.zip(broken).is_some_and(|(fixed, broken)| value(fixed) > value(broken));
    let beats = p.is_some_and(|p| p < 0.05);
    let wider = beyond_objects.as_ref().is_some_and(|one| one.interval.lo > 0.0);
    let verdict = match claim.verdict {
        Verdict::Supported if !(beats && more_fixed && wider) => Verdict::Undecided,
        verdict => verdict,
    };
    let null = p.map_or("no random directions".to_owned(), |p| format!("p against random directions {p:.3}"));
    let scope = beyond_objects.map_or("objects' tokens alone were not tried".to_owned(), |one| one.says());
    Some(Claim { verdict, reason: format!("{}; {null}; {scope}", claim.reason), ..claim })
}

/// `tables/claims`.
pub fn table(claims: &[Claim]) -> Table {
    Table::new()
        .text("claim", claims.iter().map(|claim| claim.claim))
        .text("says", claims.iter().map(|claim| claim.says))
        .text("test", claims.iter().map(|claim| &claim.test))
        .number("number", claims.iter().map(|claim| claim.number))
        .interval("ci_", claims.iter().map(|claim| claim.interval))
        .text("control", claims.iter().map(|claim| &claim.control))
        .text("verdict", claims.iter().map(|claim| claim.verdict.name()))
        .text("reason", claims.iter().map(|claim| &claim.reason))
}

#[cfg(test)]
mod tests {
    use super::super::{Estimate, Null};
    use super::*;
    use crate::analysis::frames::Key;

    fn row(kind: &str, group: &str, control: &str, slot: i16, measure: &'static str, (value, half): (f64, f64)) -> Row {
        let key = Key { site: format!("lm.{slot}.resid"), slot, ..Key::example(kind, group, control) };
        let interval = Some(Interval { lo: value - half, hi: value + half });
        let estimate = Estimate { value: Some(value), interval, n: 100, images: 50, undefined: 0 };
        Row { key, stratum: "all".into(), measure, estimate, null: None, p_mcnemar: None }
    }

    fn shift(group: &str, control: &str, slot: i16, value: f64) -> Row {
        row("patch", group, control, slot, "shift", (value, 0.05))
    }

    fn verdict(rows: &[Row], claim: &str) -> Option<Verdict> {
        claims(rows).into_iter().find(|one| one.claim == claim).map(|one| one.verdict)
    }

    #[test]
    fn strips_decide_direct_use() {
        let world = |first: f64, later: f64, other: f64| {
            let rows = [
                shift("strip", "none", 0, first),
                shift("strip", "none", 3, later),
                shift("strip", "other_item", 0, other),
            ];
            verdict(&rows, "C3")
        };
        assert_eq!(world(0.9, 0.9, 0.0), Some(Verdict::Supported));
        assert_eq!(world(0.52, 0.9, 0.0), Some(Verdict::Undecided), "its interval reaches below one half");
        assert_eq!(world(0.2, 0.9, 0.0), Some(Verdict::Refuted), "only later");
        assert_eq!(world(0.2, 0.2, 0.0), Some(Verdict::Undecided), "nowhere");
        assert_eq!(verdict(&[shift("object", "none", 0, 0.9)], "C3"), None, "nothing was measured for it");
    }

    #[test]
    fn the_background_must_do_it_without_the_objects_and_beyond_random_tokens() {
        let world = |strips: f64, objects: f64, random: f64| {
            let of = |group, value| shift(group, "none", 0, value);
            verdict(&[of("strip_minus_object", strips), of("object", objects), of("random_as_strip", random)], "C2")
        };
        assert_eq!(world(0.8, 0.2, 0.1), Some(Verdict::Supported));
        assert_eq!(world(0.8, 0.2, 0.78), Some(Verdict::Undecided), "random tokens do as much");
        assert_eq!(world(0.2, 0.8, 0.1), Some(Verdict::Refuted));
        assert_eq!(world(0.2, 0.2, 0.1), Some(Verdict::Undecided), "nothing does it");
    }

    #[test]
    fn the_own_code_is_secondary_where_the_ablation_takes_most_and_erasing_it_costs_less() {
        let world = |removed: f64, inside: Option<f64>| {
            let erased = |site: &str, slot: i16, net: f64| {
                let mut row = row("erase", "image", "none", slot, "net", (net, 0.03));
                (row.key.arm, row.key.basis, row.key.site) = ("leace".into(), "slot".into(), site.into());
                row
            };
            let mut share = row("ablate", "middle+blank", "none", 0, "share_removed", (removed, 0.05));
            share.key.arm = "factorial".into();
            let mut rows = vec![share, erased("projector.out", -1, -0.4)];
            rows.extend(inside.map(|net| erased("lm.3.resid", 3, net)));
            rows.extend(inside.map(|_| erased("lm.4.resid", 4, -0.02)));
            verdict(&rows, "C5")
        };
        assert_eq!(world(0.8, Some(-0.1)), Some(Verdict::Supported));
        assert_eq!(world(0.8, Some(-0.6)), Some(Verdict::Refuted), "the dearest slot counts");
        assert_eq!(world(0.1, Some(-0.1)), Some(Verdict::Refuted));
        assert_eq!(world(0.8, Some(-0.38)), Some(Verdict::Undecided));
        assert_eq!(world(0.8, None), Some(Verdict::Undecided), "nothing was erased in the language model");
    }

    #[test]
    fn enhancement_must_beat_random_directions_breaks_and_the_objects_alone() {
        let world = |net: (f64, f64), p: f64, objects: Option<(f64, f64)>| {
            let of = |group, measure, value| row("enhance", group, "none", 0, measure, value);
            let null = Some(Null { range: Interval { lo: -0.01, hi: 0.01 }, draws: 100, p: Some(p) });
            let mut rows = vec![
                Row { null, ..of("image", "net", net) },
                of("image", "fixed", (0.02 + net.0, 0.01)),
                of("image", "broken", (0.02, 0.01)),
            ];
            rows.extend(objects.map(|objects| of("object", "net", objects)));
            verdict(&rows, "C6")
        };
        assert_eq!(world((0.06, 0.02), 0.01, Some((0.0, 0.01))), Some(Verdict::Supported));
        assert_eq!(world((0.06, 0.02), 0.30, Some((0.0, 0.01))), Some(Verdict::Undecided));
        assert_eq!(world((0.06, 0.02), 0.01, Some((0.05, 0.02))), Some(Verdict::Undecided));
        assert_eq!(world((0.06, 0.02), 0.01, None), Some(Verdict::Undecided));
        assert_eq!(world((0.0, 0.005), 0.01, Some((0.0, 0.01))), Some(Verdict::Refuted));
    }
}
