//! One intervention on one dataset: what its figures are called.

use super::rows::Tallied;

/// One intervention on one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub design: String,
    pub dataset: String,
    /// Whether a run has others.
    several: bool,
    /// Whether it is the first on its dataset, so that what is true of the untouched model is told here.
    pub first: bool,
}

impl Case {
    /// Every case of a run, in the order of the table.
    pub fn all(rows: &[Tallied]) -> Vec<Self> {
        let mut cases: Vec<Self> = Vec::new();
        for row in rows {
            if !cases.iter().any(|case| case.design == row.design && case.dataset == row.dataset) {
                let first = !cases.iter().any(|case| case.dataset == row.dataset);
                let (design, dataset) = (row.design.clone(), row.dataset.clone());
                cases.push(Self { design, dataset, several: false, first });
            }
        }
        let several = cases.len() > 1;
        cases.iter_mut().for_each(|case| case.several = several);
        cases
    }

    pub fn has(&self, design: &str, dataset: &str) -> bool {
        self.design == design && self.dataset == dataset
    }

    /// The stem of a figure's file.
    pub fn file(&self, what: &str) -> String {
        if !self.several {
            return format!("scaling-{what}");
        }
        let plain = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        format!("scaling-{}-{}-{what}", plain(&self.design), plain(&self.dataset))
    }

    /// A title or a number's name, with what it is of where a run has several.
    pub fn told(&self, what: &str) -> String {
        let text = if self.several { format!("{} on {}: {what}", self.design, self.dataset) } else { what.to_owned() };
        let mut letters = text.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    }
}
