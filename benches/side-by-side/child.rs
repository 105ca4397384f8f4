//! An arm as a process of its own, so that its memory is its own, and how to talk to it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Fallible;
use crate::arms::ArmName;
use crate::task::Task;

/// What an arm says when it is ready.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Loaded {
    /// Seconds that Python took to import the modules.
    pub import_s: f64,
    /// Bytes of memory, model loaded.
    pub held: u64,
}

/// What some items took.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Took {
    pub cpu: f64,
    pub wall: f64,
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Peak {
    peak: u64,
}

pub struct Process {
    child: Child,
    commands: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    begun: Instant,
    pub loaded: Loaded,
}

impl Process {
    /// Starts an arm and waits until it is ready; an error is the arm's own reason.
    pub fn start(
        arm: ArmName,
        python: Option<&Path>,
        task: Task,
        threads: usize,
        folder: &Path,
        scratch: &Path,
    ) -> Fallible<Self> {
        let mut command = match (arm, python) {
            (ArmName::Vlmscope, _) => Command::new(std::env::current_exe()?),
            (_, None) => return Err("no Python was given".into()),
            (_, Some(python)) => {
                let mut command = Command::new(python);
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/side-by-side/arms"));
                command
            }
        };
        command.args(["--serve", arm.name(), task.name(), &threads.to_string()]).arg(folder).arg(scratch);
        for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
            command.env(variable, threads.to_string());
        }
        command.envs([("HF_HUB_OFFLINE", "1"), ("TOKENIZERS_PARALLELISM", "false"), ("PYTHONDONTWRITEBYTECODE", "1")]);
        let begun = Instant::now();
        // What libraries say in passing would drown the table; an arm's own words come as replies.
        let log = std::fs::File::create(scratch.join("stderr.txt"))?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let commands = child.stdin.take();
        let replies = BufReader::new(child.stdout.take().ok_or("no output")?);
        let loaded = Loaded { import_s: 0.0, held: 0 };
        let mut process = Self { child, commands, replies, begun, loaded };
        process.loaded = process.reply()?;
        Ok(process)
    }

    /// Seconds since it was started.
    pub fn age(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    pub fn run(&mut self, first: usize, count: usize) -> Fallible<Took> {
        self.ask(&format!("run {first} {count}"))
    }

    pub fn check(&mut self, path: &Path) -> Fallible<()> {
        self.ask::<Value>(&format!("check {}", path.display())).map(drop)
    }

    /// Ends it; says how many bytes it held at most.
    pub fn finish(mut self) -> Fallible<u64> {
        drop(self.commands.take());
        let Peak { peak } = self.reply()?;
        self.child.wait()?;
        Ok(peak)
    }

    fn ask<T: DeserializeOwned>(&mut self, command: &str) -> Fallible<T> {
        writeln!(self.commands.as_mut().ok_or("the arm has ended")?, "{command}")?;
        self.reply()
    }

    fn reply<T: DeserializeOwned>(&mut self) -> Fallible<T> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.replies.read_line(&mut line)? == 0 {
                return Err(format!("the arm ended without a word: {}", self.child.wait()?).into());
            }
            let Some(json) = line.strip_prefix("@ ") else { continue };
            let reply: Value = serde_json::from_str(json)?;
            return match reply.get("error").and_then(Value::as_str) {
                Some(error) => Err(error.to_owned().into()),
                None => Ok(serde_json::from_value(reply)?),
            };
        }
    }
}

impl Drop for Process {
    /// An arm that is not needed any more must not go on computing beside the others.
    fn drop(&mut self) {
        drop(self.commands.take());
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
