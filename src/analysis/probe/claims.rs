//! What the numbers support, by rules fixed beforehand: `tables/probe_claims`.
//!
//! A claim is *supported* if every condition holds with its whole 95 % interval, *refuted* if one fails with its whole
//! interval (a difference of less than five points counts as none), else *undecided*.

use super::row::{Control, Key, Row};
use super::score::Estimate;
use crate::analysis::Table;
use crate::analysis::condition::{Condition, MARGIN, Verdict, weigh};
use crate::stats::Interval;
use crate::study::{FitMode, Split, Target};

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub claim: &'static str,
    pub key: Key,
    /// What was tried, in words.
    pub test: &'static str,
    pub number: Option<f64>,
    pub interval: Option<Interval>,
    /// What the number is held against.
    pub control: String,
    pub verdict: Verdict,
    pub reason: String,
}

/// How far a row's value is above what it is held against.
fn selectivity(row: Option<&Row>, what: &str) -> Option<Condition> {
    let row = row?;
    let (value, interval) = (row.selectivity?, row.selectivity_interval?);
    Some(Condition { what: what.into(), value, interval, fails_below: MARGIN })
}

/// An accuracy against several controls, all of which it must exceed.
#[derive(Default)]
struct Trial {
    held: Vec<(Control, Condition)>,
    /// What would be needed to decide and is not there.
    missing: Vec<String>,
}

impl Trial {
    fn above(&mut self, row: Option<&Row>, what: &str) {
        let Some((row, condition)) = row.and_then(|row| Some((row, selectivity(Some(row), what)?))) else { return };
        // Where the control leaves no room, that the task is not above it shows nothing of the task.
        match row.control_value {
            Some(control) if control > 1.0 - MARGIN && condition.interval.lo <= 0.0 => {
                self.missing.push(format!("room {what} ({control:.3}; here {:.3})", row.value.unwrap_or(f64::NAN)));
            }
            _ => self.held.push((row.control, condition)),
        }
    }

    /// The claim about `main`, with the number of the control that it exceeds by least.
    fn claim(self, claim: &'static str, test: &'static str, main: &Row) -> Claim {
        let weakest = self.held.iter().min_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
        let (number, interval, control) = match weakest {
            Some((control, condition)) => (Some(condition.value), Some(condition.interval), control.name()),
            None => (None, None, ""),
        };
        let conditions: Vec<Condition> = self.held.iter().map(|(_, condition)| condition.clone()).collect();
        let missing: Vec<&str> = self.missing.iter().map(String::as_str).collect();
        let said = weigh(&conditions, &missing);
        Claim { number, interval, ..claim_of(claim, test, main, control, said) }
    }
}

/// All claims that one probe's rows of one axis, site and group bear on.
pub fn at_site(target: Target, rows: &[&Row]) -> Vec<Claim> {
    match target {
        Target::LayoutAtFixedLocation => {
            let of = |background| {
                rows.iter().copied().filter(move |row| row.key.cell.is_none() && row.key.background == background)
            };
            let all: Vec<&Row> = of(None).collect();
            let background: Vec<&Row> = of(Some(true)).collect();
            let all = if all.is_empty() { background.clone() } else { all };
            layout("C1", "layout at fixed cells, held-out content, mean over cells", &all)
                .into_iter()
                .chain(layout(
                    "C2",
                    "layout at fixed cells that no object touches, held-out content, mean over cells",
                    &background,
                ))
                .collect()
        }
        Target::Slot => slot(rows),
        Target::PairRelation | Target::RelationAtText => relation(rows).into_iter().collect(),
        Target::AbsXy => Vec::new(),
    }
}

fn find<'a>(rows: &[&'a Row], split: Split, metric: &str, control: Control) -> Option<&'a Row> {
    let wanted = |row: &&&Row| {
        row.key.fit == FitMode::Standard
            && row.key.split == split
            && row.key.metric == metric
            && row.control == control
            && row.undefined.is_empty()
    };
    rows.iter().find(wanted).copied()
}

/// The split that says most about content: held out if it was asked for.
fn content(rows: &[&Row]) -> Split {
    match find(rows, Split::HeldOutContent, "acc", Control::None) {
        Some(_) => Split::HeldOutContent,
        None => Split::RandomImage,
    }
}

