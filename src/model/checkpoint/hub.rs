//! A model by the name that the Hugging Face hub knows it by, found in the cache that Python's `huggingface_hub` shares.
//!
//! Nothing here reaches the network: what is not in the cache is an error that says how to get it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, Result};

/// A repository of the hub: `organisation/name`, with `@revision` for another branch, tag or commit than `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    pub id: String,
    pub revision: Option<String>,
}

impl FromStr for HubModel {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let (id, revision) = name.split_once('@').map_or((name, None), |(id, revision)| (id, Some(revision)));
        let part = |text: &str, more: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c) || more.contains(c);
            !text.is_empty() && text.chars().all(known) && !text.starts_with('.') && !text.contains("..")
        };
        let is_id = matches!(id.split_once('/'), Some((owner, name)) if part(owner, "") && part(name, ""));
        if is_id && revision.is_none_or(|revision| part(revision, "/")) {
            return Ok(Self { id: id.to_owned(), revision: revision.map(str::to_owned) });
        }
        Err(Error::usage(format!("the model `{name}` is neither a folder nor the name of one on the Hugging Face hub"))
            .with_help(
                "a model is a Hugging Face folder (config.json, *.safetensors, tokenizer.json, processor files), or a name \
                 such as HuggingFaceTB/SmolVLM-256M-Instruct, with @revision for another one than `main`",
            ))
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

impl HubModel {
    /// The branch, tag or commit.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// Its folder in a cache, `models--organisation--name`.
    pub fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(format!("models--{}", self.id.replace('/', "--")))
    }

    /// The files of its revision in a cache.
    ///
    /// # Errors
    /// It is not there, with the folder that was looked in and the command that fetches it.
    pub fn in_cache(&self, cache: &Path) -> Result<PathBuf> {
        let folder = self.folder(cache);
        let fetch = format!("`vlmscope download {self}` fetches it (Python: `hf download {}`)", self.id);
        if !folder.is_dir() {
            let message = format!("the model `{}` is not in the cache: looked for `{}`", self.id, folder.display());
            return Err(Error::usage(message)
                .with_help(format!("{fetch}; HF_HOME or HF_HUB_CACHE name a cache that is elsewhere")));
        }
        let named = folder.join("refs").join(self.revision());
        let commit = match std::fs::read_to_string(&named) {
            Ok(commit) => commit.trim().to_owned(),
            // No branch or tag of that name: a commit.
            Err(_) => self.revision().to_owned(),
        };
        let snapshot = folder.join("snapshots").join(&commit);
        if !snapshot.is_dir() {
            let error = Error::usage(format!(
                "the revision `{}` of `{}` is not in the cache: looked for `{}`",
                self.revision(),
                self.id,
                snapshot.display()
            ));
            return Err(error.with_help(format!("{fetch}; in the cache are: {}", there(&folder))));
        }
        if !snapshot.join("config.json").exists() {
            let message = format!("`{}` has no config.json: the download is incomplete", snapshot.display());
            return Err(Error::data(message).with_help(fetch));
        }
        Ok(snapshot)
    }
}

/// The branches, tags and commits of a repository in the cache.
fn there(folder: &Path) -> String {
    let names = |part: &str| {
        let entries = std::fs::read_dir(folder.join(part)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let mut all = [names("refs"), names("snapshots")].concat();
    all.sort();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// Where the cache is: `HF_HUB_CACHE`, `HF_HOME`/hub, `XDG_CACHE_HOME`/huggingface/hub, or ~/.cache/huggingface/hub.
pub fn cache() -> PathBuf {
    cache_of(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn cache_of(variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let home = || {
        let caches = variable("XDG_CACHE_HOME").or_else(|| {
            let home = variable("HOME").or_else(|| variable("USERPROFILE"));
            home.map(|home| home.join(".cache"))
        });
        caches.unwrap_or_else(|| PathBuf::from(".cache")).join("huggingface")
    };
    variable("HF_HUB_CACHE").unwrap_or_else(|| variable("HF_HOME").unwrap_or_else(home).join("hub"))
}

/// The folder of a model that is named by its path, or by its name on the hub.
///
/// # Errors
/// Neither a folder nor in the cache.
pub fn find(model: &Path) -> Result<PathBuf> {
    if model.is_dir() {
        return Ok(model.to_path_buf());
    }
    model.to_string_lossy().parse::<HubModel>()?.in_cache(&cache())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_two_parts_and_maybe_a_revision() {
        let parsed: HubModel = "google/gemma-3-4b-it@refs/pr/2".parse().unwrap();
        assert_eq!((parsed.id.as_str(), parsed.revision()), ("google/gemma-3-4b-it", "refs/pr/2"));
        assert_eq!(parsed.to_string(), "google/gemma-3-4b-it@refs/pr/2");
        assert_eq!("a/b".parse::<HubModel>().unwrap().revision(), "main");
        for wrong in ["model", "/abs/olute", "./here", "a/b/c", "a/b@", "a/../b", "a/b@../../x", ""] {
            let error = wrong.parse::<HubModel>().unwrap_err();
            assert!(error.to_string().contains("neither a folder nor"), "{wrong}");
        }
    }

    #[test]
    fn the_cache_is_where_python_looks() {
        let with = |pairs: &'static [(&str, &str)]| {
            cache_of(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value)))
        };
        assert_eq!(with(&[("HOME", "/h")]), PathBuf::from("/h/.cache/huggingface/hub"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), PathBuf::from("/x/huggingface/hub"));
        assert_eq!(with(&[("HOME", "/h"), ("HF_HOME", "/f")]), PathBuf::from("/f/hub"));
        assert_eq!(with(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")]), PathBuf::from("/c"));
    }

    #[test]
    fn a_model_is_found_by_branch_and_by_commit() {
        let cache = tempfile::tempdir().unwrap();
        let model: HubModel = "a/b".parse().unwrap();
        let error = model.in_cache(cache.path()).unwrap_err();
        assert!(error.to_string().contains("models--a--b"), "{error}");
        assert!(error.help().unwrap().contains("`vlmscope download a/b`"));

        let folder = model.folder(cache.path());
        let snapshot = folder.join("snapshots/12ab");
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::create_dir_all(folder.join("refs")).unwrap();
        std::fs::write(folder.join("refs/main"), "12ab\n").unwrap();
        assert!(model.in_cache(cache.path()).unwrap_err().to_string().contains("incomplete"));
        std::fs::write(snapshot.join("config.json"), "{}").unwrap();
        assert_eq!(model.in_cache(cache.path()).unwrap(), snapshot);
        let by = |revision: &str| HubModel { revision: Some(revision.into()), ..model.clone() }.in_cache(cache.path());
        assert_eq!(by("12ab").unwrap(), snapshot);
        let error = by("v2").unwrap_err();
        assert!(error.to_string().contains("revision `v2`") && error.help().unwrap().contains("12ab, main"), "{error}");
    }
}
