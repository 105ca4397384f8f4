//! Ablation, knockout, enhancement, erasure and the lens with the bundled model: what must hold exactly.

use std::path::PathBuf;

use burn::tensor::Device;
use vlmscope::dataset::{Dataset, Item, open};
use vlmscope::error::{Error, Result};
use vlmscope::intervene::{Bench, Control, EffectRow, Intervene, Outcome, Planned, Restart, Run, Sweep};
use vlmscope::model::{Hooks, Inputs, VisionLanguage, families};
use vlmscope::processor::Processor;
use vlmscope::study::{BUNDLED_MODEL, shipped};

struct World {
    folder: PathBuf,
    processor: Processor,
    model: Box<dyn VisionLanguage>,
    dataset: Box<dyn Dataset>,
    items: Vec<Item>,
}

impl World {
    /// Every item of the first so many images.
    fn of(dataset: &str, images: usize) -> Self {
        let folder = shipped(BUNDLED_MODEL);
        let dataset = open(dataset).unwrap();
        let mut seen: Vec<String> = dataset.items().iter().map(|item| item.image.clone()).collect();
        seen.dedup();
        let last = seen.into_iter().take(images).collect::<Vec<_>>();
        Self {
            processor: Processor::open(&folder).unwrap(),
            model: families::open(&folder, &Device::flex()).unwrap(),
            items: dataset.items().iter().filter(|item| last.contains(&item.image)).cloned().collect(),
            dataset,
            folder,
        }
    }

    fn bench(&self) -> Bench<'_> {
        Bench {
            model: self.model.as_ref(),
            processor: &self.processor,
            checkpoint: &self.folder,
            dataset: self.dataset.as_ref(),
            items: &self.items,
            seed: 1,
            batch: 8,
        }
    }

    fn plan(&self, keys: &str) -> Result<Planned> {
        let asked: Intervene = toml::from_str(&format!("name = \"t\"\n{keys}"))
            .map_err(|error| Error::usage(error.message().to_string()))?;
        Planned::new(&asked, &self.bench())
    }

    fn planned(&self, keys: &str) -> (Planned, Bench<'_>) {
        (self.plan(keys).unwrap(), self.bench())
    }

    fn attempt(&self, keys: &str) -> Result<Outcome> {
        let mut planned = self.plan(keys)?;
        planned.design.fit(&self.bench())?;
        let golden = planned.golden();
        let sweep = Sweep {
            bench: self.bench(),
            design: planned.design.as_ref(),
            name: "t",
            golden,
            restart: Restart::FromClean,
        };
        let mut all = Outcome::default();
        for batch in 0..planned.batches.len() {
            let one = sweep.batch(&planned.batch(batch))?;
            all.effects.extend(one.effects);
            all.units.extend(one.units);
            all.lens.extend(one.lens);
        }
        Ok(all)
    }

    fn run(&self, keys: &str) -> Outcome {
        self.attempt(keys).unwrap()
    }

    fn refused(&self, keys: &str) -> String {
        self.attempt(keys).err().map(|error| error.to_string()).expect("a refusal")
    }
}