fn layout(claim: &'static str, test: &'static str, rows: &[&Row]) -> Option<Claim> {
    let split = content(rows);
    let main = find(rows, split, "acc", Control::Majority)?;
    let mut trial = Trial::default();
    trial.above(Some(main), "above the majority class");
    trial.above(find(rows, Split::RandomImage, "acc", Control::ControlContent), "above a random map of identities");
    trial.above(find(rows, split, "acc", Control::Pixels), "above the cell's own pixels");
    let moved = find(rows, Split::HeldOutPosition, "acc", Control::Majority);
    let what = "with objects moved, above the majority class";
    let moved = moved.and_then(|row| Condition::above(row.value, row.interval, row.control_value.unwrap_or(0.0), what));
    trial.held.extend(moved.map(|condition| (Control::Majority, condition)));
    if split != Split::HeldOutContent {
        trial.missing.push("the held-out content split".into());
    }
    Some(trial.claim(claim, test, main))
}

fn relation(rows: &[&Row]) -> Option<Claim> {
    let split = content(rows);
    let main = find(rows, split, "acc", Control::Majority)?;
    let random = |control| find(rows, Split::RandomImage, "acc", control);
    let mut trial = Trial::default();
    trial.above(Some(main), "above the majority class");
    trial.above(random(Control::ControlContent), "above a random map of identities");
    trial.above(find(rows, split, "acc", Control::Untrained), "above an untrained model");
    trial.above(random(Control::Blank), "above the same tokens of blank images");
    Some(match main.key.target {
        "pair_relation" => {
            trial.claim("relation_at_objects", "relation from the difference of the objects' tokens", main)
        }
        _ => trial.claim("answer_at_text", "right answer from a word of the question", main),
    })
}

