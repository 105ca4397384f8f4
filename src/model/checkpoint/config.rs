//! Reading the JSON beside the weights.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// Reads a JSON file.
pub fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    serde_json::from_str(&text).map_err(|error| Error::data(format!("{}: not valid JSON: {error}", path.display())))
}

/// The value of a key, or the class's default where the file leaves it out (published files are sparse).
pub fn field<T: DeserializeOwned>(config: &Value, key: &str, default: T) -> Result<T> {
    match config.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => {
            serde_json::from_value(value.clone()).map_err(|error| Error::data(format!("`{key}` is `{value}`: {error}")))
        }
    }
}
