//! Scaling attention to the image with the bundled model: the step on the cached prompt against the whole pass.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use vlmscope::dataset::{Dataset, open};
use vlmscope::intervene::{
    Alpha, Bench, Intervene, Operator, Planned, Reach, Restart, Scale, Scaling, ScalingRow, Sweep, Watch,
};
use vlmscope::model::{Hooks, Inputs, Quirks, Rows, Site, VisionLanguage, families};
use vlmscope::processor::{Prepared, Processor};
use vlmscope::record::read_frame;
use vlmscope::study::{BUNDLED_MODEL, shipped};

use crate::support::program::Place;

struct World {
    folder: PathBuf,
    processor: Processor,
    model: Box<dyn VisionLanguage>,
    dataset: Box<dyn Dataset>,
}

const HEADS: usize = 8;

impl World {
    fn new() -> Self {
        let folder = shipped(BUNDLED_MODEL);
        Self {
            processor: Processor::open(&folder).unwrap(),
            model: families::open(&folder, &Device::flex()).unwrap(),
            dataset: open("scenes/pairs").unwrap(),
            folder,
        }
    }

    fn bench(&self) -> Bench<'_> {
        Bench {
            model: self.model.as_ref(),
            checkpoint: &self.folder,
            processor: &self.processor,
            dataset: self.dataset.as_ref(),
            items: self.dataset.items(),
            seed: 1,
            batch: 4,
        }
    }

    /// Rows of the scaling frame, of an intervention with these keys.
    fn rows(&self, keys: &str) -> Vec<ScalingRow> {
        let keys = format!("name = \"t\"\ndesign = \"scale\"\nlimit = 6\n{keys}");
        let intervene: Intervene = toml::from_str(&keys).unwrap();
        let planned = Planned::new(&intervene, &self.bench()).unwrap();
        let design = planned.design.as_ref();
        let sweep = Sweep { bench: self.bench(), design, name: "t", golden: false, restart: Restart::FromClean };
        (0..planned.batches.len()).flat_map(|n| sweep.batch(&planned.batch(n)).unwrap().scaling).collect()
    }

    fn prepared(&self, id: &str) -> (Prepared, Vec<String>) {
        let item = self.dataset.items().iter().find(|item| item.id == id).unwrap();
        let image = self.dataset.image(item).unwrap();
        (self.processor.prepare(&image, &item.question, &item.options).unwrap(), item.options.clone())
    }

    /// Option probabilities, image share and entropy by layer, of one item in a pass from the pixels on.
    fn whole(&self, id: &str, scaling: Scaling, layers: &[usize], heads: Option<&[usize]>) -> [Vec<f32>; 3] {
        let (prepared, options) = self.prepared(id);
        let inputs = Inputs::collate(&[&prepared], &Device::flex()).unwrap();
        let reach = Reach {
            sites: layers.iter().map(|&layer| Site::LmScores(layer)).collect(),
            rows: Rows::Last,
            columns: vec![vec![prepared.map.image.clone()]],
            keys: prepared.map.len,
            heads,
            of_heads: HEADS,
        };
        let mut scale = Scale::new(reach, &[scaling], &Device::flex());
        let mut watch = Watch::new(
            self.model.depth(),
            Rows::Last,
            std::slice::from_ref(&prepared.map.image),
            None,
            &Device::flex(),
        );
        let mut hooks = Hooks::one(&mut scale);
        hooks.push(&mut watch);
        let logits: Tensor<2> = self.model.run(&inputs, &mut hooks).unwrap();
        let logits: Vec<f32> = logits.into_data().try_into_vec().unwrap();
        let item = self.dataset.items().iter().find(|item| item.id == id).unwrap();
        let forms = self.processor.answer_forms(&item.question, &options).unwrap();
        let reading = vlmscope::intervene::Reading::of(&logits, &forms).unwrap();
        let look = watch.looks().remove(0);
        [reading.p.iter().map(|&p| p as f32).collect(), look.image_share, look.entropy]
    }
}

fn scaling(row: &ScalingRow) -> Scaling {
    let operator = match row.operator.as_str() {
        "temperature" => Operator::Temperature,
        "mass" => Operator::Mass,
        _ => Operator::Raw,
    };
    Scaling { operator, alpha: Alpha::new(row.alpha).unwrap() }
}

fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-4, "{what}: {found:?} is not {expected:?}");
    }
}

