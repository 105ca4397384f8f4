//! Interventions with the bundled model: what must hold exactly, requests that cannot be met, kills.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor};
use vlmscope::dataset::{Counterpart, Dataset, open};
use vlmscope::error::Result;
use vlmscope::intervene::{
    Arm, Batch, Bench, Control, Design, EffectRow, Intervene, Labels, Outcome, Overwrite, Planned, Restart, Run,
    Source, Sweep, Unit, Units,
};
use vlmscope::model::{Site, VisionLanguage, families};
use vlmscope::processor::Processor;
use vlmscope::study::{BUNDLED_MODEL, shipped};

use crate::support::program::{Ended, Place, bytes, signal, wait_until};

struct World {
    folder: PathBuf,
    processor: Processor,
    model: Box<dyn VisionLanguage>,
    dataset: Box<dyn Dataset>,
}

impl World {
    fn of(dataset: &str) -> Self {
        let folder = shipped(BUNDLED_MODEL);
        Self {
            processor: Processor::open(&folder).unwrap(),
            model: families::open(&folder, &Device::flex()).unwrap(),
            dataset: open(dataset).unwrap(),
            folder,
        }
    }

    fn bench(&self) -> Bench<'_> {
        Bench {
            model: self.model.as_ref(),
            processor: &self.processor,
            checkpoint: &self.folder,
            dataset: self.dataset.as_ref(),
            items: self.dataset.items(),
            seed: 1,
            batch: 8,
        }
    }

    fn plan(&self, keys: &str) -> Planned {
        let intervene: Intervene = toml::from_str(&format!("name = \"t\"\ndesign = \"patch\"\n{keys}")).unwrap();
        Planned::new(&intervene, &self.bench()).unwrap()
    }

    fn carry_out(&self, keys: &str, restart: Restart) -> Outcome {
        let planned = self.plan(keys);
        let sweep = Sweep {
            bench: self.bench(),
            design: planned.design.as_ref(),
            name: "t",
            golden: planned.golden(),
            restart,
        };
        let mut all = Outcome::default();
        for batch in 0..planned.batches.len() {
            let one = sweep.batch(&planned.batch(batch)).unwrap();
            all.effects.extend(one.effects);
            all.units.extend(one.units);
            all.cost += one.cost;
        }
        all
    }
}

fn at<'a>(rows: &'a [EffectRow], site: &str, group: &str, control: Control) -> Vec<&'a EffectRow> {
    let fits = |row: &&EffectRow| {
        row.labels.site.to_string() == site && row.labels.group == group && row.labels.control == control
    };
    let found: Vec<_> = rows.iter().filter(fits).collect();
    assert!(!found.is_empty(), "{site} {group} {control:?}");
    found
}

const CROSS: &str = r#"pairing = "cross"
limit = 6
golden = false
sites = ["vision.1.resid", "vision.out", "projector.out", "lm.0.resid", "lm.3..5.resid", "lm.2.head.1", "lm.3.attn_out"]
groups = ["object", "random_as_strip", "image"]
windows = [1, 3]
controls = ["other_item"]
"#;

/// Groups at the end of a prompt, before which nothing runs again.
const LAST: &str = r#"pairing = "last"
limit = 6
golden = false
sites = ["lm.*.resid"]
groups = ["last"]
directions = ["clean<-cf", "cf<-clean"]
"#;

#[test]
fn a_sweep_that_restarts_behind_the_image_equals_the_plain_loop_bit_for_bit() {
    let world = World::of("scenes/rows");
    let (restarted, plain) = (world.carry_out(LAST, Restart::FromClean), world.carry_out(LAST, Restart::FromPixels));
    assert!(restarted.effects.len() == 7 * 6, "{}", restarted.effects.len());
    for (one, other) in restarted.effects.iter().zip(&plain.effects) {
        assert_eq!(one, other);
    }
}