/// Absolute position or order? Accuracy alone cannot tell: it is high for either.
fn slot(rows: &[&Row]) -> Vec<Claim> {
    let plain = find(rows, Split::RandomImage, "acc", Control::None);
    let Some((plain, chance)) = plain.and_then(|row| Some((row, row.chance?))) else { return Vec::new() };
    let read = Condition::above(plain.value, plain.interval, chance, "slots read above chance");
    let blank = find(rows, Split::RandomImage, "strip_index", Control::Blank);
    // Of several shifts the one that tells the two codes apart.
    let shifted = find(rows, Split::RandomImage, "acc", Control::ShiftAbsolute);
    let ordinal = rows.iter().copied().find(|row| {
        row.control == Control::ShiftOrdinal
            && row.undefined.is_empty()
            && shifted.is_none_or(|shifted| shifted.variant == row.variant)
    });
    let control = |row: Option<&Row>, level: f64, what: &str| {
        row.and_then(|row| Condition::above(row.control_value, row.control_interval, level, what))
    };
    let strips = control(
        blank,
        blank.and_then(|row| row.chance).unwrap_or(0.0),
        "strips on blank images above a constant answer",
    );
    let absolute_moved = control(shifted, chance, "moved objects called by their new place, above chance");
    let ordinal_moved = control(ordinal, chance, "moved objects called by their rank, above chance");
    let needs_objects = selectivity(blank, "strips that blank images lack");

    let absolute: Vec<&Condition> = [&read, &strips, &absolute_moved].into_iter().flatten().collect();
    let order: Vec<&Condition> = [&read, &ordinal_moved, &needs_objects].into_iter().flatten().collect();
    let missing = |pairs: [(&Option<Condition>, &'static str); 2]| -> Vec<&'static str> {
        pairs.into_iter().filter(|(condition, _)| condition.is_none()).map(|(_, what)| what).collect()
    };
    let absolute_missing = missing([(&strips, "the blank image"), (&absolute_moved, "a shift by a whole pitch")]);
    let order_missing = missing([(&ordinal_moved, "a shifted variant"), (&needs_objects, "the blank image")]);
    let chosen = |row: Option<&'_ Row>| row.unwrap_or(plain).clone();
    let mut claims = vec![
        Claim {
            number: strips.as_ref().map(|one| one.value),
            interval: strips.as_ref().map(|one| one.interval),
            ..claim_of(
                "slot_absolute",
                "the slot code is one of absolute positions: strips without objects, and the place after a shift",
                &chosen(blank),
                "blank",
                weigh_refs(&absolute, &absolute_missing),
            )
        },
        Claim {
            number: ordinal_moved.as_ref().map(|one| one.value),
            interval: ordinal_moved.as_ref().map(|one| one.interval),
            ..claim_of(
                "slot_ordinal",
                "the slot code is one of order: the rank after a shift, and strips that need objects",
                &chosen(ordinal),
                "shift_ordinal",
                order_verdict(&order, &order_missing, &read),
            )
        },
    ];
    claims.iter_mut().for_each(|claim| claim.key = plain.key.clone());
    claims
}

/// Order is refuted only where neither the rank after a shift nor the need for objects shows: beside a strong absolute code
/// the first fails though the second holds.
fn order_verdict(conditions: &[&Condition], missing: &[&str], read: &Option<Condition>) -> (Verdict, String) {
    let unread = read.as_ref().is_some_and(|read| read.interval.hi < read.fails_below);
    let evidence: Vec<&&Condition> = conditions.iter().skip(usize::from(read.is_some())).collect();
    let failed = evidence.iter().filter(|one| one.interval.hi < one.fails_below).count();
    if unread || (failed > 0 && failed == evidence.len()) {
        return weigh_refs(conditions, missing);
    }
    if failed > 0 {
        let says: Vec<String> = evidence.iter().map(|one| one.says()).collect();
        return (Verdict::Undecided, says.join("; "));
    }
    weigh_refs(conditions, missing)
}

fn weigh_refs(conditions: &[&Condition], missing: &[&str]) -> (Verdict, String) {
    weigh(&conditions.iter().map(|one| (*one).clone()).collect::<Vec<_>>(), missing)
}

fn claim_of(claim: &'static str, test: &'static str, row: &Row, control: &str, said: (Verdict, String)) -> Claim {
    Claim {
        claim,
        key: row.key.clone(),
        test,
        number: row.selectivity,
        interval: row.selectivity_interval,
        control: control.into(),
        verdict: said.0,
        reason: said.1,
    }
}

/// Does one tower hold more than the other? The difference of two accuracies on the same test images.
pub fn between(
    claim: &'static str,
    test: &'static str,
    key: &Key,
    more: &Estimate,
    less: &Estimate,
    control: &str,
) -> Claim {
    let difference = more.minus(less);
    let condition = difference.interval.map(|interval| Condition {
        what: format!("{:.3} against {:.3}: difference", more.value, less.value),
        value: difference.value,
        interval,
        fails_below: MARGIN,
    });
    let (verdict, reason) = match &condition {
        Some(one) if one.interval.lo > 0.0 => (Verdict::Supported, one.says()),
        Some(one) if one.interval.hi < one.fails_below => (Verdict::Refuted, one.says()),
        Some(one) => (Verdict::Undecided, one.says()),
        None => (Verdict::Undecided, "no interval".into()),
    };
    let number = Some(difference.value);
    Claim {
        claim,
        key: key.clone(),
        test,
        number,
        interval: difference.interval,
        control: control.into(),
        verdict,
        reason,
    }
}

pub fn table(claims: &[Claim]) -> Table {
    let text = |of: fn(&Claim) -> &str| claims.iter().map(move |claim| of(claim).to_owned()).collect::<Vec<String>>();
    Table::new()
        .text("claim", text(|claim| claim.claim))
        .text("probe", text(|claim| &claim.key.probe))
        .text("label", text(|claim| &claim.key.label))
        .text("axis", text(|claim| claim.key.axis))
        .text("site", text(|claim| &claim.key.site))
        .text("tower", text(|claim| claim.key.place.tower))
        .layer_or_head("depth", claims.iter().map(|claim| claim.key.place.depth))
        .text("group", text(|claim| &claim.key.group))
        .text("split", text(|claim| claim.key.split.name()))
        .text("test", text(|claim| claim.test))
        .number("number", claims.iter().map(|claim| claim.number))
        .number("lo", claims.iter().map(|claim| claim.interval.map(|interval| interval.lo)))
        .number("hi", claims.iter().map(|claim| claim.interval.map(|interval| interval.hi)))
        .text("control", text(|claim| &claim.control))
        .text("verdict", text(|claim| claim.verdict.name()))
        .text("reason", text(|claim| &claim.reason))
}