fn same_as_whole(world: &World, rows: &[ScalingRow], layers: &[usize], heads: Option<&[usize]>) {
    for row in rows {
        let [p, share, entropy] = world.whole(&row.item, scaling(row), layers, heads);
        let what = format!("{} {} {}", row.item, row.operator, row.alpha);
        let look = row.look.as_ref().unwrap();
        close(row.p.as_ref().unwrap(), &p, &what);
        close(&look.image_share, &share, &what);
        close(&look.entropy, &entropy, &what);
    }
}

#[test]
fn the_step_on_the_cached_prompt_is_the_whole_pass() {
    let world = World::new();
    let rows = world.rows("operators = [\"raw\", \"temperature\", \"mass\"]\nalphas = [0.0, 0.5, 1.0, 2.0]");
    assert_eq!(rows.len(), 6 * 10, "the untouched model, and three operators at three alphas");
    same_as_whole(&world, &rows, &[0, 1, 2, 3, 4, 5], None);
    let untouched: Vec<&ScalingRow> = rows.iter().filter(|row| row.operator == "none").collect();
    assert!(untouched.len() == 6 && untouched.iter().all(|row| row.alpha == 1.0));
    let moved = |row: &&ScalingRow| {
        let base = untouched.iter().find(|base| base.item == row.item).unwrap();
        let far = |a: &[f32], b: &[f32]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-2);
        far(&row.look.as_ref().unwrap().image_share, &base.look.as_ref().unwrap().image_share)
    };
    assert!(rows.iter().filter(|row| row.operator == "raw" && row.alpha == 2.0).all(|row| moved(&row)));
    // What comes first is scaled by its own scores: there, temperature leaves the share alone.
    for row in rows.iter().filter(|row| row.operator == "temperature") {
        let base = untouched.iter().find(|base| base.item == row.item).unwrap();
        close(&row.look.as_ref().unwrap().image_share[..1], &base.look.as_ref().unwrap().image_share[..1], "share");
    }
}

#[test]
fn layers_heads_and_rows_can_be_chosen() {
    let world = World::new();
    let rows = world.rows("alphas = [0.3]\nlayers = [\"lm.2..4.scores\"]\nheads = [1, 5]\nmap = \"lm.3.attn\"");
    same_as_whole(&world, &rows, &[2, 3], Some(&[1, 5]));
    let look = rows[1].look.as_ref().unwrap();
    let mass: f32 = look.map.iter().sum();
    assert!(look.map.len() == 64 && (mass - look.image_share[3]).abs() < 1e-5, "{mass} {look:?}");
    // The last row alone, by way of the pass over all rows.
    let again =
        world.rows("alphas = [0.3]\nlayers = [\"lm.2..4.scores\"]\nheads = [1, 5]\nrows = [\"last\", \"last\"]");
    same_as_whole(&world, &again, &[2, 3], Some(&[1, 5]));
    let text = world.rows("alphas = [0.3]\nlayers = [\"lm.2..4.scores\"]\nrows = [\"text\", \"last\"]");
    let differs = |row: &ScalingRow| {
        let [p, ..] = world.whole(&row.item, scaling(row), &[2, 3], None);
        row.p.as_ref().unwrap().iter().zip(p).any(|(a, b)| (a - b).abs() > 1e-4)
    };
    assert!(text.iter().filter(|row| row.operator == "raw").any(differs), "other rows count too");
}

#[test]
fn text_goes_on_with_the_untouched_model() {
    let world = World::new();
    let rows = world.rows("alphas = [0.5, 1.0]\nmax_new_tokens = 4");
    for row in &rows {
        let text = row.text.as_ref().unwrap();
        if row.operator == "none" {
            let inputs = Inputs::collate(&[&world.prepared(&row.item).0], &Device::flex()).unwrap();
            let ids = world.model.generate(&inputs, 4, world.processor.eos_ids()).unwrap();
            assert_eq!(text, &world.processor.decode(&ids).unwrap());
        }
        assert_eq!(text.trim().to_lowercase(), row.answered.as_ref().unwrap().to_lowercase());
    }
}

