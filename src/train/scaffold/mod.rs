//! The Hugging Face folder around the weights: configuration, tokenizer, processor, chat template.

mod llava;
mod video;

use std::path::Path;

use serde_json::{Value, json};

use super::recipe::Architecture;
use crate::error::{Error, Result};

/// A file's name, and what is in it.
type File = (&'static str, Value);

/// Writes everything but the weights; `vocabulary` are the tokens of questions and answers.
pub fn write(folder: &Path, architecture: Architecture<'_>, vocabulary: &[String]) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::io("create", folder, source))?;
    let (files, template) = match architecture {
        Architecture::Llava(shape) => (llava::files(shape, vocabulary), llava::CHAT_TEMPLATE),
        Architecture::Video(shape) => (video::files(shape, vocabulary), video::CHAT_TEMPLATE),
    };
    for (name, value) in files {
        let text = serde_json::to_string_pretty(&value)
            .map_err(|error| Error::data(format!("{name} cannot be written: {error}")))?;
        write_file(&folder.join(name), &(text + "\n"))?;
    }
    write_file(&folder.join("chat_template.jinja"), template)
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|source| Error::io("write", path, source))
}

/// Every token, in the order of the ids: special ones, then those of the template and of the texts.
fn words(special: &[&str], vocabulary: &[String]) -> Vec<String> {
    let is_new = |word: &&String| !word.trim().is_empty() && !special.contains(&word.as_str());
    special.iter().map(|&token| token.to_owned()).chain(vocabulary.iter().filter(is_new).cloned()).collect()
}

/// One token a word or punctuation mark.
fn tokenizer(special: &[&str], unknown: &str, words: &[String], post_processor: Value) -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        words.iter().enumerate().map(|(id, word)| (word.clone(), Value::from(id))).collect();
    let added: Vec<Value> = special
        .iter()
        .enumerate()
        .map(|(id, content)| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        })
        .collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": post_processor,
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": unknown}
    })
}
