//! `vlmscope datasets`: the stimuli and the model that come with vlmscope, and the published benchmarks.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::dataset;
use crate::dataset::benchmarks::{Choice, Prompts, ROOT_VARIABLE, Source, sources};
use crate::dataset::rooms;
use crate::dataset::scenes::{SHIPPED, Shipped};
use crate::error::Result;
use crate::study::{BUNDLED_MODEL, shipped};

/// List the datasets and the model that come with vlmscope, and what is found of the published benchmarks.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  vlmscope datasets --json\n  vlmscope datasets --data-root data\n  \
                  vlmscope datasets --export scenes/pairs --out pairs")]
pub struct Datasets {
    /// The folder with the files of published benchmarks, instead of that of VLMSCOPE_DATA.
    #[arg(long, value_name = "FOLDER")]
    data_root: Option<PathBuf>,
    /// Write a dataset, shipped or not, as a folder of images with items.jsonl, for other programs to read.
    #[arg(long, value_name = "DATASET", requires = "out")]
    export: Option<String>,
    /// The folder to write it to.
    #[arg(long, value_name = "FOLDER", requires = "export")]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Of any rendered scenes; `P` is a number of pixels.
const VARIANTS: [&str; 4] = ["original", "blank", "noise", "shifted_P"];

pub(super) fn run(args: &Datasets) -> Result<()> {
    let choice = Choice { root: args.data_root.clone(), ..Choice::default() };
    if let (Some(source), Some(out)) = (&args.export, &args.out) {
        let dataset = dataset::open_with(source, &choice)?;
        dataset::export(dataset.as_ref(), out)?;
        let items = dataset.items().len();
        match args.json {
            true => println!("{}", json!({"dataset": dataset.name(), "items": items, "folder": out})),
            false => println!("{items} items in {}", out.display()),
        }
        return Ok(());
    }
    let benchmarks: Vec<Found> = sources().map(|source| Found::look(source, &choice)).collect();
    let model = shipped(BUNDLED_MODEL);
    if args.json {
        let set = |set: &Shipped| json!({"name": set.name, "about": set.about, "variants": VARIANTS});
        let room = |set: &rooms::Shipped| json!({"name": set.name, "about": set.about, "variants": ROOM_VARIANTS});
        let sets: Vec<_> = SHIPPED.iter().map(set).chain(rooms::SHIPPED.iter().map(room)).collect();
        let benchmarks: Vec<Value> = benchmarks.iter().map(Found::json).collect();
        let root = choice.named_root();
        let model = model.is_dir().then_some(&model);
        println!("{}", json!({"datasets": sets, "data_root": root, "benchmarks": benchmarks, "model": model}));
        return Ok(());
    }
    for set in SHIPPED {
        println!("{}\n    {}\n    variants: {}", set.name, set.about, VARIANTS.join(", "));
    }
    for set in rooms::SHIPPED {
        println!("{}\n    {}\n    variants: {}", set.name, set.about, ROOM_VARIANTS.join(", "));
    }
    if model.is_dir() {
        println!("{}\n    the bundled model; its card is README.md in that folder", model.display());
    }
    match choice.named_root() {
        Some(root) => println!("\nPublished benchmarks in the data root {}", root.display()),
        None => println!("\nPublished benchmarks; name a data root with --data-root FOLDER or {ROOT_VARIABLE}"),
    }
    benchmarks.iter().for_each(Found::print);
    Ok(())
}

/// Of any rendered rooms.
const ROOM_VARIANTS: [&str; 4] = ["original", "blank", "noise", "mirrored"];

/// What there is of a benchmark.
struct Found {
    source: &'static Source,
    state: State,
}

enum State {
    /// No data root: nowhere to look.
    Unknown,
    /// Each with what it is.
    Missing(Vec<(PathBuf, String)>),
    /// Its files are there; so many items, and what is to be known of them.
    Ready { items: usize, photographs_missing: usize, notes: Vec<String> },
    /// Its files are there but cannot be read.
    Broken(String),
}

impl Found {
    fn look(source: &'static Source, choice: &Choice) -> Self {
        let Some(root) = choice.named_root() else { return Self { source, state: State::Unknown } };
        let missing = source.missing(&root, Prompts::Template);
        let state = if missing.is_empty() {
            match source.open(choice) {
                Ok(set) => State::Ready {
                    items: dataset::Dataset::items(&set).len(),
                    photographs_missing: set.missing_photographs().len(),
                    notes: dataset::Dataset::notes(&set).iter().map(ToString::to_string).collect(),
                },
                Err(error) => State::Broken(error.to_string()),
            }
        } else {
            State::Missing(missing.into_iter().map(|one| (one.path, one.what)).collect())
        };
        Self { source, state }
    }

    fn print(&self) {
        println!("{}\n    {}", self.source.name, self.source.about);
        match &self.state {
            State::Unknown => {}
            State::Missing(missing) => {
                missing.iter().for_each(|(path, what)| println!("    missing: {} ({what})", path.display()));
            }
            State::Broken(error) => println!("    broken: {error}"),
            State::Ready { items, photographs_missing, notes } => {
                println!("    found: {items} items");
                if *photographs_missing > 0 {
                    println!("    missing: {photographs_missing} of their photographs");
                }
                notes.iter().for_each(|note| println!("    note: {note}"));
            }
        }
    }

    fn json(&self) -> Value {
        let mut line = json!({"name": self.source.name, "about": self.source.about});
        let (state, more) = match &self.state {
            State::Unknown => ("unknown", json!({})),
            State::Missing(missing) => {
                let list = missing.iter().map(|(path, what)| json!({"path": path, "what": what}));
                ("missing", json!({"missing": list.collect::<Vec<_>>()}))
            }
            State::Broken(error) => ("broken", json!({"error": error})),
            State::Ready { items, photographs_missing, notes } => {
                ("found", json!({"items": items, "photographs_missing": photographs_missing, "notes": notes}))
            }
        };
        line["state"] = json!(state);
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        line
    }
}