#[test]
fn a_sweep_that_restarts_equals_the_plain_loop_bit_for_bit() {
    let world = World::of("scenes/rows");
    let (restarted, plain) = (world.carry_out(CROSS, Restart::FromClean), world.carry_out(CROSS, Restart::FromPixels));
    assert_eq!(restarted.effects.len(), plain.effects.len());
    // Eight sites and six windows of three, two arms each.
    assert!(restarted.effects.len() == (8 + 6) * 3 * 2 * 6, "{}", restarted.effects.len());
    for (one, other) in restarted.effects.iter().zip(&plain.effects) {
        assert_eq!(one, other);
    }
    assert_eq!(restarted.units, plain.units);
    assert!(restarted.cost.blocks < plain.cost.blocks);
}

#[test]
fn a_run_s_own_states_change_nothing_and_another_s_everywhere_make_it_the_other_run() {
    let world = World::of("scenes/rows");
    let keys = r#"pairing = "mirror"
limit = 8
golden = false
sites = ["vision.2.resid", "projector.out", "lm.*.resid", "lm.1.head.3"]
groups = ["image", "all", "last"]
controls = ["identity"]
"#;
    let rows = world.carry_out(keys, Restart::FromClean).effects;
    let own: Vec<_> = rows.iter().filter(|row| row.labels.control == Control::Identity).collect();
    assert!(own.len() > 100, "{}", own.len());
    for row in own {
        assert_eq!((row.ld[2], row.kl, row.dx_rel), (row.ld[0], 0.0, Some(0.0)), "{:?}", row.labels);
        assert_eq!(row.p_right, row.p_right_before);
    }
    for slot in 0..=6 {
        for row in at(&rows, &format!("lm.{slot}.resid"), "all", Control::None) {
            assert_eq!(row.ld[2], row.ld[1], "slot {slot}");
            assert_eq!(row.answered == row.answer_cf.clone().unwrap(), row.ld[1] < Some(0.0));
        }
    }
    for site in ["vision.2.resid", "projector.out"] {
        assert!(at(&rows, site, "all", Control::None).iter().all(|row| row.ld[2] == row.ld[1]), "{site}");
    }
    // The image's tokens are all that differs between the two prompts, until the question reads them.
    for site in ["projector.out", "lm.0.resid"] {
        assert!(at(&rows, site, "image", Control::None).iter().all(|row| row.ld[2] == row.ld[1]));
    }
    // Behind the last block nothing reads the image any more.
    assert!(at(&rows, "lm.6.resid", "image", Control::None).iter().all(|row| row.ld[2] == row.ld[0]));
    assert!(at(&rows, "lm.6.resid", "last", Control::None).iter().all(|row| row.ld[2] == row.ld[1]));
}

#[test]
fn without_their_context_objects_have_nothing_to_exchange_at_the_first_slot() {
    let world = World::of("scenes/rows");
    let keys = r#"pairing = "cross"
limit = 8
golden = false
under = "reference"
sites = ["projector.out", "lm.*.resid"]
groups = ["object"]
"#;
    for restart in [Restart::FromClean, Restart::FromPixels] {
        let rows = world.carry_out(keys, restart).effects;
        for site in ["projector.out", "lm.0.resid"] {
            for row in at(&rows, site, "object", Control::None) {
                assert_eq!((row.ld[2], row.kl, row.dx_rel), (row.ld[0], 0.0, Some(0.0)));
                assert_eq!(row.n_tokens, 8);
            }
        }
        let later = at(&rows, "lm.3.resid", "object", Control::None);
        assert!(later.iter().any(|row| row.dx_rel > Some(0.0)), "the language model tells the places apart");
    }
    let with = world.carry_out(&keys.replace("under = \"reference\"\n", ""), Restart::FromClean).effects;
    assert!(at(&with, "lm.0.resid", "object", Control::None).iter().all(|row| row.dx_rel > Some(0.0)));
}

#[test]
fn the_last_token_carries_the_other_run_s_answer_at_the_end() {
    let world = World::of("scenes/rows");
    let keys =
        "pairing = \"last\"\nlimit = 16\nsites = [\"lm.*.resid\"]\ndirections = [\"clean<-cf\", \"cf<-clean\"]\n";
    let outcome = world.carry_out(keys, Restart::FromClean);
    assert_eq!(outcome.units.iter().filter(|unit| unit.golden == Some(true)).count() * 7, outcome.effects.len());
    for row in at(&outcome.effects, "lm.6.resid", "last", Control::None) {
        assert_eq!(row.answered, row.answer_cf.clone().unwrap());
        assert!(row.golden && row.correct_before && row.third.is_some());
    }
    assert!(at(&outcome.effects, "lm.0.resid", "last", Control::None).iter().all(|row| row.ld[2] == row.ld[0]));
}

