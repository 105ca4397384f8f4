//! One intervention on one dataset: every answer of every scaling, item by item.

use std::collections::HashMap;

use crate::analysis::frames::{Answered, Items, Run, Scalings};
use crate::analysis::scoring::Rule;

/// One intervention on one dataset.
pub struct Case<'a> {
    pub design: &'a str,
    pub dataset: &'a str,
    pub compat: Option<&'a str>,
    pub frame: &'a Items,
    /// Indices into the items frame.
    pub items: Vec<usize>,
    /// Image of each item, numbered from 0.
    pub images: Vec<usize>,
    /// The untouched model first.
    pub scalings: Vec<Scaled<'a>>,
}

/// The answers under one scaling, one an item of the case.
pub struct Scaled<'a> {
    pub operator: &'a str,
    pub alpha: f64,
    pub said: Vec<&'a Answered>,
    pub map_layer: Option<i16>,
}

/// Every case of a run: designs in the order of the study, datasets in the order of the items.
pub fn cases<'a>(scalings: &'a Scalings, frame: &'a Items) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    for (design, dataset) in pairs(scalings, frame) {
        let runs: Vec<&Run> = scalings.runs.iter().filter(|run| run.design == design).collect();
        let Some(first) = runs.first() else { continue };
        let places: Vec<usize> =
            (0..first.items.len()).filter(|&place| frame.dataset[first.items[place]] == dataset).collect();
        let scaled = |run: &&'a Run| Scaled {
            operator: &run.operator,
            alpha: run.alpha,
            said: places.iter().map(|&place| &run.said[place]).collect(),
            map_layer: run.map_layer,
        };
        let mut scalings: Vec<Scaled> = runs.iter().map(scaled).collect();
        scalings.sort_by_key(|scaled| scaled.operator != "none");
        let items: Vec<usize> = places.iter().map(|&place| first.items[place]).collect();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let images = items.iter().map(|&item| {
            let next = numbers.len();
            *numbers.entry(&frame.image[item]).or_insert(next)
        });
        let images = images.collect();
        cases.push(Case { design, dataset, compat: first.compat.as_deref(), frame, items, images, scalings });
    }
    cases
}

fn pairs<'a>(scalings: &'a Scalings, frame: &'a Items) -> Vec<(&'a str, &'a str)> {
    let mut pairs = Vec::new();
    for run in &scalings.runs {
        for &item in &run.items {
            let pair = (run.design.as_str(), frame.dataset[item].as_str());
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
    }
    pairs
}

impl<'a> Case<'a> {
    /// Which scaling has this operator and alpha; alpha 1 is the untouched model's, whatever the operator.
    pub fn find(&self, operator: &str, alpha: f64) -> Option<usize> {
        let wanted = |scaled: &Scaled| {
            scaled.alpha == alpha && (scaled.operator == operator || (scaled.operator == "none" && alpha == 1.0))
        };
        self.scalings.iter().position(wanted)
    }

    /// Whether a text answers an item of the case rightly.
    pub fn is_right(&self, rule: Rule, place: usize, text: &str) -> bool {
        let item = self.items[place];
        rule.is_right(text, &self.frame.gold[item], &self.frame.options[item])
    }

    /// Which items are right when each is answered by one of the scalings.
    pub fn right(&self, rule: Rule, answered_by: &[usize]) -> Vec<bool> {
        answered_by.iter().enumerate().map(|(place, &by)| self.is_right(rule, place, self.text(place, by))).collect()
    }

    /// What an item is answered under a scaling.
    pub fn text(&self, place: usize, scaling: usize) -> &'a str {
        self.scalings[scaling].said[place].text.as_str()
    }

    /// The options, if all items have the same.
    pub fn options(&self) -> Option<&'a [String]> {
        let frame = self.frame;
        let first = &frame.options[*self.items.first()?];
        self.items.iter().all(|&item| &frame.options[item] == first).then_some(first)
    }
}
