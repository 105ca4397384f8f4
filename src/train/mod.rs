//! Training the bundled model organisms: small true LLaVAs and Spatial-MLLMs, from random weights, on what is rendered here.

mod card;
mod chart;
mod checkpoint;
mod curve;
mod evaluate;
mod lesson;
mod objective;
mod pack;
mod recipe;
mod scaffold;
mod step;
mod student;

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use burn::module::Module;
use burn::optim::AdamWConfig;
use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::processor::Processor;
use checkpoint::Progress;
use curve::Curve;
pub use evaluate::{Tally, evaluate};
pub use lesson::{Course, Lesson, Named, Topic, Turn};
use pack::{Packed, Packer};
pub use recipe::{Architecture, Optimiser, Phase, Recipe, Shape, SpatialShape, VideoShape};
pub use student::Student;

/// Shards a batch is cut into, whatever the machine: another number would round differently and train another model.
const SHARDS: usize = 2;

/// Batches made ahead of the step.
const AHEAD: usize = 3;

/// Whether an unfinished training may be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Fresh,
    Resume,
}

/// Trains a model by the recipe and writes it as a Hugging Face folder.
///
/// `folder` receives the model; `folder/training` the curves and the checkpoint to resume from.
///
/// # Errors
/// A recipe that makes no sense, a folder that is not empty without [`Start::Resume`], or a loss that is not a number.
pub fn train(recipe: &Recipe, folder: &Path, start: Start, device: &Device) -> Result<()> {
    let work = folder.join("training");
    let resumed = Progress::find(&work)?;
    match (start, &resumed) {
        (Start::Fresh, Some(progress)) => {
            return Err(Error::usage(format!("{}: already trained to step {}", folder.display(), progress.step))
                .with_help("continue with `--resume`, or choose another folder"));
        }
        (Start::Resume, None) => {
            return Err(Error::usage(format!("{}: nothing to resume", work.display())));
        }
        _ => {}
    }
    let topic = recipe.topic();
    scaffold::write(folder, recipe.architecture()?, &topic.vocabulary())?;
    let processor = Processor::open(folder)?;
    let device = device.clone().autodiff();

    let adamw = AdamWConfig::new()
        .with_beta_1(recipe.optimiser.beta_1)
        .with_beta_2(recipe.optimiser.beta_2)
        .with_epsilon(1e-8)
        .with_weight_decay(recipe.optimiser.weight_decay);
    let mut optimiser = adamw.init();
    let (mut model, keys) = match &resumed {
        None => Student::fresh(folder, recipe.seed, &device)?,
        Some(progress) => {
            optimiser = progress.optimiser(optimiser)?;
            Student::open(&progress.model_folder(folder)?, &device)?
        }
    };
    let first = resumed.map_or(0, |progress| progress.step);
    let mut curve = Curve::open(&work, first, topic.kinds())?;

    let eos = Packer::new(&processor)?.eos();
    let bar = ProgressBar::new(recipe.steps() as u64).with_position(first as u64);
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {per_sec}, {eta} left, {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel(AHEAD);
        let processor = &processor;
        scope.spawn(move || {
            for step in first..recipe.steps() {
                if sender.send(batch(recipe, processor, step)).is_err() {
                    return;
                }
            }
        });
        let batches: Receiver<Result<(Vec<Packed>, Vec<&'static str>)>> = batches;
        for step in first..recipe.steps() {
            let (shards, kinds) = batches.recv().map_err(|_| Error::data("the batch maker stopped"))??;
            let (index, done) = recipe.phase(step);
            let [from, to] = recipe.phases[index].naming;
            let outcome = step::gradients(&model, &shards, from + (to - from) * done, eos, &device)?;
            if !outcome.loss.is_finite() {
                return Err(Error::data(format!("the loss at step {step} is {}", outcome.loss))
                    .with_help("lower the rate or the clip in the recipe, and resume"));
            }
            let (gradients, length) = step::clip(&model, outcome.gradients, recipe.optimiser.clip);
            model = optimiser.step(recipe.rate(step), model, gradients);
            curve.step(step, recipe.rate(step), outcome.loss, length, &kinds, &outcome.right)?;
            bar.set_message(format!("loss {:.3}", outcome.loss));
            bar.inc(1);
            let done = step + 1;
            if done % recipe.look_every == 0 || done == recipe.steps() {
                let tallies = evaluate(model.valid().walk(), processor, topic.sets(), recipe.look_items)?;
                curve.look(done, &tallies)?;
                bar.println(format!("step {done}: {}", evaluate::line(&tallies)));
                Progress::at(done).save(&work, &model, &keys, &optimiser)?;
            }
        }
        crate::model::checkpoint::save(&model, &keys, &folder.join("model.safetensors"))?;
        bar.finish();
        let model = model.valid();
        let tallies = evaluate(model.walk(), processor, topic.sets(), recipe.card_items.unwrap_or(usize::MAX))?;
        card::write(folder, recipe, model.walk().parameters(), &tallies)
    })?;
    chart::draw(&work, folder, topic)
}