/// Writes noughts behind the end of the shorter prompts.
struct Padding;

impl Design for Padding {
    fn kind(&self) -> &'static str {
        "patch"
    }

    fn units(&mut self, _source: &Source<'_>) -> Result<Units> {
        Ok(Units::default())
    }

    fn arms(&self, batch: &Batch<'_>) -> Result<Vec<Arm>> {
        let length = |unit: &usize| batch.units[*unit].clean.item.question.split(' ').count();
        let longest = batch.live.iter().map(length).max().unwrap();
        let short: Vec<usize> = batch.live.iter().copied().filter(|unit| length(unit) < longest).collect();
        let rows = Tensor::zeros([1, 128], &Device::flex());
        let arm = |slot| {
            let position = |unit: &usize| batch.prompts[&vlmscope::intervene::Role::Clean][*unit].prepared.map.len;
            let places: Vec<Vec<(usize, usize)>> = short.iter().map(|unit| vec![(position(unit), 0)]).collect();
            let site = Site::LmResid(slot);
            Arm {
                labels: Labels::new("zero", site, "padding"),
                units: short.clone(),
                written: short.iter().map(|unit| vec![position(unit)]).collect(),
                hook: Box::new(Overwrite::new().at(site, places, rows.clone())),
            }
        };
        Ok((0..6).map(arm).collect())
    }
}

#[test]
fn what_is_written_into_padding_is_not_read() {
    let world = World::of("scenes/rows");
    let units: Vec<Unit> = world.dataset.items()[..8].iter().map(Unit::alone).collect();
    let design = Padding;
    let sweep = Sweep { bench: world.bench(), design: &design, name: "t", golden: false, restart: Restart::FromClean };
    let rows = sweep.batch(&units).unwrap().effects;
    assert_eq!(rows.len(), 6 * 4, "questions about columns are shorter");
    assert!(rows.iter().all(|row| row.ld[2] == row.ld[0] && row.kl == 0.0 && row.answer_cf.is_none()));
    assert!(rows.iter().all(|row| row.dx_rel.is_some_and(|change| change > 0.0)), "something was written");
}

#[test]
fn a_pair_of_unequal_length_is_left_out_and_told() {
    let world = World::of("scenes/rows");
    let items = world.dataset.items();
    let (left, above) = (&items[0], items.iter().find(|item| item.relation.as_deref() == Some("above")).unwrap());
    let unequal = Unit { cf: Some(Run::original(above)), ..Unit::alone(left) };
    let design = Padding;
    let sweep = Sweep { bench: world.bench(), design: &design, name: "t", golden: false, restart: Restart::FromClean };
    let outcome = sweep.batch(&[unequal]).unwrap();
    assert!(outcome.effects.is_empty());
    assert!(outcome.units[0].reason.as_ref().unwrap().contains("unequal length"), "{:?}", outcome.units);
}

#[test]
fn objects_that_lie_otherwise_on_the_grid_are_told_unit_by_unit() {
    let world = World::of("scenes/pairs");
    let keys = "pairing = \"cross\"\nlimit = 16\ngolden = false\nsites = [\"lm.0.resid\"]\ngroups = [\"object\"]\n";
    let outcome = world.carry_out(keys, Restart::FromClean);
    let told = outcome.units.iter().filter(|unit| unit.reason.is_some()).count();
    assert_eq!(outcome.effects.len() + told, outcome.units.len());
    assert!(
        told > 0 && outcome.units.iter().flat_map(|unit| &unit.reason).all(|reason| reason.starts_with("object: "))
    );
}

#[test]
fn counterparts_keep_what_they_say_they_keep() {
    let rows = open("scenes/rows").unwrap();
    let item = &rows.items()[0];
    let run = Run::counterpart(rows.as_ref(), item, Counterpart::Swapped, 1).unwrap().unwrap();
    assert_eq!((run.name(), run.item.id.as_str()), (format!("{}~swapped", item.id), item.id.as_str()));
    assert_ne!(run.frames(rows.as_ref()).unwrap()[0], rows.image(item).unwrap());
}

