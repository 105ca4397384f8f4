//! What is to be read: the units that bear a label, the same at every site.

use std::collections::{BTreeMap, HashMap};

use super::label::{Label, Says, labels};
use super::scene::Scene;
use crate::dataset::Axis;
use crate::stats::probe::relabel;
use crate::study::{LayoutLabel, Probe, Target};

/// One probe along one axis: labelled units, grouped by image.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which `[[probe]]`.
    pub probe: usize,
    /// `None`: both.
    pub axis: Option<Axis>,
    /// Empty for a regression.
    pub classes: Vec<String>,
    pub pictures: Vec<Picture>,
    pub units: Vec<Unit>,
    /// Unit by item and object.
    places: HashMap<(usize, Option<usize>), usize>,
    /// Why there is nothing to fit; empty if there is.
    pub undefined: String,
}

/// An image of a problem.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The item that stands for it: the first.
    pub item: usize,
    pub axis: Axis,
    /// Kind of scene.
    pub setting: usize,
    /// What is shown.
    pub contents: Vec<usize>,
}

/// What bears one label: an object of an image, an image, or a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// Index into the problem's pictures.
    pub image: usize,
    pub item: usize,
    /// From 1.
    pub object: Option<usize>,
    /// What a probe that only knows objects by sight could go by.
    pub identity: usize,
    pub truth: Truth,
}

/// The label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Truth {
    Class(usize),
    Value(f64),
}

impl Truth {
    /// 0 for a value.
    pub fn class(self) -> usize {
        match self {
            Self::Class(class) => class,
            Self::Value(_) => 0,
        }
    }

    /// The class's number for a class.
    pub fn value(self) -> f64 {
        match self {
            Self::Class(class) => class as f64,
            Self::Value(value) => value,
        }
    }
}

impl Problem {
    /// A probe's problems: one an axis, and both axes together where the target knows no axis or all relations are one label.
    pub fn all(probe: usize, asked: &Probe, scenes: &[Scene]) -> Vec<Self> {
        let axes: &[Option<Axis>] = match (asked.target, asked.label) {
            (Target::LayoutAtFixedLocation, Some(LayoutLabel::Axis)) | (Target::Distance, _) => &[None],
            (Target::Slot | Target::AbsXy | Target::LayoutAtFixedLocation, _) => {
                &[Some(Axis::Horizontal), Some(Axis::Vertical)]
            }
            (Target::PairRelation | Target::RelationAtText, _) => &[Some(Axis::Horizontal), Some(Axis::Vertical), None],
        };
        axes.iter().map(|&axis| Self::new(probe, asked, axis, scenes)).collect()
    }

    fn new(probe: usize, asked: &Probe, axis: Option<Axis>, scenes: &[Scene]) -> Self {
        let of_dataset = |scene: &Scene| asked.dataset.as_ref().is_none_or(|dataset| *dataset == scene.dataset);
        // Coordinates are read in all images, whichever way the objects lie.
        let of_axis = |scene: &Scene| asked.target == Target::AbsXy || axis.is_none_or(|axis| axis == scene.axis);
        let all_questions = asked.target == Target::RelationAtText;
        let chosen: Vec<usize> = (0..scenes.len())
            .filter(|&item| {
                of_dataset(&scenes[item]) && of_axis(&scenes[item]) && (all_questions || scenes[item].first)
            })
            .collect();
        let slots = chosen.iter().map(|&item| scenes[item].seen().count()).max().unwrap_or(0);
        let labels: Vec<Label> = chosen
            .iter()
            .flat_map(|&item| labels(asked, axis.unwrap_or(scenes[item].axis), item, &scenes[item], slots))
            .collect();
        let mut problem = Self {
            probe,
            axis,
            classes: Vec::new(),
            pictures: Vec::new(),
            units: Vec::new(),
            places: HashMap::new(),
            undefined: String::new(),
        };
        problem.fill(labels, scenes);
        problem.undefined = problem.why_undefined(asked);
        problem
    }

