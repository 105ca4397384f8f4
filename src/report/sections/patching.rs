//! Which states the answer depends on, by putting those of another run in their place.

use super::super::section::{Content, Run, Section, Verdict};
use crate::error::Result;
use crate::figure::effect::conclusion::{against, beyond};
use crate::figure::effect::depth::Depth;
use crate::figure::effect::pick::Pick;
use crate::figure::effect::rows::{Counted, Measured, Turned};
use crate::figure::effect::{patching, wording};
use crate::figure::rows::Headline;

pub const SECTION: Section = Section { title: "Patching", tables: &["effects"], read };

fn read(run: &Run) -> Result<Option<Content>> {
    let rows = Measured::read(run.folder)?;
    let all = Pick::all(&rows);
    let patches = all.kind("patch");
    if patches.is_empty() {
        return Ok(None);
    }
    let counts = Counted::read(run.folder)?;
    let starts: Vec<Pick> = patches.designs().into_iter().filter_map(|design| start(&patches.design(design))).collect();
    Ok(Some(Content {
        verdict: verdict(&starts),
        lead: patches.designs().into_iter().map(|design| lead(&patches.design(design), &counts)).collect(),
        drawings: patching(&all, &Turned::read(run.folder)?, &counts),
        findings: starts.iter().flat_map(findings).collect(),
        limits: LIMITS.to_vec(),
    }))
}

/// The shifts of a design where the language model begins, single slots, first direction; None without any.
fn start<'a>(design: &Pick<'a>) -> Option<Pick<'a>> {
    let shifts = design.measure("shift").only(|row| row.window == 1);
    let site = Depth::of(&shifts.distinct(|row| &row.site)).start()?;
    let here = shifts.only(|row| row.site == site);
    let direction = here.first()?.direction.clone();
    Some(here.only(|row| row.direction == direction))
}

/// From the first design that exchanges objects: whether they suffice, and whether the background beside them does more than
/// background elsewhere.
fn verdict(starts: &[Pick]) -> Verdict {
    let value = |start: &Pick, group: &str| start.real().group(group).first().and_then(|row| row.value);
    let Some((start, objects)) = starts.iter().find_map(|start| Some((start, value(start, "object")?))) else {
        return Verdict {
            short: "No exchange of objects was made.".into(),
            long: starts.iter().map(told).collect::<Vec<_>>().join(" "),
        };
    };
    let suffice = match against(objects, 0.5) {
        Some(std::cmp::Ordering::Greater) => "Objects’ tokens suffice where the language model begins.",
        Some(_) => "Objects’ tokens do not suffice where the language model begins.",
        None => "Whether objects’ tokens suffice where the language model begins is undecided.",
    };
    let random = value(start, "random_as_strip").or(value(start, "random_background"));
    let strips = value(start, "strip_minus_object");
    let little = strips.and_then(|of| against(of, 0.5)) == Some(std::cmp::Ordering::Less);
    let spread = match strips.zip(random).and_then(|(one, other)| beyond(one, other)) {
        Some((low, _)) if little && low <= 0.0 => " Background beside them does not, nor more than elsewhere.",
        Some(_) if little => " Background beside them carries more than elsewhere, but does not suffice.",
        Some((low, _)) if low > 0.0 => " Background beside them carries more than background elsewhere.",
        Some((_, high)) if high <= 0.0 => " Background beside them carries no more than background elsewhere.",
        Some(_) => " Whether background beside them carries more than background elsewhere is undecided.",
        None => "",
    };
    Verdict {
        short: format!("{suffice}{spread}"),
        long: starts.iter().map(told).filter(|said| !said.is_empty()).collect::<Vec<_>>().join(" "),
    }
}

