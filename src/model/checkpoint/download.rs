//! From the Hugging Face hub into the cache that Python shares.

use std::path::PathBuf;

use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Repo, RepoType};
use serde_json::Value;

use super::hub::{HubModel, cache};
use crate::error::{Error, Result};

/// A model on the hub, and what it says of itself.
pub struct Remote {
    repository: ApiRepo,
    model: HubModel,
    /// "apache-2.0", "gemma"; `None` where the page names none.
    pub licence: Option<String>,
    /// Whether its conditions must be accepted on its page first.
    pub gated: bool,
    /// The files that are read here.
    pub files: Vec<String>,
}

impl Remote {
    /// Asks the hub what there is. `HF_TOKEN` or the token that Python's login left is used; `HF_ENDPOINT` names another hub.
    ///
    /// # Errors
    /// `HF_HUB_OFFLINE` is set, the hub cannot be reached, there is no such model, or it is not for everyone.
    pub fn ask(model: &HubModel) -> Result<Self> {
        if std::env::var("HF_HUB_OFFLINE").is_ok_and(|value| is_on(&value)) {
            let message = format!("HF_HUB_OFFLINE is set, so `{model}` is not fetched");
            return Err(Error::usage(message).with_help("unset it, or copy the model into the cache yourself"));
        }
        let mut builder = ApiBuilder::from_env().with_cache_dir(cache()).with_retries(3);
        if let Ok(token) = std::env::var("HF_TOKEN") {
            builder = builder.with_token(Some(token));
        }
        let api = builder.build().map_err(|error| explained(model, &error))?;
        let revision = model.revision().to_owned();
        let repository = api.repo(Repo::with_revision(model.id.clone(), RepoType::Model, revision));
        let answer = repository.info_request().call().map_err(|error| explained(model, &error))?;
        let info: Value = answer.into_body().read_json().map_err(|error| explained(model, &error))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let names = info["siblings"].as_array().into_iter().flatten().filter_map(|file| text(&file["rfilename"]));
        let files: Vec<String> = names.filter(|name| is_read(name)).collect();
        if !files.iter().any(|name| name.ends_with(".safetensors")) {
            return Err(Error::data(format!("`{model}` has no model*.safetensors on the hub"))
                .with_help("only safetensors are read; PyTorch .bin files can be converted with save_pretrained"));
        }
        Ok(Self {
            repository,
            model: model.clone(),
            licence: text(&info["cardData"]["license"]),
            gated: !matches!(info["gated"], Value::Null | Value::Bool(false)),
            files,
        })
    }

    /// Fetches what is not in the cache yet, each file with a progress bar; returns the folder.
    ///
    /// # Errors
    /// The connection, the disk, or missing access.
    pub fn fetch(&self) -> Result<PathBuf> {
        for file in &self.files {
            self.repository.get(file).map_err(|error| explained(&self.model, &error).within(file))?;
        }
        self.model.in_cache(&cache())
    }
}

/// The files that a checkpoint is read from: weights, and JSON and templates beside them.
fn is_read(name: &str) -> bool {
    let weights = name.starts_with("model") && name.ends_with(".safetensors");
    !name.contains('/') && (weights || name.ends_with(".json") || name.ends_with(".jinja"))
}

/// As Python's client understands it.
fn is_on(value: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str())
}

fn explained(model: &HubModel, error: &dyn std::fmt::Display) -> Error {
    let text = error.to_string();
    let error = Error::data(format!("`{model}` cannot be fetched: {text}"));
    let is = |code: &str| text.contains(code);
    error.with_help(if is("401") || is("403") {
        format!(
            "there is no such model, or its conditions must be accepted at https://huggingface.co/{} and HF_TOKEN set",
            model.id
        )
    } else if is("404") {
        "there is no such model or revision on the hub".to_owned()
    } else {
        "is the network there? a model that was fetched elsewhere can be copied into the cache".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_is_fetched() {
        let names = [
            "model-00001-of-00002.safetensors",
            "model.safetensors.index.json",
            "chat_template.jinja",
            "tokenizer.json",
            "onnx/model.onnx",
            "consolidated.safetensors",
            "pytorch_model.bin",
            "README.md",
        ];
        let read: Vec<_> = names.into_iter().filter(|name| is_read(name)).collect();
        assert_eq!(read, names[..4]);
        assert!(is_on("YES") && !is_on("0") && !is_on(""));
    }
}
