//! The same concepts erased the same way under different questions: does each question need its own concept?

use super::super::Undrawn;
use super::super::axis::Axis;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::table::Estimate;
use super::super::theme::NULL;
use super::conclusion::beyond;
use super::pick::Pick;
use super::rows::Measured;
use super::style::{LEVEL, pen, span};
use super::wording;

const NAME: &str = "erase-questions";
const HEIGHT: f64 = 240.0;

/// Erasures by one method at one place, of equally many concepts, under several questions.
struct Crossed<'a> {
    /// The interventions, one a question.
    questions: Vec<&'a str>,
    concepts: Vec<&'a str>,
    /// Every measure.
    all: Pick<'a>,
    net: Pick<'a>,
}

impl<'a> Crossed<'a> {
    /// The first interventions of a run that differ in their question alone.
    fn of(real: &Pick<'a>) -> Option<Self> {
        let net = real.measure("net");
        let alike = |design: &&str| {
            let own = net.design(design);
            let one = |values: Vec<&'a str>| (values.len() == 1).then(|| values[0]);
            let site = one(own.distinct(|row| &row.site))?;
            let arm = one(own.distinct(|row| &row.arm))?;
            let concepts = own.distinct(|row| &row.basis);
            (concepts.len() > 1).then_some((site, arm, concepts))
        };
        let designs = net.designs();
        let found: Vec<_> = designs.iter().filter_map(|design| Some((*design, alike(design)?))).collect();
        let (questions, (_, _, concepts)) = found.iter().find_map(|(_, what)| {
            let same: Vec<&str> = found.iter().filter(|(_, other)| other == what).map(|(design, _)| *design).collect();
            (same.len() > 1).then(|| (same, what.clone()))
        })?;
        Some(Self { questions, concepts, all: real.clone(), net })
    }

    fn row(&self, question: &str, concept: &str) -> Option<&'a Measured> {
        self.net.design(question).only(|row| row.basis == concept).first()
    }

    /// What is right before anything is erased, where that is no more than chance: there is nothing to lose.
    fn floor(&self, question: &str) -> Option<Estimate> {
        let own = self.all.design(question);
        let accuracy = own.measure("accuracy").first()?;
        let (before, above) = (own.value(accuracy, "accuracy_before")?, own.value(accuracy, "above_chance")?);
        let chance = accuracy.value?.value - above.value;
        before.interval.is_none_or(|(low, _)| low <= chance).then_some(before)
    }

    fn cost(&self, question: &str, concept: &str) -> Option<Estimate> {
        self.row(question, concept).and_then(|row| row.value)
    }
}

/// None where no two interventions differ in their question alone.
pub fn figure(real: &Pick) -> Option<Result<Figure, Undrawn>> {
    let crossed = Crossed::of(real)?;
    let mut bars = Vec::new();
    for (group, question) in crossed.questions.iter().enumerate() {
        for (lane, concept) in crossed.concepts.iter().enumerate() {
            let Some(row) = crossed.row(question, concept) else { continue };
            bars.extend(row.value.map(|estimate| Bar {
                group,
                lane,
                color: pen(lane).color,
                estimate,
                null: row.null,
            }));
        }
    }
    let nulls: Vec<(f64, f64)> = bars.iter().filter_map(|bar| bar.null).collect();
    let y =
        span("net change of accuracy", bars.iter().map(|bar| bar.estimate), nulls.clone(), [-0.05, 0.05], [-1.0, 1.0]);
    let mut keys: Vec<Key> = crossed
        .concepts
        .iter()
        .enumerate()
        .map(|(lane, concept)| Key::new(format!("“{concept}” erased"), Look::Patch(pen(lane).color)))
        .collect();
    if !nulls.is_empty() {
        keys.push(Key::new("random subspaces, middle 90 %", Look::Patch(NULL.opacity(0.45))));
    }
    let first = crossed.questions.first().and_then(|question| crossed.row(question, crossed.concepts[0]));
    let place = first.map_or(String::new(), |row| format!("{} at {}", wording::arm(&row.arm), row.site));
    let n: Vec<String> = crossed
        .questions
        .iter()
        .filter_map(|question| Some(format!("“{question}” {}", crossed.row(question, crossed.concepts[0])?.n)))
        .collect();
    let body = Bars {
        x: Axis::names("", crossed.questions.iter().map(|question| wording::capital(&question.replace('-', " ")))),
        y,
        lanes: crossed.concepts.len(),
        bars,
        references: vec![(0.0, LEVEL)],
    };
    Some(Ok(Figure {
        name: NAME.into(),
        title: "Erasure: does each question need its own concept?".into(),
        caption: format!(
            "Accuracy after a concept was erased ({place}) less accuracy before, over all items, for questions about the same \
             images. Whiskers: 95 % image-bootstrap interval. n = {}. {}",
            wording::list(&n),
            told(&crossed)
        ),
        keys,
        rows: Row::grid(1, HEIGHT, vec![Panel::new("Net change of accuracy", place, body)]),
    }))
}

