//! vlmscope beside what people use now: the same tasks on the same weights and inputs, and the same numbers out of them before
//! anything is timed.
//!
//!     cargo bench --bench side-by-side [-- --python PATH] [--shapes tiny,medium,smolvlm] [--tasks T0,T2,T3,T5,T6,scaling]
//!         [--threads 1,2] [--arms NAMES] [--rounds 10] [--budget SECONDS] [--out FOLDER] [--from FILE.json]
//!
//! Weights and inputs are random, written once into the folder. Each arm is a process of its own for each task, loads once and
//! then repeats the task on command, in turn with the others. `--python` names an interpreter with torch and transformers, and
//! as far as they are to be compared transformer_lens, nnsight and scikit-learn; without it vlmscope is measured alone.
//! Leaves `results.json` (raw samples), `results.md` and `results.png` in the folder; `--from` makes the latter two anew.

mod arms;
mod child;
mod figure;
mod gate;
mod inputs;
mod machine;
mod measure;
mod ours;
mod results;
mod scaling;
mod serve;
mod shape;
mod table;
mod task;
mod usage;
mod weights;

use std::path::{Path, PathBuf};

use arms::{ARMS, ArmName};
use clap::Parser;
use machine::Machine;
use measure::Group;
use results::Results;
use shape::{SHAPES, Shape};
use task::Task;

pub type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
struct Asked {
    /// An interpreter for the other arms.
    #[arg(long)]
    python: Option<PathBuf>,
    #[arg(long, value_delimiter = ',', default_value = "tiny,medium,smolvlm")]
    shapes: Vec<String>,
    /// T0, T2, T3, T5, T6; `scaling` for how vlmscope's own time and memory grow.
    #[arg(long, value_delimiter = ',', default_value = "T0,T2,T3,T5,T6")]
    tasks: Vec<String>,
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Of those that are to be compared with vlmscope [default: all].
    #[arg(long, value_delimiter = ',')]
    arms: Vec<ArmName>,
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// Seconds for the rounds of one task, shape and number of threads; two are always made.
    #[arg(long, default_value_t = 180.0)]
    budget: f64,
    /// Where weights, inputs and results go [default: a folder among the temporary ones].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Samples that were kept.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Cargo's own.
    #[arg(long, hide = true)]
    bench: bool,
    /// This process is an arm: its name, the task, threads, the checkpoint, a folder to write to.
    #[arg(long, hide = true, num_args = 5)]
    serve: Option<Vec<String>>,
    /// This process is a point of the scaling figure: axis, amount, threads.
    #[arg(long, hide = true, num_args = 3)]
    scale: Option<Vec<String>>,
}

fn main() -> Fallible<()> {
    let asked = Asked::parse();
    if let Some([_, task, _, folder, scratch]) = asked.serve.as_deref() {
        return serve::serve(task_named(task)?, Path::new(folder), Path::new(scratch));
    }
    if let Some([axis, amount, threads]) = asked.scale.as_deref() {
        return scaling::point(axis, amount.parse()?, threads.parse()?);
    }
    let place = asked.out.clone().unwrap_or_else(|| std::env::temp_dir().join("vlmscope-side-by-side"));
    std::fs::create_dir_all(&place)?;
    let results = match &asked.from {
        Some(file) => serde_json::from_str(&std::fs::read_to_string(file)?)?,
        None => measure(&asked, &place)?,
    };
    let table = table::markdown(&results);
    println!("{table}");
    std::fs::write(place.join("results.md"), table)?;
    for figure in figure::figures(&results) {
        figure.save(&place.join(format!("{}.png", figure.name)))?;
    }
    println!("{}", place.display());
    Ok(())
}

fn task_named(name: &str) -> Fallible<Task> {
    <Task as clap::ValueEnum>::from_str(name, true)
        .map_err(|_| format!("`{name}` is not a task: T0, T2, T3, T5, T6").into())
}

fn measure(asked: &Asked, place: &Path) -> Fallible<Results> {
    let shape = |name: &String| {
        let known = SHAPES.iter().find(|shape| shape.name == name);
        known.ok_or_else(|| format!("`{name}` is not a shape: tiny, medium, smolvlm").into())
    };
    let shapes: Vec<&Shape> = asked.shapes.iter().map(shape).collect::<Fallible<_>>()?;
    let named = asked.tasks.iter().filter(|task| *task != "scaling");
    let tasks: Vec<Task> = named.map(|name| task_named(name)).collect::<Fallible<_>>()?;
    let mut arms = vec![ArmName::Vlmscope];
    if asked.python.is_some() {
        let wanted = |arm: &ArmName| asked.arms.is_empty() || asked.arms.contains(arm);
        arms.extend(ARMS.into_iter().filter(|arm| *arm != ArmName::Vlmscope && wanted(arm)));
    } else {
        println!("no --python: vlmscope alone is measured, and its numbers are held against nobody's\n");
    }
    let python = asked.python.as_deref();
    let mut results = Results {
        machine: Machine::look(python),
        rounds: asked.rounds,
        budget_s: asked.budget,
        absent: Vec::new(),
        cells: Vec::new(),
        scaling: Vec::new(),
    };
    let scratch = tempfile::tempdir_in(place)?;
    let keep = |results: &mut Results| -> Fallible<()> {
        results.machine.finish();
        Ok(std::fs::write(place.join("results.json"), serde_json::to_string_pretty(results)?)?)
    };
    let mut refused = Vec::new();
    for shape in shapes {
        let folder = weights::checkpoint(place, shape)?;
        inputs::write(&folder, shape)?;
        for &task in &tasks {
            for &threads in &asked.threads {
                eprintln!("{} {} {threads} threads", shape.name, task.name());
                let (rounds, budget_s) = (asked.rounds, asked.budget);
                let (name, arms, folder, scratch) = (shape.name, arms.as_slice(), folder.as_path(), scratch.path());
                let group = Group { shape: name, task, threads, arms, python, folder, scratch, rounds, budget_s };
                match group.measure() {
                    Ok(cells) => results.cells.extend(cells),
                    Err(error) => refused.push(format!("{name} {}, {threads} threads: {error}", task.name())),
                }
                // What is measured is kept, whatever comes next.
                keep(&mut results)?;
            }
        }
    }
    if asked.tasks.iter().any(|task| task == "scaling") {
        results.scaling = scaling::measure(&asked.threads)?;
        keep(&mut results)?;
    }
    refused.iter().for_each(|reason| println!("NOT MEASURED, outputs differ or an arm failed: {reason}\n"));
    Ok(results)
}
