//! The scaling frame: what was answered with attention to the image scaled.

use std::path::Path;

use super::column::Frame;
use super::items::Items;
use crate::error::Result;

/// The answers of one intervention under one scaling.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The intervention's name; "recorded" where another program scaled.
    pub design: String,
    /// "none" (alpha 1), "raw", "temperature", "mass".
    pub operator: String,
    pub alpha: f64,
    /// "adaptvis" where the model computed as the released code does.
    pub compat: Option<String>,
    /// Indices into the items frame, ascending.
    pub items: Vec<usize>,
    /// Of each of `items`.
    pub said: Vec<Said>,
    /// The layer of the maps, where there are any.
    pub map_layer: Option<i16>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Greedy text; where none was made, the option that was chosen.
    pub text: String,
    pub confidence: Option<f64>,
    /// Of each option; empty where it is unknown.
    pub p: Vec<f64>,
    /// By layer; empty where it is unknown.
    pub image_share: Vec<f64>,
    /// By layer, 0 to 1; empty where it is unknown.
    pub entropy: Vec<f64>,
}

/// Every run of the frame, in the order in which they come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scalings {
    pub runs: Vec<Run>,
}

impl Scalings {
    /// Reads `scaling.parquet` in `folder`, the folder of all frames.
    ///
    /// # Errors
    /// A missing or unreadable file; a missing column, or one of another type; an item that the items frame lacks, or that
    /// one scaling of an intervention has and another has not.
    pub fn open(folder: &Path, items: &Items) -> Result<Self> {
        Self::read(&Frame::read(&folder.join("scaling.parquet"))?, items)
    }

    fn read(frame: &Frame, items: &Items) -> Result<Self> {
        let item = super::effects::items_of(frame, items)?;
        let (design, designs) = frame.codes("design")?;
        let (operator, operators) = frame.codes("operator")?;
        let (alpha, compat) = (frame.numbers("alpha")?, frame.optional_texts("compat")?);
        let (answered, text) = (frame.optional_texts("answered")?, frame.optional_texts("text")?);
        let (confidence, p) = (frame.optional_numbers("confidence")?, frame.number_lists("p")?);
        let (share, entropy) = (frame.number_lists("image_share")?, frame.number_lists("entropy")?);
        let map_layer: Vec<Option<i16>> = frame.optional_integers("map_layer")?;
        let mut runs: Vec<Run> = Vec::new();
        for row in 0..frame.height() {
            let key = (designs[design[row]].as_str(), operators[operator[row]].as_str(), alpha[row]);
            let known = runs.iter_mut().position(|run| (run.design.as_str(), run.operator.as_str(), run.alpha) == key);
            let place = known.unwrap_or_else(|| {
                runs.push(Run {
                    design: key.0.into(),
                    operator: key.1.into(),
                    alpha: key.2,
                    compat: compat[row].clone(),
                    items: Vec::new(),
                    said: Vec::new(),
                    map_layer: map_layer[row],
                });
                runs.len() - 1
            });
            let run = &mut runs[place];
            run.items.push(item[row]);
            run.said.push(Said {
                text: text[row].clone().or_else(|| answered[row].clone()).unwrap_or_default(),
                confidence: confidence[row],
                p: p[row].clone(),
                image_share: share[row].clone(),
                entropy: entropy[row].clone(),
            });
        }
        runs.iter_mut().for_each(Run::sort);
        for run in &runs {
            let first = runs.iter().find(|other| other.design == run.design);
            if first.is_some_and(|first| first.items != run.items) || run.items.windows(2).any(|two| two[0] == two[1]) {
                let Run { design, operator, alpha, .. } = run;
                let told =
                    format!("`{design}`, {operator} {alpha}: not the same items as its other scalings, each once");
                return Err(frame.error(told));
            }
        }
        Ok(Self { runs })
    }
}

impl Run {
    fn sort(&mut self) {
        let mut both: Vec<(usize, Said)> = self.items.drain(..).zip(self.said.drain(..)).collect();
        both.sort_by_key(|(item, _)| *item);
        (self.items, self.said) = both.into_iter().unzip();
    }
}
