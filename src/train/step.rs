//! One optimiser step, its batch cut into shards that run beside each other.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};

use super::objective::losses;
use super::pack::Packed;
use super::student::Student;
use crate::error::{Error, Result};

/// What one step saw.
pub struct Outcome {
    pub gradients: GradientsParams,
    pub loss: f64,
    /// For each question in order, right or not.
    pub right: Vec<bool>,
}

/// Gradients of the mean loss over the shards. Each shard runs on a thread of its own, its tensor operations in sequence:
/// for models this small that is faster than cutting every operation in two, and the result does not depend on timing.
pub fn gradients(model: &Student, shards: &[Packed], naming: f64, eos: u32, device: &Device) -> Result<Outcome> {
    let share = 1.0 / shards.len() as f64;
    let run = |shard: &Packed| -> Result<Outcome> {
        // A fork has an autodiff graph of its own.
        let model = model.clone().fork(device);
        let losses = losses(&model, &shard.onto(device, eos)?, naming)?;
        let loss = losses.answer.into_data().iter::<f64>().next().unwrap_or(f64::NAN);
        let right = losses.right.into_data().iter::<i64>().map(|right| right == 1).collect();
        let gradients = GradientsParams::from_grads((losses.total * share).backward(), &model);
        Ok(Outcome { gradients, loss, right })
    };
    let outcomes: Vec<Result<Outcome>> = std::thread::scope(|scope| {
        let threads: Vec<_> = shards.iter().map(|shard| scope.spawn(move || alone(|| run(shard)))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::data("a training thread panicked"))))
            .collect()
    });
    let mut sum = GradientsAccumulator::new();
    let (mut loss, mut right) = (0.0, Vec::new());
    for outcome in outcomes {
        let outcome = outcome?;
        sum.accumulate(model, outcome.gradients);
        loss += outcome.loss * share;
        right.extend(outcome.right);
    }
    Ok(Outcome { gradients: sum.grads(), loss, right })
}

/// Runs with one thread for everything inside.
fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// Shortens the gradients, taken together as one vector, to at most `most`; returns their length before.
pub fn clip(model: &Student, gradients: GradientsParams, most: f64) -> (GradientsParams, f64) {
    let mut norm = Norm { gradients: &gradients, squares: 0.0 };
    model.visit(&mut norm);
    let length = norm.squares.sqrt();
    if length <= most {
        return (gradients, length);
    }
    let mut scaled = Scale { from: gradients, to: GradientsParams::new(), by: most / length };
    model.visit(&mut scaled);
    (scaled.to, length)
}

struct Norm<'g> {
    gradients: &'g GradientsParams,
    squares: f64,
}

impl ModuleVisitor for Norm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.squares += gradient.square().sum().into_data().iter::<f64>().next().unwrap_or(0.0);
        }
    }
}

struct Scale {
    from: GradientsParams,
    to: GradientsParams,
    by: f64,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let id: ParamId = param.id;
        if let Some(gradient) = self.from.remove::<D>(id) {
            self.to.register(id, gradient * self.by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::scenes::Mix;
    use crate::model::{Hooks, Inputs};
    use crate::processor::Processor;
    use crate::train::lesson::{self, Lesson, Topic};
    use crate::train::pack::Packer;
    use crate::train::recipe::Architecture;
    use crate::train::{Shape, SpatialShape, VideoShape, scaffold};

    const SHAPE: Shape = Shape {
        image: 32,
        patch: 8,
        vision_width: 16,
        vision_hidden: 32,
        vision_layers: 2,
        vision_heads: 2,
        width: 16,
        hidden: 32,
        layers: 2,
        heads: 2,
        kv_heads: 1,
    };

    /// A Spatial-MLLM whose frames have 2 x 2 tokens.
    const VIDEO: VideoShape = VideoShape {
        image: 16,
        patch: 4,
        vision_width: 16,
        vision_hidden: 16,
        vision_layers: 2,
        vision_heads: 2,
        width: 16,
        hidden: 32,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        spatial: Some(SpatialShape { width: 8, heads: 2, tower_layers: 1, layers: 1 }),
    };

    struct Setting {
        _folder: tempfile::TempDir,
        processor: Processor,
        model: Student,
        device: Device,
        lessons: Vec<Lesson>,
    }

    fn setting() -> Setting {
        made(Architecture::Llava(&SHAPE), |lesson| lesson)
    }

    /// The same scenes as videos: four frames, in which the picture moves to the right.
    fn videos() -> Setting {
        made(Architecture::Video(&VIDEO), |lesson| {
            let picture = &lesson.frames[0];
            let moved = |by: u32| {
                image::RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
                    *picture.get_pixel((x + picture.width() - by) % picture.width(), y)
                })
            };
            Lesson { frames: (0..4).map(|n| moved(8 * n)).collect(), ..lesson }
        })
    }

