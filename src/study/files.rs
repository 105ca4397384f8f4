//! A file, or several: in a study file a path, or a list of paths.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Any number of files; none where the key is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMore", into = "OneOrMore")]
pub struct Files(pub Vec<PathBuf>);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a path, or a list of paths")]
enum OneOrMore {
    One(PathBuf),
    More(Vec<PathBuf>),
}

impl From<OneOrMore> for Files {
    fn from(files: OneOrMore) -> Self {
        match files {
            OneOrMore::One(file) => Self(vec![file]),
            OneOrMore::More(files) => Self(files),
        }
    }
}

impl From<Files> for OneOrMore {
    fn from(Files(files): Files) -> Self {
        match <[PathBuf; 1]>::try_from(files) {
            Ok([one]) => Self::One(one),
            Err(files) => Self::More(files),
        }
    }
}

impl Files {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::dataset::benchmarks::{Prompts, Split};
    use crate::study::DatasetChoice;

    const SOURCE: &str = "source = \"whatsup/controlled-a\"\n";

    #[test]
    fn what_a_study_says_of_a_benchmark_reaches_it() {
        let text = "root = \"data\"\nsplit = \"test\"\nprompts = \"published\"\nboxes = [\"a.json\", \"b.json\"]\n";
        let choice: DatasetChoice = toml::from_str(&format!("{SOURCE}{text}")).unwrap();
        let benchmark = choice.benchmark();
        assert_eq!((benchmark.split, benchmark.prompts), (Split::Test, Prompts::Published));
        assert_eq!((benchmark.root, benchmark.boxes.len()), (Some("data".into()), 2));
        assert_eq!(toml::from_str::<DatasetChoice>(&toml::to_string(&choice).unwrap()).unwrap(), choice);
        let one: DatasetChoice = toml::from_str(&format!("{SOURCE}boxes = \"a.json\"")).unwrap();
        assert_eq!(one.benchmark().boxes, ["a.json"].map(std::path::PathBuf::from));
    }

    #[test]
    fn keys_that_are_left_out_stay_out_of_the_manifest() {
        let choice: DatasetChoice = toml::from_str(SOURCE).unwrap();
        assert_eq!(toml::to_string(&choice).unwrap(), SOURCE);
        let error = toml::from_str::<DatasetChoice>(&format!("{SOURCE}boxes = 3")).unwrap_err();
        assert!(error.to_string().contains("expected a path, or a list of paths"), "{error}");
        assert!(toml::from_str::<DatasetChoice>(&format!("{SOURCE}split = \"train\"")).is_err());
    }
}