/// "Patch “cross” at lm.0.resid moves the answer by 0.31 (…) with objects, …; with another pair’s states by …".
fn told(start: &Pick) -> String {
    let Some(first) = start.first() else { return String::new() };
    let say = |control: &str| {
        let rows = start.control(control);
        let of =
            |row: &&Measured| Some(format!("{} with {}", wording::estimate(row.value?), wording::group(&row.group)));
        wording::list(&rows.rows().iter().filter_map(of).collect::<Vec<_>>())
    };
    let other = say("other_item");
    let other = if other.is_empty() { other } else { format!("; with another pair’s states by {other}") };
    let real = say("none");
    if real.is_empty() {
        real
    } else {
        format!("Patch “{}” at {} moves the answer by {real}{other}.", first.design, first.site)
    }
}

/// Of each design: how many pairs, and where its answers change hands.
fn lead(design: &Pick, counts: &[Counted]) -> (String, String) {
    let name = design.designs().first().copied().unwrap_or_default();
    let n = design.real().measure("p_right").n();
    let golden = wording::golden(counts, name);
    let dropped: i64 =
        counts.iter().filter(|count| count.design == name && count.what == "dropped").map(|count| count.n).sum();
    let reasons = counts.iter().filter(|count| count.design == name && count.what == "dropped");
    let most = reasons.max_by_key(|count| count.n).map_or(String::new(), |count| format!(", mostly: {}", count.reason));
    let dropped = if dropped > 0 { format!(" Not used: {dropped}{most}.") } else { String::new() };
    (format!("Patch “{name}”"), format!("{n}.{golden}{dropped}{}", changes(design)))
}

/// Where the third answer leads: the place has been carried over, not yet what stands there.
fn changes(design: &Pick) -> String {
    let real = design.real().only(|row| row.window == 1);
    let third = real.measure("p_third");
    let Some(first) = third.first() else { return String::new() };
    let third = third.only(|row| row.direction == first.direction && row.group == first.group);
    let leads = |winner: &str, others: [&str; 2]| -> Vec<i64> {
        let ahead = |row: &&Measured| {
            let own = if winner == "p_third" { row.value } else { real.value(row, winner) };
            let over = |other: &str| own.zip(real.value(row, other)).and_then(|(own, other)| beyond(own, other));
            others.iter().all(|other| over(other).is_some_and(|(low, _)| low > 0.0))
        };
        third.rows().iter().copied().filter(|row| row.slot >= 0).filter(ahead).map(|row| row.slot).collect()
    };
    let say = |name: &str, slots: Vec<i64>| match (slots.first(), slots.last()) {
        (Some(from), Some(to)) if from == to => format!("{name} at slot {from}"),
        (Some(from), Some(to)) => format!("{name} at slots {from} to {to}"),
        _ => format!("{name} at no slot"),
    };
    format!(
        " With its whole interval leads {}, {}, {}.",
        say("the clean answer", leads("p_right", ["p_cf", "p_third"])),
        say("the third answer (the place)", leads("p_third", ["p_right", "p_cf"])),
        say("the counterfactual answer (what stands there)", leads("p_cf", ["p_right", "p_third"]))
    )
}

fn findings(start: &Pick) -> Vec<Headline> {
    let line = |row: &&Measured| {
        let other = start.control("other_item").group(&row.group).first().and_then(|row| row.value);
        let other =
            other.map_or("no such control".into(), |of| format!("another pair’s states {}", wording::estimate(of)));
        Headline {
            name: format!("shift of {} ({}, {})", row.design, wording::group(&row.group), row.site),
            value: row.value,
            n: row.n,
            note: other,
        }
    };
    start.real().rows().iter().map(line).collect()
}

const LIMITS: [&str; 5] = [
    "A patch shows that states suffice to move the answer from there on, not that the model would have read them unpatched: a \
     dormant pathway can be woken.",
    "Only pairs that are answered rightly on both sides are patched. The hit rate says how many those are; they are the easier \
     ones.",
    "The shift of the logit difference does not saturate, flips and probabilities do: where they disagree, the shift tells of \
     small effects and the flip of large ones.",
    "Groups differ in how many tokens they have. Compare a group with as many random background tokens, not with another group.",
    "Single heads and slots were looked at one by one; a largest one was picked after looking.",
];