/// Whether the first concept costs the first question more than the second one, and the other way round, in a sentence.
fn told(crossed: &Crossed) -> String {
    let ([one, other], [own, foreign]) = (&crossed.questions[..2], &crossed.concepts[..2]) else {
        return String::new();
    };
    // How much more a concept costs one question than another.
    let more = |concept: &str, here: &str, there: &str| {
        let (here, there) = (crossed.cost(here, concept)?, crossed.cost(there, concept)?);
        let (low, high) = beyond(there, here)?;
        Some(Estimate { value: there.value - here.value, interval: Some((low, high)) })
    };
    let (Some(first), Some(second)) = (more(own, one, other), more(foreign, other, one)) else {
        return String::new();
    };
    let holds = |of: Estimate| of.interval.is_some_and(|(low, _)| low > 0.0);
    let verdict = match (holds(first), holds(second)) {
        (true, true) => "a double dissociation",
        (true, false) | (false, true) => "a single dissociation",
        (false, false) => "no dissociation",
    };
    let costs = format!(
        "“{own}” costs “{one}” {} more than “{other}”, “{foreign}” costs “{other}” {} more than “{one}”",
        wording::estimate(first),
        wording::estimate(second)
    );
    match [one, other].into_iter().find_map(|question| Some((question, crossed.floor(question)?))) {
        None => format!("{costs}: {verdict}."),
        Some((question, before)) => format!(
            "{costs}: undecided, because before any erasure “{question}” is answered no better than chance ({}).",
            wording::estimate(before)
        ),
    }
}

/// The sentence of the figure.
pub fn found(real: &Pick) -> Option<String> {
    Crossed::of(real).map(|crossed| told(&crossed))
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::row;
    use super::*;

    fn world(costs: [[f64; 2]; 2]) -> Vec<Measured> {
        let mut rows = Vec::new();
        for (question, costs) in ["place-asked", "colour-asked"].into_iter().zip(costs) {
            for (concept, value) in ["slot", "content"].into_iter().zip(costs) {
                let value = Some(Estimate { value, interval: Some((value - 0.05, value + 0.05)) });
                let of = row("erase", question, "leace");
                rows.push(Measured { basis: concept.into(), measure: "net".into(), value, ..of });
            }
        }
        rows
    }

    #[test]
    fn a_dissociation_is_double_where_each_question_needs_its_own() {
        let says = |costs| found(&Pick::all(&world(costs))).unwrap();
        assert!(says([[-0.6, -0.1], [0.0, -0.7]]).ends_with("a double dissociation."));
        assert!(says([[-0.6, -0.7], [0.0, -0.7]]).contains("0.60 (0.53 to 0.67) more"));
        assert!(says([[-0.6, -0.7], [0.0, -0.7]]).ends_with("a single dissociation."));
        assert!(says([[-0.1, -0.1], [-0.1, -0.1]]).ends_with("no dissociation."));
        // Who knows nothing has nothing to lose.
        let mut rows = world([[-0.6, -0.1], [0.0, -0.7]]);
        for (measure, value) in [("accuracy", 0.1), ("accuracy_before", 0.12), ("above_chance", -0.4)] {
            let value = Some(Estimate { value, interval: Some((value - 0.05, value + 0.05)) });
            let of = row("erase", "colour-asked", "leace");
            rows.push(Measured { basis: "slot".into(), measure: measure.into(), value, ..of });
        }
        let told = found(&Pick::all(&rows)).unwrap();
        assert!(
            told.contains("undecided") && told.contains("“colour-asked” is answered no better than chance"),
            "{told}"
        );
    }

    #[test]
    fn interventions_that_differ_in_more_are_not_crossed() {
        let mut rows = world([[-0.6, -0.1], [0.0, -0.7]]);
        assert!(figure(&Pick::all(&rows)).unwrap().is_ok());
        rows.truncate(3);
        assert!(figure(&Pick::all(&rows)).is_none());
    }
}