const STUDY: &str = r#"title = "Small"
question = "Does it go on where it stopped?"
[dataset]
source = ["scenes/rows", "scenes/pairs"]
limit = 40
[record]
attention = []
batch = 8
[[intervene]]
name = "cross"
design = "patch"
dataset = "scenes/rows"
pairing = "cross"
sites = ["projector.out", "lm.*.resid"]
groups = ["object", "strip"]
[[intervene]]
name = "mirror"
design = "patch"
dataset = "scenes/pairs"
pairing = "mirror"
golden = false
limit = 24
sites = ["lm.0..3.resid"]
groups = ["image", "word", "text"]
"#;

fn record<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["record", "study.toml", "--out", out], more].concat()
}

#[test]
fn killed_at_any_moment_and_resumed_it_gives_the_same_bytes() {
    let place = Place::new();
    place.write("study.toml", STUDY);
    place.run(&record("whole", &[])).expect(0);
    let whole = bytes(&place.path("whole/frames"));
    let names: Vec<_> = whole.keys().map(|name| name.display().to_string()).collect();
    assert_eq!(names, ["effects.parquet", "items.parquet", "units.parquet"]);

    let child = place.start(&record("run", &[]));
    wait_until(|| place.path("run/frames/effects/part-00001.parquet").is_file());
    signal(&child, "INT");
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(130);
    ended.says(&["vlmscope record study.toml --out run --resume"]);
    place.run(&record("run", &[])).expect(2).says(&["unfinished recording"]);
    for part in 3..7 {
        let mut child = place.start(&record("run", &["--resume"]));
        let file = format!("run/frames/units/part-{part:05}.parquet");
        wait_until(|| place.path(&file).is_file() || child.try_wait().unwrap().is_some());
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
    }
    place.run(&record("run", &["--resume"])).expect(0);
    assert_eq!(bytes(&place.path("run/frames")), whole);
    // Nothing is computed again; another intervention is another run.
    place.run(&record("run", &[])).expect(0);
    place.write("study.toml", STUDY.replace("\"strip\"", "\"ring_1\""));
    place.run(&record("run", &[])).expect(2).says(&["[[intervene]]"]);
}

#[test]
fn a_dry_run_counts_forwards_and_writes_nothing() {
    let place = Place::new();
    place.write("study.toml", STUDY);
    let json = place.run(&record("run", &["--dry-run", "--json"])).expect(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mirror = &json["interventions"][1];
    // Three slots, four groups of which `word` and `text` are words: three a slot, for each of 24 units.
    assert_eq!((&mirror["units"], &mirror["rows"]), (&24.into(), &(24 * 9).into()), "{mirror}");
    assert_eq!(mirror["cost"]["partial"], 24 * 9);
    assert_eq!(mirror["cost"]["blocks"], 24 * 3 * (6 + 5 + 4));
    assert!(!place.path("run").exists());
}

#[test]
fn requests_that_cannot_be_met_are_told_with_their_place() {
    let place = Place::new();
    let refused = |from: &str, to: &str, says: &[&str], code: i32| {
        assert!(STUDY.contains(from), "{from}");
        place.write("study.toml", STUDY.replacen(from, to, 1));
        place.run(&record("run", &["--dry-run"])).expect(code).says(says);
    };
    refused("pairing = \"cross\"", "pairng = \"cross\"", &["unknown", "`pairng`"], 2);
    refused("\"lm.*.resid\"]", "\"lm.9.resid\"]", &["`lm.9.resid` does not exist", "line 9"], 2);
    refused("\"object\", \"strip\"", "\"objekt\"", &["`objekt`", "strip_minus_object"], 2);
    refused("name = \"mirror\"", "name = \"cross\"", &["two interventions are named `cross`"], 2);
    refused("dataset = \"scenes/pairs\"", "dataset = \"scenes/pears\"", &["not one of the study's sources"], 2);
    refused("[\"projector.out\", \"lm.*.resid\"]", "[\"lm.*.attn\"]", &["holds no token states"], 2);
    refused("pairing = \"mirror\"", "pairing = \"last\"", &["none of 40 items can be used", "no opposite question"], 1);
}