    fn fill(&mut self, labels: Vec<Label>, scenes: &[Scene]) {
        let mut classes: Vec<(usize, &str)> = labels
            .iter()
            .filter_map(|label| match &label.says {
                Says::Class(order, name) => Some((*order, name.as_str())),
                Says::Value(_) => None,
            })
            .collect();
        classes.sort_unstable();
        classes.dedup();
        self.classes = classes.into_iter().map(|(_, name)| name.to_owned()).collect();
        let (mut names, mut settings) = (Numbers::default(), Numbers::default());
        let mut images: HashMap<usize, usize> = HashMap::new();
        for label in &labels {
            let scene = &scenes[label.item];
            let image = *images.entry(scene.image).or_insert(self.pictures.len());
            if image == self.pictures.len() {
                self.pictures.push(Picture {
                    item: label.item,
                    axis: scene.axis,
                    setting: settings.of(&scene.setting),
                    contents: scene.contents().iter().map(|name| names.of(name)).collect(),
                });
            }
            let truth = match &label.says {
                Says::Class(_, name) => {
                    Truth::Class(self.classes.iter().position(|class| class == name).unwrap_or_default())
                }
                Says::Value(value) => Truth::Value(*value),
            };
            self.places.insert((label.item, label.object), self.units.len());
            let identity = names.of(&label.identity);
            self.units.push(Unit { image, item: label.item, object: label.object, identity, truth });
        }
    }

    fn why_undefined(&self, asked: &Probe) -> String {
        let source = asked.dataset.as_ref().map_or(String::new(), |dataset| format!(" of {dataset}"));
        let values = self.units.iter().any(|unit| matches!(unit.truth, Truth::Value(_)));
        match (self.units.len(), self.classes.len()) {
            (0, _) => format!("no item{source} has this label"),
            (_, 1) if !values => format!("every item{source} has the label {}", self.classes[0]),
            _ => String::new(),
        }
    }

    pub fn is_regression(&self) -> bool {
        self.classes.is_empty()
    }

    /// As the tables spell it.
    pub fn axis_name(&self) -> &'static str {
        self.axis.map_or("both", Axis::word)
    }

    /// The unit of an item, or of one of its objects.
    pub fn unit(&self, item: usize, object: Option<usize>) -> Option<usize> {
        self.places.get(&(item, object)).copied()
    }

    /// Labels exchanged as whole images would, inside their setting and axis: `[permutation][unit]`. Where the objects of one
    /// image have all the labels there are (slots), they exchange among themselves.
    ///
    /// # Errors
    /// No exchange changes a label.
    pub fn relabelings(&self, asked: &Probe, count: usize, seed: u64) -> Result<Vec<Vec<Truth>>, String> {
        let images: Vec<usize> = self.units.iter().map(|unit| unit.image).collect();
        if asked.target == Target::Slot {
            let labels: Vec<usize> = self.units.iter().map(|unit| unit.truth.class()).collect();
            let drawn = relabel::within_images(&labels, &images, count, seed).map_err(|error| error.to_string())?;
            return Ok(drawn.into_iter().map(|labels| labels.into_iter().map(Truth::Class).collect()).collect());
        }
        let mut strata = Numbers::default();
        let strata: Vec<usize> = self
            .units
            .iter()
            .map(|unit| {
                let Picture { setting, axis, .. } = &self.pictures[unit.image];
                let axis = if asked.label == Some(LayoutLabel::Axis) { "" } else { axis.word() };
                strata.of(&format!("{setting} {axis} {:?}", unit.object))
            })
            .collect();
        // Units by number, so that values can be exchanged as well as classes.
        let numbers: Vec<usize> = (0..self.units.len()).collect();
        let drawn =
            relabel::between_images(&numbers, &images, &strata, count, seed).map_err(|error| error.to_string())?;
        let truth = |unit: usize| self.units[unit].truth;
        let drawn: Vec<Vec<Truth>> = drawn.into_iter().map(|from| from.into_iter().map(truth).collect()).collect();
        let own: Vec<Truth> = self.units.iter().map(|unit| unit.truth).collect();
        if drawn.iter().all(|labels| *labels == own) {
            return Err("no exchange of labels between images changes one".into());
        }
        Ok(drawn)
    }
}

/// Numbers for names, in order of appearance.
#[derive(Default)]
struct Numbers(BTreeMap<String, usize>);

