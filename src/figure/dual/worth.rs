//! What either addend is worth: accuracy without it, by what stands in its place and by kind of question.

use super::super::axis::{Axis, Unit};
use super::super::effect::rows::Measured;
use super::super::effect::wording::estimate;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::table::Estimate;
use super::super::theme::{BLUE, Color, GREY, NULL, ORANGE, PURPLE};
use super::super::{Undrawn, wording};
use super::{SITES, is_of_addends};

const NAME: &str = "addends-ablated";
const TITLE: &str = "Accuracy without either addend";
const HEIGHT: f64 = 190.0;
/// Most kinds of question that fit beside each other.
const KINDS: usize = 9;

const WITHOUT: [(&str, Color); 3] =
    [("without the image encoder’s", BLUE), ("without the spatial encoder’s", ORANGE), ("without both", PURPLE)];

/// A panel a replacement: all questions, then each kind.
pub fn figure(rows: &[Measured]) -> Result<Figure, Undrawn> {
    let rows = of_addends(rows);
    let accuracy: Vec<&Measured> = rows.iter().copied().filter(|row| row.measure == "accuracy").collect();
    if accuracy.is_empty() {
        return Err(Undrawn::new(NAME, TITLE, "neither addend was ablated"));
    }
    let mut arms: Vec<&str> = Vec::new();
    for row in &accuracy {
        if !arms.contains(&row.arm.as_str()) {
            arms.push(&row.arm);
        }
    }
    let panels = arms.iter().map(|name| panel(&rows, name)).collect();
    let mut keys = vec![Key::new("untouched", Look::Patch(GREY))];
    keys.extend(WITHOUT.iter().map(|(label, color)| Key::new(*label, Look::Patch(*color))));
    keys.push(Key::new("chance", Look::Patch(NULL.opacity(0.45))));
    let n = |stratum: &str| accuracy.iter().filter(|row| row.stratum == stratum).map(|row| row.n).collect::<Vec<_>>();
    Ok(Figure {
        name: NAME.into(),
        title: TITLE.into(),
        caption: format!(
            "Share of right answers where an addend of all image tokens is replaced: by zeros, by means over all videos, by \
             another video’s. The other addend stays as it was. All questions first, then each kind. Whiskers: 95 % \
             bootstrap interval over videos. n = {} questions. {}",
            wording::count_range(n("all")),
            sentences(&rows).join(" ")
        ),
        keys,
        rows: Row::grid(1, HEIGHT, panels),
    })
}

/// The rows that are about addends, not their controls.
pub fn of_addends(rows: &[Measured]) -> Vec<&Measured> {
    let all: Vec<&Measured> = rows.iter().collect();
    let own = all.iter().filter(|row| row.control == "none" && is_of_addends(row, &all));
    own.copied().collect()
}

/// All questions, then kinds in the order of the table.
fn strata<'a>(rows: &[&'a Measured]) -> Vec<&'a str> {
    let mut strata: Vec<&str> = vec!["all"];
    for row in rows.iter().filter(|row| row.stratum.starts_with("relation=")) {
        if !strata.contains(&row.stratum.as_str()) {
            strata.push(&row.stratum);
        }
    }
    strata.truncate(KINDS);
    strata
}

fn panel(rows: &[&Measured], arm_name: &str) -> Panel {
    let strata = strata(rows);
    let find = |site: &str, stratum: &str, measure: &str| {
        let mut own = rows.iter().filter(|row| row.arm == arm_name && row.group == "image" && row.window == 1);
        own.find(|row| row.site == site && row.stratum == stratum && row.measure == measure)
            .and_then(|row| Some((row.value?, row.null)))
    };
    let mut bars = Vec::new();
    for (group, stratum) in strata.iter().enumerate() {
        let value = |site: &str, measure: &str| find(site, stratum, measure).map(|(of, _)| of);
        let before = SITES.iter().find_map(|site| value(site, "accuracy_before"));
        let chance = SITES.iter().find_map(|site| {
            let (after, above) = (value(site, "accuracy")?, value(site, "above_chance")?);
            Some(after.value - above.value)
        });
        let null = chance.map(|chance| (chance, chance));
        bars.extend(before.map(|estimate| Bar { group, lane: 0, color: GREY, estimate, null }));
        for (lane, (site, (_, color))) in SITES.iter().zip(WITHOUT).enumerate() {
            let estimate: Option<Estimate> = value(site, "accuracy");
            bars.extend(estimate.map(|estimate| Bar { group, lane: lane + 1, color, estimate, null }));
        }
    }
    let label = |stratum: &&str| stratum.strip_prefix("relation=").unwrap_or("all questions").replace('_', " ");
    let body = Bars {
        x: Axis::names("kind of question", strata.iter().map(label)),
        y: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
        lanes: 1 + WITHOUT.len(),
        bars,
        references: Vec::new(),
    };
    Panel::new(format!("The addend {}", replaced(arm_name)), "", body)
}

