//! The model card: what the organism is, how it was made, what it can and what it is not.

use std::fmt::Write;
use std::path::Path;

use super::evaluate::Tally;
use super::recipe::{Recipe, Shape, SpatialShape, VideoShape};
use crate::error::{Error, Result};
use crate::stats::wilson;

/// Writes `README.md` into the model's folder.
pub fn write(folder: &Path, recipe: &Recipe, parameters: usize, tallies: &[Tally]) -> Result<()> {
    let path = folder.join("README.md");
    std::fs::write(&path, card(recipe, parameters, tallies)).map_err(|source| Error::io("write", &path, source))
}

fn card(recipe: &Recipe, parameters: usize, tallies: &[Tally]) -> String {
    let mut card = match (&recipe.model, &recipe.video_model) {
        (Some(model), _) => llava(recipe, model, parameters),
        (None, Some(model)) => video(recipe, model, parameters),
        (None, None) => String::new(),
    };
    card += "## Held-out accuracy\n\n\
             The answer is the most probable option at the last position of the prompt. 95 % Wilson intervals.\n\n\
             | dataset | stratum | right | n | accuracy | interval |\n|---|---|---|---|---|---|\n";
    for Tally { dataset, stratum, right, n } in tallies {
        let interval = wilson(*right, *n)
            .map_or_else(String::new, |interval| format!("{:.1} to {:.1} %", 100.0 * interval.lo, 100.0 * interval.hi));
        let accuracy = 100.0 * *right as f64 / (*n).max(1) as f64;
        let _ = writeln!(card, "| `{dataset}` | {stratum} | {right} | {n} | {accuracy:.1} % | {interval} |");
    }
    let _ = write!(card, "\n{}\n\n", recipe.topic().chance());
    card + "## What it is not\n\n\
         - Not a model of photographs or of language: it knows some fifty words and few ways to ask.\n\
         - Not evidence about large models. What is found in it shows that a method works, not that a published model does \
         the same.\n\
         - Held-out identities are new combinations of known shapes and colours.\n\
         - One seed. Another may distribute the work over other layers and heads.\n"
}

/// What is said of the plan and of the optimiser.
fn plan(recipe: &Recipe) -> String {
    let Recipe { seed, optimiser, phases, .. } = recipe;
    let images: usize = (0..recipe.steps()).map(|step| phases[recipe.phase(step).0].images).sum();
    format!(
        "`recipe.toml` beside this file, seed {seed}: {} steps, {images} images or videos with several questions each, AdamW \
         with rate {}, betas {} and {}, weight decay {}, gradients clipped to {}, {} steps of warm-up, cosine decay. Curves: \
         `curves.png`, from `training/steps.csv` and `training/looks.csv`.",
        recipe.steps(),
        optimiser.rate,
        optimiser.beta_1,
        optimiser.beta_2,
        optimiser.weight_decay,
        optimiser.clip,
        optimiser.warm_up,
    )
}

fn video(recipe: &Recipe, model: &VideoShape, parameters: usize) -> String {
    let (kind, family) = match model.spatial {
        Some(_) => {
            ("true Spatial-MLLM v1.1 (Qwen2.5-VL tower, VGGT aggregator, connector, Qwen2 decoder)", "spatial-mllm")
        }
        None => (
            "true Qwen2.5-VL, the one inside a Spatial-MLLM trained alike: the control without a spatial encoder",
            "qwen2_5_vl",
        ),
    };
    let spatial = model.spatial.as_ref().map_or_else(String::new, |spatial| {
        let SpatialShape { width, heads, tower_layers, layers } = spatial;
        format!(
            "| VGGT aggregator | image tower of {tower_layers} layers, {layers} pairs of blocks within and across frames, \
             width {width}, {heads} heads |\n"
        )
    });
    format!(
        "---\nlicense: mit\ntags: [{family}, model-organism, interpretability]\n---\n\n\
         # {}\n\n\
         A **small model organism**: a {kind}; `model_type: {family}`, {:.2} million parameters, trained from random weights \
         on rendered videos by `vlmscope train`. It is made to be taken apart, not to be used.\n\n\
         ## Architecture\n\n\
         | part | |\n|---|---|\n\
         | frames | {} x {} pixels, patches of {} |\n\
         | image tower | {} layers, width {}, {} heads, MLP {} |\n\
         {spatial}\
         | decoder | {} layers, width {}, {} heads ({} key/value), MLP {} |\n\n\
         ## Training\n\n{} First single frames, then videos. With a weight that fades, image tokens are also asked to name \
         what stands in the middle of their patch (colour, form, left or right, metres from the camera) through the decoder's \
         word embeddings. The test set shows rooms that training never shows, half of them with identities (form and colour) \
         that it never shows.\n\n",
        recipe.name,
        parameters as f64 / 1e6,
        model.image,
        model.image,
        model.patch,
        model.vision_layers,
        model.vision_width,
        model.vision_heads,
        model.vision_hidden,
        model.layers,
        model.width,
        model.heads,
        model.kv_heads,
        model.hidden,
        plan(recipe),
    )
}

fn llava(recipe: &Recipe, model: &Shape, parameters: usize) -> String {
    let side = model.image / model.patch;
    let vertical = recipe.phases.iter().filter_map(|phase| Some(phase.mix.as_ref()?.vertical)).fold(0.0, f64::max);
    let mut card = format!(
        "---\nlicense: mit\ntags: [llava, model-organism, interpretability]\n---\n\n\
         # {}\n\n\
         A **small model organism**: a true LLaVA-1.5 (CLIP tower, projector, LLaMA decoder; `model_type: llava`) with \
         {:.2} million parameters, trained from random weights on rendered scenes by `vlmscope train`. It is made to be \
         taken apart, not to be used.\n\n\
         ## Architecture\n\n\
         | part | |\n|---|---|\n\
         | image | {} x {} pixels, patches of {}, {side} x {side} image tokens |\n\
         | CLIP tower | {} layers (the last is never read), width {}, {} heads, MLP {} |\n\
         | LLaMA decoder | {} layers, width {}, {} heads ({} key/value), MLP {} |\n\n",
        recipe.name,
        parameters as f64 / 1e6,
        model.image,
        model.image,
        model.patch,
        model.vision_layers,
        model.vision_width,
        model.vision_heads,
        model.vision_hidden,
        model.layers,
        model.width,
        model.heads,
        model.kv_heads,
        model.hidden,
    );
    let _ = write!(
        card,
        "## Training\n\n{} In the first phase, image tokens are also asked to name what their patch shows through the \
         decoder's word embeddings. A share of {:.1} % of the pairs stands one above the other, so *above* and *below* are \
         unfamiliar. Pairs of the test set show identities (shape and colour) that training never shows; rows show triples \
         that training never shows. Nearly all pairs can be told apart by colour alone; the accuracy says little about \
         shapes.\n\n",
        plan(recipe),
        100.0 * vertical,
    );
    card
}
