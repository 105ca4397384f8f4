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
        Target::AbsXy | Target::Distance => Vec::new(),
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
    let Some(read) = Condition::above(plain.value, plain.interval, chance, "slots read above chance") else {
        return Vec::new();
    };
    let control = |row: Option<&Row>, level: f64, what: &str| {
        row.and_then(|row| Condition::above(row.control_value, row.control_interval, level, what))
    };
    // Strips are held against each other only where there are any: a probe whose calls do not reach beyond the objects' own
    // tokens has none, with objects or without, and the shift alone decides.
    let blank = find(rows, Split::RandomImage, "strip_index", Control::Blank);
    let constant = blank.and_then(|row| row.chance).unwrap_or(0.0);
    let no_strips = blank.and_then(|row| row.value).is_some_and(|value| value <= constant + MARGIN);
    let striped = blank.filter(|_| !no_strips);
    let strips = control(striped, constant, "strips on blank images above a constant answer");
    let needs_objects = selectivity(striped, "strips that blank images lack");
    // Of several shifts the one that tells the two codes apart.
    let shifted = find(rows, Split::RandomImage, "acc", Control::ShiftAbsolute);
    let ordinal = rows.iter().copied().find(|row| {
        row.control == Control::ShiftOrdinal
            && row.undefined.is_empty()
            && shifted.is_none_or(|shifted| shifted.variant == row.variant)
    });
    let by_place = control(shifted, chance, "moved objects called by their new place, above chance");
    let by_rank = control(ordinal, chance, "moved objects called by their rank, above chance");

    let claim = |claim, test, kind: Control, moved: Option<Condition>, strips: Option<Condition>| {
        let mut missing = Vec::new();
        if moved.is_none() {
            missing.push("a shift by a whole pitch");
        }
        if strips.is_none() && !no_strips {
            missing.push("the blank image");
        }
        Claim {
            number: moved.as_ref().map(|one| one.value),
            interval: moved.as_ref().map(|one| one.interval),
            ..claim_of(claim, test, plain, kind.name(), of_code(&read, moved, strips, &missing))
        }
    };
    vec![
        claim(
            "slot_absolute",
            "the slot code is one of absolute positions: the place after a shift, and strips without objects",
            Control::ShiftAbsolute,
            by_place,
            strips,
        ),
        claim(
            "slot_ordinal",
            "the slot code is one of order: the rank after a shift, and strips that need objects",
            Control::ShiftOrdinal,
            by_rank,
            needs_objects,
        ),
    ]
}

/// A code is refuted only where neither the shift nor the strips show it: beside another strong code one of them fails though
/// the code is there.
fn of_code(
    read: &Condition,
    moved: Option<Condition>,
    strips: Option<Condition>,
    missing: &[&str],
) -> (Verdict, String) {
    let evidence: Vec<Condition> = moved.into_iter().chain(strips).collect();
    let fails = |one: &Condition| one.interval.hi < one.fails_below;
    let failed = evidence.iter().filter(|one| fails(one)).count();
    if !fails(read) && failed > 0 && failed < evidence.len() {
        return (Verdict::Undecided, evidence.iter().map(Condition::says).collect::<Vec<_>>().join("; "));
    }
    weigh(&std::iter::once(read.clone()).chain(evidence).collect::<Vec<_>>(), missing)
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
    let conditions: Vec<Condition> = difference
        .interval
        .map(|interval| Condition {
            what: format!("{:.3} against {:.3}: difference", more.value, less.value),
            value: difference.value,
            interval,
            fails_below: MARGIN,
        })
        .into_iter()
        .collect();
    let (verdict, reason) = weigh(&conditions, &[]);
    Claim {
        claim,
        key: key.clone(),
        test,
        number: Some(difference.value),
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
