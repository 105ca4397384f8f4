//! Where the things are that come with vlmscope: studies, datasets, the bundled model.

use std::path::{Path, PathBuf};

/// The model that comes with vlmscope.
pub const BUNDLED_MODEL: &str = "datasets/scenes-llava";

/// A path as the user means it: from the current directory if it is there, else from the source tree that this binary was
/// built in. A path that is in neither place comes back as it is, for the error message.
pub fn shipped(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if !path.exists() && built_in.exists() { built_in } else { path.to_path_buf() }
}

/// The study files in `analyses/`, by name.
pub fn shipped_studies() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(shipped("analyses")).into_iter().flatten().flatten();
    let mut studies: Vec<_> = entries.map(|entry| entry.path()).filter(|path| is_toml(path)).collect();
    studies.sort();
    studies
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nowhere_keeps_its_name() {
        assert_eq!(shipped("no/such/thing"), PathBuf::from("no/such/thing"));
        assert!(shipped("Cargo.toml").exists());
    }
}