impl Numbers {
    fn of(&mut self, name: &str) -> usize {
        let next = self.0.len();
        *self.0.entry(name.to_owned()).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::tests::row;
    use super::*;

    fn probe(text: &str) -> Probe {
        toml::from_str(&format!("name = \"p\"\n{text}")).unwrap()
    }

    fn scenes() -> Vec<Scene> {
        (0..12)
            .map(|image| match image % 2 {
                0 => row(image, &[("red square", 24.0), ("blue star", 72.0)]),
                _ => row(image, &[("red square", 72.0), ("blue star", 24.0)]),
            })
            .collect()
    }

    #[test]
    fn every_object_has_its_slot() {
        let asked = probe("target = \"slot\"\ngroups = [\"objects\"]");
        let problems = Problem::all(0, &asked, &scenes());
        assert_eq!(problems.len(), 2);
        let horizontal = &problems[0];
        assert_eq!((horizontal.classes.as_slice(), horizontal.units.len()), (&["left".into(), "right".into()][..], 24));
        assert_eq!(horizontal.units[horizontal.unit(1, Some(1)).unwrap()].truth, Truth::Class(1));
        assert!(problems[1].undefined.contains("no item"));
        let drawn = horizontal.relabelings(&asked, 20, 1).unwrap();
        for truths in &drawn {
            // Whatever is drawn, an image has a left and a right.
            assert!(truths.chunks(2).all(|image| image[0].class() + image[1].class() == 1));
        }
        assert!(drawn.iter().flatten().any(|truth| truth.class() == 1) && drawn[0] != drawn[1]);
    }

    #[test]
    fn layout_is_a_property_of_the_image() {
        let order = probe("target = \"layout_at_fixed_location\"\nlabel = \"order\"\ngroups = [\"image\"]");
        let problem = &Problem::all(0, &order, &scenes())[0];
        // "blue star" comes first by name: it is on the right in even images.
        assert_eq!(problem.classes, ["left", "right"]);
        let classes: Vec<usize> = problem.units.iter().take(4).map(|unit| unit.truth.class()).collect();
        assert_eq!(classes, [1, 0, 1, 0]);
        let colour = probe("target = \"layout_at_fixed_location\"\nlabel = \"colour_1\"\ngroups = [\"image\"]");
        assert_eq!(Problem::all(0, &colour, &scenes())[0].classes, ["blue", "red"]);
        // All lie beside each other: nothing to tell apart.
        let axis = probe("target = \"layout_at_fixed_location\"\nlabel = \"axis\"\ngroups = [\"image\"]");
        assert!(Problem::all(0, &axis, &scenes())[0].undefined.contains("the label horizontal"));
    }

    #[test]
    fn images_exchange_their_labels_inside_a_setting() {
        let order = probe("target = \"layout_at_fixed_location\"\nlabel = \"order\"\ngroups = [\"image\"]");
        let mut scenes = scenes();
        scenes.iter_mut().skip(6).for_each(|scene| scene.setting = "scenes/rows shapes".into());
        let problem = &Problem::all(0, &order, &scenes)[0];
        for truths in problem.relabelings(&order, 20, 1).unwrap() {
            let rights = |part: &[Truth]| part.iter().filter(|truth| truth.class() == 1).count();
            assert_eq!((rights(&truths[..6]), rights(&truths[6..])), (3, 3));
        }
        scenes.truncate(1);
        assert!(Problem::all(0, &order, &scenes)[0].relabelings(&order, 20, 1).is_err());
    }

    #[test]
    fn coordinates_are_shares_of_what_is_seen() {
        let asked = probe("target = \"abs_xy\"\ngroups = [\"object_1\"]");
        let problems = Problem::all(0, &asked, &scenes());
        assert!(problems[0].is_regression());
        assert_eq!(problems[0].units[0].truth, Truth::Value(24.0 / 128.0));
        assert_eq!(problems[1].units[0].truth, Truth::Value(56.0 / 128.0));
    }

    #[test]
    fn text_is_read_in_every_question() {
        let asked = probe("target = \"relation_at_text\"\ngroups = [\"last\"]");
        let mut scenes = scenes();
        scenes[1].image = 0;
        scenes[1].first = false;
        scenes[1].gold = "blue".into();
        let problem = &Problem::all(0, &asked, &scenes)[0];
        assert_eq!((problem.units.len(), problem.pictures.len()), (12, 11));
        assert_eq!(problem.classes, ["blue", "red"]);
        let relation = probe("target = \"pair_relation\"\ngroups = [\"object_1\", \"object_2\"]");
        assert!(Problem::all(0, &relation, &scenes)[0].undefined.contains("label left"));
    }
}