/// Padding that nobody sees only moves positions along, and rotary attention minds distances alone; epsilon is felt.
#[test]
fn the_released_code_s_quirks() {
    let world = World::new();
    let (prepared, _) = world.prepared(&world.dataset.items()[0].id);
    let inputs = Inputs::collate(&[&prepared], &Device::flex()).unwrap();
    let logits = |quirks: Quirks| -> Vec<f32> {
        let model = world.model.with_quirks(quirks).unwrap();
        model.run(&inputs, &mut Hooks::none()).unwrap().into_data().try_into_vec().unwrap()
    };
    let as_it_is = logits(Quirks::default());
    let padded = logits(Quirks { padded_to: Some(77), ..Quirks::default() });
    let off = |other: &[f32]| as_it_is.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off(&padded) > 0.0 && off(&padded) < 1e-3, "{}", off(&padded));
    assert!(off(&logits(Quirks { epsilon: Some(1e-2), ..Quirks::default() })) > 1e-3);
    let quirks = Quirks { padded_to: Some(77), ..Quirks::default() };
    let position = world.model.with_quirks(quirks).unwrap().positions(&inputs).unwrap()[0][0];
    assert_eq!(position, [77 - (prepared.map.len - 64 + 1); 3]);
    let compat = world.rows("alphas = [0.5]\ncompat = \"adaptvis\"");
    assert!(compat.iter().all(|row| row.compat.as_deref() == Some("adaptvis")));
}

#[test]
fn requests_that_cannot_be_met_are_told() {
    let world = World::new();
    let refused = |keys: &str| -> String {
        let keys = format!("name = \"t\"\ndesign = \"scale\"\n{keys}");
        match toml::from_str::<Intervene>(&keys) {
            Err(error) => error.message().to_string(),
            Ok(intervene) => Planned::new(&intervene, &world.bench()).err().unwrap().to_string(),
        }
    };
    for (keys, expected) in [
        ("alphas = [nan]", "alpha is NaN, expected a finite number, 0 or more"),
        ("alphas = [-1.0]", "alpha is -1, expected"),
        ("alphas = [inf]", "expected a finite number"),
        ("alphas = []", "`alphas` is empty"),
        ("alphas = [0.5]\nheads = [8]", "head 8 does not exist: layers have heads 0 to 7"),
        ("alphas = [0.5]\nlayers = [\"lm.*.resid\"]", "attention cannot be scaled at `lm.0.resid`"),
        ("alphas = [0.5]\nlayers = [\"lm.9.scores\"]", "`lm.9.scores` does not exist"),
        ("alphas = [0.5]\nmap = \"lm.6.attn\"", "does not exist in this model"),
        ("alphas = [0.5]\nmap = \"lm.*.attn\"", "a map cannot be kept of `lm.*.attn`"),
        ("alphas = [0.5]\noperators = [\"louder\"]", "unknown variant `louder`"),
        ("alphas = [0.5]\ncompat = \"other\"", "unknown variant `other`"),
    ] {
        let told = refused(keys);
        assert!(told.contains(expected), "{keys}: {told}");
    }
}

/// The bundled model knows the words of its scenes alone, so the captions are about those.
#[test]
fn missing_photographs_are_counted_listed_and_the_rest_is_done() {
    let place = Place::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/benchmarks/val2017/000000000021.jpg");
    let caption = |relation: &str| format!("A photo of a red circle {relation} a blue square");
    let rows = serde_json::json!([
        [21, caption("to the left of"), ""],
        [23, caption("above"), ""],
        [21, caption("below"), ""],
    ]);
    place.write("data/coco_qa_two_obj.json", rows.to_string());
    place.write("data/val2017/000000000021.jpg", std::fs::read(fixtures).unwrap());
    let study = "title = \"T\"\nquestion = \"Q?\"\n[dataset]\nsource = \"coco-spatial/two\"\nroot = \"data\"\n[record]\nattention = []\n\
        [[intervene]]\nname = \"s\"\ndesign = \"scale\"\nalphas = [0.5, 2.0]\nmax_new_tokens = 2\n\
        [[analysis.gate]]\nname = \"g\"\nlow = 0.5\nhigh = 2.0\nthreshold = 0.4\n";
    place.write("study.toml", study);
    let ended = place.run(&["run", "study.toml", "--out", "run", "--skip-bad-items", "--compat", "adaptvis"]).expect(3);
    assert!(ended.stderr.contains("coco_two_001: ") && ended.stderr.contains("1 items were skipped"), "{ended:?}");
    let frame = read_frame(&place.path("run/frames/scaling.parquet"), None).unwrap();
    assert_eq!(frame.height(), 2 * 3);
    let summary = std::fs::read_to_string(place.path("run/summary.md")).unwrap();
    assert!(summary.contains("1 items could not be recorded") && summary.contains("gate g"), "{summary}");
    // Text is scored as the released code does; with few images nothing can be chosen on others, and that is said.
    assert!(summary.contains("the released code’s rule") && summary.contains("undefined: "), "{summary}");
    place.write("study.toml", study.replace("threshold = 0.4", "threshold = 4.0"));
    place.run(&["run", "study.toml", "--out", "wrong"]).expect(2).says(&["gate `g`", "expected 0 to 1"]);
}