fn of_arm<'a>(outcome: &'a Outcome, arm: &'a str) -> impl Iterator<Item = &'a EffectRow> {
    outcome.effects.iter().filter(move |row| row.labels.arm == arm)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn ablations_write_what_they_say() {
    let world = World::of("scenes/rows", 8);
    let outcome = world.run(
        "design = \"ablate\"\nkinds = [\"zero\", \"mean_global\", \"mean_cell\", \"resample\", \"noise\", \"reference\", \
         \"reference_own\"]\ngroups = [\"image\", \"object\", \"background\"]\ndraws = 2\n\
         sites = [\"projector.out\", \"lm.0.resid\", \"lm.2.resid\"]\n\
         objects = [\"original\", \"own\", \"middle\"]\nbackground = [\"original\", \"blank\", \"other\"]\n",
    );
    let units = world.items.len();
    let count = |arm: &str| of_arm(&outcome, arm).count();
    let (sites, groups) = (3, 3);
    assert_eq!([count("zero"), count("mean_global"), count("mean_cell")], [units * sites * groups; 3]);
    assert_eq!([count("resample"), count("noise")], [units * sites * groups * 2; 2]);
    assert_eq!([count("reference"), count("reference_own")], [units * sites; 2]);
    // All cells of the factorial but the clean one.
    assert_eq!(count("factorial"), units * sites * 8);
    for row in of_arm(&outcome, "zero") {
        assert!((row.dx_rel.unwrap() - 1.0).abs() < 1e-6, "what becomes nothing changes by all it was");
    }
    let image = |row: &&EffectRow| row.labels.group == "image" && row.labels.arm == "mean_cell";
    assert!(outcome.effects.iter().filter(image).all(|row| row.n_tokens == 64));
    // Writing at the projector and at slot 0 is one and the same.
    let pick = |site: &str| -> Vec<&EffectRow> {
        outcome.effects.iter().filter(|row| row.labels.site.to_string() == site && row.labels.arm != "noise").collect()
    };
    for (a, b) in pick("projector.out").iter().zip(pick("lm.0.resid")) {
        // Means are taken at each site for itself, so they agree but for rounding.
        let gap = (a.ld[2].unwrap() - b.ld[2].unwrap()).abs();
        assert!(gap < 1e-3 && a.labels.arm == b.labels.arm, "{}: {gap}", a.labels.arm);
    }
    // The middle on a blank image is the reference.
    let crossed: Vec<_> = of_arm(&outcome, "factorial").filter(|row| row.labels.group == "middle+blank").collect();
    for (a, b) in of_arm(&outcome, "reference").zip(crossed) {
        assert_eq!((a.ld, a.kl), (b.ld, b.kl));
    }
    // Without its image the model cannot know.
    let kept =
        mean(of_arm(&outcome, "mean_cell").filter(|row| row.labels.group == "image").map(|row| f64::from(row.correct)));
    let before = mean(of_arm(&outcome, "mean_cell").map(|row| f64::from(row.correct_before)));
    assert!(kept < before - 0.2, "{kept} of {before}");
}

#[test]
fn ablations_that_cannot_be_are_refused() {
    let world = World::of("scenes/pairs", 4);
    assert!(world.refused("design = \"ablate\"\nkinds = [\"zero\"]\ngroups = [\"word\"]\n").contains("`word`"));
    assert!(world.refused("design = \"ablate\"\nkinds = []\n").contains("nothing would be ablated"));
    assert!(world.refused("design = \"ablate\"\nkinds = []\nobjects = [\"own\"]\n").contains("`background`"));
    assert!(
        world.refused("design = \"ablate\"\nkinds = [\"zero\"]\nsites = [\"lm.99.resid\"]\n").contains("lm.99.resid")
    );
    assert!(
        world.refused("design = \"ablate\"\nkinds = [\"zero\"]\nsites = [\"lm.0.attn\"]\n").contains("image tokens")
    );
}

#[test]
fn knockouts_cut_edges_in_windows_of_layers() {
    let world = World::of("scenes/pairs", 8);
    let outcome = world.run(
        "design = \"knockout\"\nedges = [\"image->last\", \"object->word\", \"object->last\", \"other_text->last\", \"last->image\"]\n\
         windows = [1, 3]\nrandom = 2\n",
    );
    let rows = |edge: &str, control: Control| {
        let own = move |row: &&EffectRow| row.labels.edge.as_deref() == Some(edge) && row.labels.control == control;
        outcome.effects.iter().filter(own).collect::<Vec<_>>()
    };
    // Six layers by themselves, and the windows around each, cut off at both ends.
    assert_eq!(rows("image->last", Control::None).len(), 8 * (6 + 6));
    assert!(rows("image->last", Control::None).iter().all(|row| row.n_tokens == 64));
    // Nothing of the image is left to be drawn in place of the whole of it; text is no patch.
    assert!(rows("image->last", Control::Random).is_empty() && rows("other_text->last", Control::Random).is_empty());
    assert_eq!(rows("object->last", Control::Random).len(), 2 * rows("object->last", Control::None).len());
    // The image never sees what comes after it.
    assert!(rows("last->image", Control::None).is_empty());
    let windows: Vec<(String, usize)> =
        rows("image->last", Control::None).iter().map(|row| (row.labels.site.to_string(), row.labels.window)).collect();
    assert!(windows.contains(&("lm.0.scores".into(), 2)) && windows.contains(&("lm.4.scores".into(), 2)));
    // Cutting what the last position reads of the image in every layer must be seen in the answer.
    let all = world.run("design = \"knockout\"\nedges = [\"image->text\", \"image->last\"]\nwindows = [11]\nsites = [\"lm.3.scores\"]\n");
    assert!(all.effects.iter().all(|row| row.labels.window == 6));
    assert!(mean(all.effects.iter().map(|row| row.kl)) > 1e-3);
}

#[test]
fn a_knockout_that_leaves_nothing_is_refused() {
    let world = World::of("scenes/pairs", 4);
    assert!(
        world.refused("design = \"knockout\"\nedges = [\"all->last\"]\n").contains("leaves its attention undefined")
    );
    assert!(
        world
            .refused("design = \"knockout\"\nedges = [\"image->last\"]\nsites = [\"lm.*.resid\"]\n")
            .contains("lm.0.resid")
    );
}

#[test]
fn the_lens_at_the_last_slot_is_the_answer() {
    let world = World::of("scenes/pairs", 4);
    let outcome = world.run("design = \"lens\"\nvariants = [\"blank\"]\n");
    let depth = world.model.depth() as i16;
    let item = &world.items[0];
    let prompt = world.bench().prepare(&Run::original(item)).unwrap();
    let inputs = Inputs::collate(&[&prompt.prepared], &Device::flex()).unwrap();
    let logits: Vec<f32> = world.model.run(&inputs, &mut Hooks::none()).unwrap().into_data().try_into_vec().unwrap();
    let forms = world.processor.answer_forms(&item.question, &item.options).unwrap();
    let reading = vlmscope::intervene::Reading::of(&logits, &forms).unwrap();
    let rows = || outcome.lens.iter().filter(|row| row.item == item.id);
    for (class, name) in item.options.iter().enumerate() {
        let last = rows()
            .find(|row| row.variant == "original" && row.pos_kind == "last" && row.slot == depth && &row.class == name);
        let last = last.unwrap();
        // One item by itself, and the same in a batch, agree to rounding.
        assert!((f64::from(last.m_c) - reading.m[class]).abs() < 1e-4, "{} and {}", last.m_c, reading.m[class]);
        assert_eq!(last.kl_to_final, 0.0);
    }
    // Every class at every slot: the last, two words, 64 patches; the image and its blank counterpart.
    assert_eq!(rows().count(), item.options.len() * (depth as usize + 1) * (1 + 2 + 64) * 2);
    assert!(rows().filter(|row| row.pos_kind == "image").all(|row| row.cell.is_some()));
    assert!(world.refused("design = \"lens\"\npositions = []\n").contains("`positions`"));
    assert!(world.refused("design = \"lens\"\nvariants = [\"blanc\"]\n").contains("blanc"));
}

#[test]
fn enhancement_comes_with_nulls_that_go_as_far() {
    let world = World::of("scenes/pairs", 24);
    let mut outcome = world.run(
        "design = \"enhance\"\nmodes = [\"gain_raw\", \"gain_proj\", \"add\", \"add_signed\"]\nbases = [\"mean_difference\"]\n\
         scopes = [\"object\"]\nalphas = [-1.0, 0.0, 2.0]\nrandom_alphas = [2.0]\nrandom = 2\nfolds = 3\n",
    );
    let bases = world.run(
        "design = \"enhance\"\nbases = [\"probe\", \"pca\", \"content\"]\nalphas = [2.0]\nrandom = 1\nfolds = 3\n",
    );
    outcome.effects.extend(bases.effects);
    assert!(outcome.effects.iter().all(|row| row.fold.is_some()));
    for row in outcome.effects.iter().filter(|row| row.labels.dose == Some(0.0)) {
        assert_eq!((row.ld[2], row.kl, row.dx_rel), (row.ld[0], 0.0, Some(0.0)), "no dose is no change, bit by bit");
    }
    let key = |row: &EffectRow| {
        let labels = &row.labels;
        (
            row.unit.item.clone(),
            labels.arm.clone(),
            labels.group.clone(),
            labels.basis.clone(),
            labels.dose.map(f32::to_bits),
        )
    };
    let real: std::collections::HashMap<_, _> =
        outcome.effects.iter().filter(|row| row.labels.control == Control::None).map(|row| (key(row), row)).collect();
    for control in [Control::Random, Control::Shuffled, Control::WrongAxis] {
        let nulls: Vec<_> = outcome.effects.iter().filter(|row| row.labels.control == control).collect();
        assert!(!nulls.is_empty(), "{control:?}");
        for null in nulls {
            let (far, own) = (real[&key(null)].dx_rel.unwrap(), null.dx_rel.unwrap());
            assert!((far - own).abs() <= 1e-4 * far, "{control:?} {:?}: {own} for {far}", null.labels);
        }
    }
    let refused = |keys: &str| world.refused(&format!("design = \"enhance\"\n{keys}"));
    assert!(refused("alphas = [1.0]\nfolds = 1\n").contains("evaluated"));
    assert!(refused("alphas = []\n").contains("`alphas`"));
    assert!(refused("alphas = [1.0]\nscopes = [\"word\"]\n").contains("`word`"));
    assert!(refused("alphas = [1.0]\nbases = [\"prob\"]\n").contains("prob"));
}

#[test]
fn erasers_come_with_subspaces_of_the_same_rank() {
    let world = World::of("scenes/pairs", 40);
    let outcome = world.run(
        "design = \"erase\"\nmethods = [\"leace\", \"orthogonal\", \"inlp\", \"oracle\"]\n\
         concepts = [\"slot\", \"content\"]\nsites = [\"projector.out\"]\nrandom = 2\nfolds = 4\nrounds = 3\n",
    );
    let rows = |method: &'static str, control: Control, basis: &'static str| {
        let fits = move |row: &&EffectRow| row.labels.control == control && row.labels.basis.as_deref() == Some(basis);
        of_arm(&outcome, method).filter(fits).collect::<Vec<_>>()
    };
    for method in ["leace", "orthogonal", "inlp", "oracle"] {
        assert_eq!(rows(method, Control::None, "slot").len(), world.items.len(), "{method}");
    }
    for basis in ["slot, same rank", "slot, same variance"] {
        assert_eq!(rows("leace", Control::Random, basis).len(), 2 * world.items.len());
    }
    assert!(rows("oracle", Control::Random, "slot, same rank").is_empty());
    let far = |rows: Vec<&EffectRow>| mean(rows.iter().map(|row| row.dx_rel.unwrap()));
    // The orthogonal eraser removes what its subspace holds, and so does a random one that holds as much.
    let (real, matched, ranked) = (
        far(rows("orthogonal", Control::None, "slot")),
        far(rows("orthogonal", Control::Random, "slot, same variance")),
        far(rows("orthogonal", Control::Random, "slot, same rank")),
    );
    assert!((real / matched - 1.0).abs() < 0.15 && ranked < real, "{real}, {matched}, {ranked}");
    assert!(far(rows("oracle", Control::None, "slot")) < real, "the oracle is the most surgical");

    let (mut planned, bench) = world.planned(
        "design = \"erase\"\nconcepts = [\"slot\"]\nrandom = 0\nfolds = 4\nread = [\"projector.out\", \"lm.3.resid\"]\n",
    );
    planned.design.fit(&bench).unwrap();
    let found = |arm: &str, reader: &str, site: &str| {
        let fits =
            |row: &&vlmscope::intervene::DecodedRow| row.arm == arm && row.reader == reader && row.read_site == site;
        mean(planned.design.decoded().iter().filter(fits).map(|row| f64::from(row.correct)))
    };
    let (ceiling, left) = (found("none", "linear", "projector.out"), found("leace", "linear", "projector.out"));
    // Thirty images teach it: above one half, which is chance, and far from all.
    assert!(ceiling > 0.65 && left < ceiling - 0.2, "a linear reader finds {ceiling}, after erasing {left}");
    assert!(found("none", "mlp", "lm.3.resid") > 0.7);

    let onwards = world.run(
        "design = \"erase\"\nconcepts = [\"cell\", \"order\"]\nsites = [\"lm.2.resid\"]\nfrom = \"onwards\"\nrandom = 0\nfolds = 4\n",
    );
    assert!(onwards.effects.iter().all(|row| row.labels.arm == "leace+onwards" && row.labels.window == 5));
    let refused = |keys: &str| world.refused(&format!("design = \"erase\"\n{keys}"));
    assert!(refused("concepts = [\"slot\"]\nfolds = 1\n").contains("evaluated"));
    assert!(refused("concepts = [\"cell\"]\nmethods = [\"inlp\"]\n").contains("`inlp`"));
    assert!(refused("concepts = []\n").contains("nothing would be erased"));
}