    fn made(architecture: Architecture<'_>, change: impl Fn(Lesson) -> Lesson) -> Setting {
        let folder = tempfile::tempdir().unwrap();
        scaffold::write(folder.path(), architecture, &Topic::Scenes.vocabulary()).unwrap();
        let processor = Processor::open(folder.path()).unwrap();
        let device = Device::flex().autodiff();
        let (model, _) = Student::fresh(folder.path(), 1, &device).unwrap();
        let course = lesson::scenes(&Mix::default(), 3).unwrap();
        let lessons = (0..4).map(|index| change(course.lesson(index))).collect();
        Setting { _folder: folder, processor, model, device, lessons }
    }

    /// The loss without gradients being asked for anything else.
    fn loss(setting: &Setting, shards: usize) -> (f64, f64) {
        let each = setting.lessons.len() / shards;
        let mut packer = Packer::new(&setting.processor).unwrap();
        let packed: Vec<_> = setting.lessons.chunks(each).map(|shard| packer.pack(shard).unwrap()).collect();
        let outcome = gradients(&setting.model, &packed, 0.5, packer.eos(), &setting.device).unwrap();
        let (_, length) = clip(&setting.model, outcome.gradients, f64::INFINITY);
        (outcome.loss, length)
    }

    #[test]
    fn a_packed_question_is_the_prompt_that_the_model_is_asked_later() {
        for setting in [setting(), videos()] {
            let model = setting.model.valid();
            let device = Device::flex();
            let mut packer = Packer::new(&setting.processor).unwrap();
            let lesson = &setting.lessons[0];
            let batch = packer.pack(std::slice::from_ref(lesson)).unwrap().onto(&device, packer.eos()).unwrap();
            let packed = crate::train::objective::answers_alone(&model, &batch).unwrap();
            let packed: Vec<f32> = packed.into_data().iter::<f32>().collect();
            for (turn, packed) in lesson.turns.iter().zip(packed.chunks(packed.len() / 2 / lesson.turns.len())) {
                let shown = setting.processor.shown(&lesson.frames).unwrap();
                let item = setting.processor.ask(shown, &turn.question, &[]).unwrap();
                let inputs = Inputs::collate(&[&item], &device).unwrap();
                let alone = model.walk().run(&inputs, &mut Hooks::none()).unwrap();
                for (a, b) in alone.into_data().iter::<f32>().zip(packed) {
                    assert!((a - b).abs() < 1e-4, "{}: {a} {b}", turn.question);
                }
            }
        }
    }

    /// Every parameter that an answer depends on gets a gradient: of a Spatial-MLLM, all but the token for hidden patches, which
    /// only its own training knows.
    #[test]
    fn both_encoders_learn() {
        let setting = videos();
        let mut packer = Packer::new(&setting.processor).unwrap();
        let packed = [packer.pack(&setting.lessons).unwrap()];
        let outcome = gradients(&setting.model, &packed, 0.0, packer.eos(), &setting.device).unwrap();
        struct Still<'g>(&'g GradientsParams, usize, usize);
        impl ModuleVisitor for Still<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let length = self.0.get::<D>(param.id).map(|gradient| gradient.abs().sum().into_scalar::<f32>());
                *if length.is_some_and(|length| length > 0.0) { &mut self.1 } else { &mut self.2 } += 1;
            }
        }
        let mut still = Still(&outcome.gradients, 0, 0);
        setting.model.visit(&mut still);
        assert!(still.1 > 100 && still.2 == 1, "{} learn, {} do not", still.1, still.2);
    }

    #[test]
    fn shards_change_the_rounding_and_nothing_else() {
        let setting = setting();
        // Every sample has equally many questions, so that the mean over shards is the mean over all.
        assert!(setting.lessons.iter().all(|lesson| lesson.turns.len() == setting.lessons[0].turns.len()));
        let (whole, two) = (loss(&setting, 1), loss(&setting, 2));
        assert!((whole.0 - two.0).abs() < 1e-5, "{whole:?} {two:?}");
        assert_eq!(loss(&setting, 2), two);
    }

    #[test]
    fn clipping_shortens_all_gradients_together() {
        let setting = setting();
        let mut packer = Packer::new(&setting.processor).unwrap();
        let packed = [packer.pack(&setting.lessons).unwrap()];
        let outcome = gradients(&setting.model, &packed, 0.0, packer.eos(), &setting.device).unwrap();
        let (clipped, before) = clip(&setting.model, outcome.gradients, 0.1);
        let (_, after) = clip(&setting.model, clipped, f64::INFINITY);
        assert!(before > 0.1 && (after - 0.1).abs() < 1e-4, "{before} {after}");
    }
}