/// What stands in an addend's place.
pub fn replaced(arm: &str) -> String {
    match arm {
        "zero" => "set to zero".into(),
        "mean_global" => "replaced by the mean token of all videos".into(),
        "mean_cell" => "replaced by the mean of its patch over all videos".into(),
        "resample" => "replaced by another video’s".into(),
        "noise" => "replaced by noise".into(),
        other => format!("replaced: {}", other.replace('_', " ")),
    }
}

/// Whether the answers need the image encoder's and the spatial encoder's addend: over all questions, accuracy falls with its
/// whole interval in every replacement that leaves tokens like those the model knows (all but zeros). None where one was
/// not ablated so.
pub fn needed(rows: &[&Measured]) -> Option<[bool; 2]> {
    let of = |site: &str| -> Option<bool> {
        let net = rows.iter().filter(|row| row.measure == "net" && row.stratum == "all" && row.arm != "zero");
        let falls: Vec<bool> = net
            .filter(|row| row.site == site && row.group == "image")
            .map(|row| row.value.and_then(|of| of.interval).is_some_and(|(_, high)| high < 0.0))
            .collect();
        (!falls.is_empty()).then(|| falls.into_iter().all(|falls| falls))
    };
    Some([of(SITES[0])?, of(SITES[1])?])
}

/// The change over all questions and its p, for each addend; by another video's where that was tried, else by the first.
pub fn sentences(rows: &[&Measured]) -> Vec<String> {
    let net: Vec<&&Measured> = rows.iter().filter(|row| row.measure == "net" && row.stratum == "all").collect();
    let arms = net.iter().map(|row| row.arm.as_str());
    let Some(main) = arms.clone().find(|arm| *arm == "resample").or_else(|| arms.clone().next()) else {
        return Vec::new();
    };
    let said = |(site, (without, _)): (&&str, (&str, Color))| {
        let row = net.iter().find(|row| row.arm == main && row.site == **site)?;
        let p = row.p_mcnemar.map_or(String::new(), |p| match p {
            p if p < 0.001 => ", McNemar p < 0.001".to_owned(),
            p => format!(", McNemar p = {p:.3}"),
        });
        Some(format!("Accuracy changes by {} {without} ({}{p}).", estimate(row.value?), replaced(main)))
    };
    SITES.iter().zip(WITHOUT).filter_map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::Surround;
    use super::super::super::tests::{files_are_sound, texts_stand_apart};
    use super::super::synthetic;
    use super::*;

    #[test]
    fn it_is_drawn_and_says_what_each_is_worth() {
        let figure = figure(&synthetic::ablated()).unwrap();
        assert!(figure.caption.contains("without the spatial encoder’s") && figure.caption.contains("McNemar p"));
        texts_stand_apart(&figure.canvas(Surround::Captioned), NAME);
        files_are_sound(&figure, tempfile::tempdir().unwrap().path());
        assert_eq!(figure.rows.len(), 2);
        assert_eq!(needed(&of_addends(&synthetic::ablated())), Some([true, true]));
    }

    #[test]
    fn other_ablations_are_left_alone() {
        let others = synthetic::ablated().into_iter().filter(|row| row.site == "projector.out").collect::<Vec<_>>();
        assert!(super::figure(&others).err().unwrap().reason.contains("neither addend"));
    }
}
