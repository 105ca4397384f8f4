//! An arm's side of the conversation: commands come in as lines, replies go out as lines of JSON behind an `@`.
//!
//! `run FIRST COUNT` does items and says what they took; `check PATH` saves what came out of the first; at the end of the
//! commands comes what the process held at most.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};

use crate::task::{Task, save};
use crate::usage::{cpu_seconds, memory};
use crate::{Fallible, ours};

/// Does what comes in, until nothing does.
pub fn serve(task: Task, folder: &std::path::Path, scratch: &std::path::Path) -> Fallible<()> {
    let mut arm = match ours::open(task, folder, scratch) {
        Ok(arm) => arm,
        Err(error) => return say(&json!({"error": error.to_string()})),
    };
    say(&json!({"import_s": 0.0, "held": memory("VmRSS")}))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let reply = match words.as_slice() {
            ["run", first, count] => run(arm.as_mut(), first.parse()?, count.parse()?),
            ["check", ..] => {
                let path = PathBuf::from(line.trim_start_matches("check "));
                arm.outputs().and_then(|outputs| save(&outputs, &path)).map(|()| json!({}))
            }
            _ => Err(format!("`{line}` is no command").into()),
        };
        say(&reply.unwrap_or_else(|error| json!({"error": error.to_string()})))?;
    }
    say(&json!({"peak": memory("VmHWM")}))
}

fn run(arm: &mut dyn ours::Arm, first: usize, count: usize) -> Fallible<Value> {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let bytes = arm.run(first, count)?;
    Ok(json!({"cpu": cpu_seconds() - cpu, "wall": wall.elapsed().as_secs_f64(), "bytes": bytes}))
}

fn say(reply: &Value) -> Fallible<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@ {reply}")?;
    Ok(out.flush()?)
}
