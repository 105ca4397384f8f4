//! What a user may choose about a published benchmark.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Split;
use crate::error::{Error, Result};

/// The environment variable with the data root.
pub const ROOT_VARIABLE: &str = "VLMSCOPE_DATA";

/// How a published benchmark is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The folder with the published files; without it, that of [`ROOT_VARIABLE`].
    pub root: Option<PathBuf>,
    pub split: Split,
    pub prompts: Prompts,
    /// Files with boxes; the ones that come first count where two know an image.
    pub boxes: Vec<PathBuf>,
}

/// Where the questions come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prompts {
    /// Made from the annotations, all of one form.
    #[default]
    Template,
    /// As the study's prompt files have them, with their irregularities.
    Published,
}

impl Choice {
    /// The data root, if one is named.
    pub fn named_root(&self) -> Option<PathBuf> {
        let from_environment = || std::env::var_os(ROOT_VARIABLE).filter(|root| !root.is_empty()).map(PathBuf::from);
        self.root.clone().or_else(from_environment)
    }

    /// The data root, which has to exist.
    pub(super) fn root(&self) -> Result<PathBuf> {
        let help = format!(
            "give the folder with the published files: `[dataset] root` in the study, --data-root FOLDER, or {ROOT_VARIABLE}"
        );
        let root = self.named_root().ok_or_else(|| Error::usage("no data root is named").with_help(&help))?;
        match root.is_dir() {
            true => Ok(root),
            false => Err(Error::usage(format!("the data root `{}` is not a folder", root.display())).with_help(help)),
        }
    }

    /// Where each file of boxes lies: as it is named, or else in the data root.
    pub(super) fn box_files(&self, root: &Path) -> Vec<PathBuf> {
        let find = |named: &PathBuf| if named.exists() { named.clone() } else { root.join(named) };
        self.boxes.iter().map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_root_has_to_be_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let choice = |root: PathBuf| Choice { root: Some(root), ..Choice::default() };
        assert_eq!(choice(folder.path().into()).root().unwrap(), folder.path());
        let error = choice(folder.path().join("gone")).root().unwrap_err();
        assert!(error.to_string().contains("is not a folder") && error.help().unwrap().contains("--data-root"));
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn boxes_are_looked_for_where_they_are_named_then_in_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("here.json");
        std::fs::write(&here, "").unwrap();
        let choice = Choice { boxes: vec![here.clone(), "there.json".into()], ..Choice::default() };
        assert_eq!(choice.box_files(Path::new("root")), [here, Path::new("root").join("there.json")]);
    }
}
