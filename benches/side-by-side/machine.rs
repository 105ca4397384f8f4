//! Where, when and with what it was measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Fallible;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// UTC.
    pub date: String,
    pub processor: String,
    pub cores: usize,
    pub memory: u64,
    pub system: String,
    /// Processes that ran or waited for a core in the minute before, this one not among them.
    pub load_before: f64,
    pub load_after: f64,
    pub versions: BTreeMap<String, String>,
}

impl Machine {
    pub fn look(python: Option<&Path>) -> Self {
        let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let memory = sysinfo::System::new().map(|mut system| {
            system.refresh_memory();
            system.total_memory()
        });
        let said = |program: &str, words: &[&str]| {
            let output = Command::new(program).args(words).output().ok().filter(|output| output.status.success())?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
        };
        let mut versions = BTreeMap::from([("vlmscope".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
        let here = env!("CARGO_MANIFEST_DIR");
        let found = [
            ("rustc", said("rustc", &["--version"])),
            ("commit", said("git", &["-C", here, "describe", "--always", "--dirty", "--abbrev=10"])),
        ];
        versions.extend(found.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))));
        versions.extend(python.and_then(|python| packages(python).ok()).unwrap_or_default());
        Self {
            date: said("date", &["-u", "+%Y-%m-%d %H:%M"]).unwrap_or_default(),
            processor: model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory: memory.unwrap_or_default(),
            system: sysinfo::System::long_os_version().unwrap_or_default(),
            load_before: load(),
            load_after: 0.0,
            versions,
        }
    }

    pub fn finish(&mut self) {
        self.load_after = load();
    }
}

fn load() -> f64 {
    sysinfo::System::load_average().map_or(0.0, |load| load.one)
}

/// Versions of what the Python arms use, of what is installed.
fn packages(python: &Path) -> Fallible<BTreeMap<String, String>> {
    let script = "import json, sys, importlib.metadata as m\n\
        found = {'python': sys.version.split()[0]}\n\
        for name in ['torch', 'transformers', 'transformer_lens', 'nnsight', 'scikit-learn', 'numpy']:\n\
        \x20try: found[name] = m.version(name)\n\
        \x20except m.PackageNotFoundError: pass\n\
        print(json.dumps(found))";
    let output = Command::new(python).args(["-c", script]).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}