/// The batch of a step, and the kind of each question in it. A pure function of recipe and step.
fn batch(recipe: &Recipe, processor: &Processor, step: usize) -> Result<(Vec<Packed>, Vec<&'static str>)> {
    let (index, _) = recipe.phase(step);
    let phase = &recipe.phases[index];
    let course = phase.course(recipe.seed.wrapping_add(index as u64))?;
    let each = phase.images.div_ceil(SHARDS);
    let lessons: Vec<_> =
        (0..phase.images).into_par_iter().map(|i| course.lesson((step * phase.images + i) as u64)).collect();
    let packed = lessons.par_chunks(each).map(|shard| Packer::new(processor)?.pack(shard));
    let kinds = lessons.chunks(each).flat_map(|shard| {
        let most = shard.iter().map(|lesson| lesson.turns.len()).max().unwrap_or(0);
        shard.iter().flat_map(move |lesson| {
            let first = lesson.turns.first().map(|turn| turn.kind);
            lesson.turns.iter().map(|turn| Some(turn.kind)).chain(std::iter::repeat(first)).take(most)
        })
    });
    Ok((packed.collect::<Result<_>>()?, kinds.flatten().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::rooms;
    use crate::dataset::scenes::Mix;

    fn recipe(stop: usize) -> Recipe {
        let shape = Shape {
            image: 16,
            patch: 8,
            vision_width: 8,
            vision_hidden: 8,
            vision_layers: 2,
            vision_heads: 2,
            width: 8,
            hidden: 8,
            layers: 1,
            heads: 2,
            kv_heads: 2,
        };
        let optimiser =
            Optimiser { rate: 1e-3, floor: 0.1, warm_up: 2, beta_1: 0.9, beta_2: 0.98, weight_decay: 0.05, clip: 1.0 };
        let phase = |naming| Phase { steps: 3, images: 4, naming, mix: Some(Mix::default()), rooms: None };
        Recipe {
            name: "tiny".into(),
            seed: 1,
            model: Some(shape),
            video_model: None,
            optimiser,
            phases: vec![phase([1.0, 0.5]), phase([0.5, 0.0])],
            stop: Some(stop),
            look_every: 2,
            look_items: 4,
            card_items: None,
        }
    }

    /// A Spatial-MLLM that watches rooms.
    fn of_rooms(stop: usize) -> Recipe {
        let model = VideoShape {
            image: 28,
            patch: 7,
            vision_width: 8,
            vision_hidden: 8,
            vision_layers: 1,
            vision_heads: 2,
            width: 16,
            hidden: 8,
            layers: 1,
            heads: 2,
            kv_heads: 1,
            spatial: Some(SpatialShape { width: 8, heads: 2, tower_layers: 1, layers: 1 }),
        };
        let mix = rooms::Mix { frames: 4, canvas: 28, ..rooms::Mix::default() };
        let phase = |naming| Phase { steps: 3, images: 2, naming, mix: None, rooms: Some(mix.clone()) };
        let phases = vec![phase([1.0, 0.5]), phase([0.0, 0.0])];
        let card_items = Some(4);
        Recipe { name: "rooms".into(), model: None, video_model: Some(model), phases, card_items, ..recipe(stop) }
    }

    /// Everything that a training leaves, but for its checkpoint.
    fn left(folder: &Path) -> Vec<Vec<u8>> {
        ["model.safetensors", "README.md", "curves.png", "training/steps.csv", "training/looks.csv"]
            .map(|name| std::fs::read(folder.join(name)).unwrap())
            .to_vec()
    }

    #[test]
    fn a_resumed_training_gives_the_bytes_of_an_unbroken_one() {
        resumed_as_unbroken(recipe);
    }

    #[test]
    fn a_spatial_mllm_can_be_trained_resumed_and_opened() {
        resumed_as_unbroken(of_rooms);
    }

    fn resumed_as_unbroken(recipe: fn(usize) -> Recipe) {
        let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let device = Device::flex();
        train(&recipe(6), whole.path(), Start::Fresh, &device).unwrap();
        train(&recipe(4), broken.path(), Start::Fresh, &device).unwrap();
        assert_eq!(train(&recipe(6), broken.path(), Start::Fresh, &device).unwrap_err().exit_code(), 2);
        train(&recipe(6), broken.path(), Start::Resume, &device).unwrap();
        // The card says where the plan ended, which was the same.
        assert_eq!(left(whole.path()), left(broken.path()));
        // What was saved is a checkpoint like any other.
        assert!(crate::model::families::open(whole.path(), &device).unwrap().parameters() > 1000);
        let nothing = tempfile::tempdir().unwrap();
        assert!(train(&recipe(6), nothing.path(), Start::Resume, &device).is_err());
    }
}
