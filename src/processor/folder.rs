//! The JSON files of a checkpoint folder, read so that a wrong value names its file and key.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// A JSON object and where it came from.
#[derive(Clone, Debug)]
pub struct Json {
    path: PathBuf,
    /// Keys that lead to this object inside the file.
    inside: Vec<String>,
    object: serde_json::Map<String, Value>,
}

impl Json {
    /// The object in `folder/name`; `None` where there is no such file.
    pub fn read(folder: &Path, name: &str) -> Result<Option<Self>> {
        let path = folder.join(name);
        let Some(text) = read_text(&path)? else { return Ok(None) };
        match serde_json::from_str(&text) {
            Ok(Value::Object(object)) => Ok(Some(Self { path, inside: Vec::new(), object })),
            Ok(_) => Err(Error::data(format!("`{}`: expected a JSON object at the top", path.display()))),
            Err(error) => Err(Error::data(format!("`{}` is not JSON: {error}", path.display()))
                .with_help("copy the file again, it may be incomplete")),
        }
    }

    /// The object in `folder/name`; an error where there is no such file.
    pub fn require(folder: &Path, name: &str) -> Result<Self> {
        Self::read(folder, name)?.ok_or_else(|| {
            Error::data(format!("`{}` has no `{name}`", folder.display()))
                .with_help("expected the folder of a Hugging Face checkpoint, with all its JSON files")
        })
    }

    /// The file this came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of a key; `None` where it is absent or null. `expected` completes "expected …".
    pub fn get<T: DeserializeOwned>(&self, key: &str, expected: &str) -> Result<Option<T>> {
        match self.value(key) {
            None => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|_| self.wrong(key, expected)),
        }
    }

    /// The object under a key; `None` where it is absent or null.
    pub fn section(&self, key: &str) -> Result<Option<Self>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(object)) => {
                let inside = self.inside.iter().cloned().chain([key.to_owned()]).collect();
                Ok(Some(Self { path: self.path.clone(), inside, object: object.clone() }))
            }
            Some(_) => Err(self.wrong(key, "an object")),
        }
    }

    /// The value of a key as it stands; `None` where it is absent or null.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// The complaint that a key does not hold what it should.
    pub fn wrong(&self, key: &str, expected: &str) -> Error {
        let value = self.object.get(key).map_or("nothing".to_owned(), |value| shorten(&value.to_string()));
        Error::data(format!("{}: is {value}, expected {expected}", self.place(key)))
    }

    /// "`config.json`, key `vision_config.patch_size`", for messages.
    pub fn place(&self, key: &str) -> String {
        let keys: Vec<_> = self.inside.iter().map(String::as_str).chain([key]).collect();
        format!("`{}`, key `{}`", self.path.display(), keys.join("."))
    }
}

/// The text of a special token that the tokenizer's configuration names by its own key, such as `boi_token`.
pub fn token_text(folder: &Path, key: &str, default: &str) -> Result<String> {
    let Some(json) = Json::read(folder, "tokenizer_config.json")? else { return Ok(default.to_owned()) };
    // Beside other keys, or among those of the model's own tokens; a list there names nothing.
    let nested = json.value("extra_special_tokens").and_then(|tokens| tokens.get(key)?.as_str());
    let own: Option<String> = json.get(key, "the text of a token")?.or(nested.map(str::to_owned));
    Ok(own.unwrap_or_else(|| default.to_owned()))
}

/// A text file; `None` where there is none.
pub fn read_text(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_file_and_nested_key() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), r#"{"vision": {"patch": "x", "none": null}}"#).unwrap();
        let json = Json::require(folder.path(), "a.json").unwrap();
        let vision = json.section("vision").unwrap().unwrap();
        assert_eq!(vision.get::<u32>("none", "a number").unwrap(), None);
        let error = vision.get::<u32>("patch", "a whole number").unwrap_err().to_string();
        assert!(error.contains("a.json`, key `vision.patch`: is \"x\", expected a whole number"), "{error}");
        assert!(json.section("absent").unwrap().is_none());
    }

    #[test]
    fn absent_and_broken_files_differ() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Json::read(folder.path(), "b.json").unwrap().is_none());
        assert!(Json::require(folder.path(), "b.json").unwrap_err().to_string().contains("has no `b.json`"));
        std::fs::write(folder.path().join("b.json"), r#"{"cut": "#).unwrap();
        assert!(Json::read(folder.path(), "b.json").unwrap_err().to_string().contains("is not JSON"));
    }
}
