//! The tokenizer of a checkpoint folder, with its named special tokens.

use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use super::folder::Json;
use crate::error::{Error, Result};

/// `tokenizer.json` and the special tokens that the files beside it name.
pub struct TextTokenizer {
    inner: tokenizers::Tokenizer,
    /// `bos_token`, `eos_token` and so on, by name.
    special: Vec<(String, String)>,
}

/// Token ids and the bytes of the text that each stands for; empty ranges for tokens that were added around the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub ids: Vec<u32>,
    pub spans: Vec<Range<usize>>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        if !path.is_file() {
            return Err(Error::data(format!("`{}` has no `tokenizer.json`", folder.display())).with_help(
                "a folder with only a sentencepiece model: load it with AutoTokenizer in Python and save_pretrained it",
            ));
        }
        let mut inner = tokenizers::Tokenizer::from_file(&path)
            .map_err(|error| Error::data(format!("`{}` is not a tokenizer: {error}", path.display())))?;
        // As in transformers, what the file says about these is for batches of training texts.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| Error::data(format!("`{}`: {error}", path.display())))?;
        let mut special = Vec::new();
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            let Some(json) = Json::read(folder, name)? else { continue };
            for key in ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token"] {
                if special.iter().all(|(known, _)| known != key)
                    && let Some(token) = json.value(key).and_then(token_text)
                {
                    special.push((key.to_owned(), token));
                }
            }
        }
        Ok(Self { inner, special })
    }

    /// The named special tokens, as chat templates see them.
    pub fn special(&self) -> &[(String, String)] {
        &self.special
    }

    /// The text of a named special token, for instance of `bos_token`.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.special.iter().find_map(|(known, token)| (known == name).then_some(token.as_str()))
    }

    /// The id of a token of the vocabulary.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// A prompt to ids. The tokenizer adds its special tokens (BOS) unless the text already holds them.
    pub fn encode(&self, text: &str) -> Result<Encoded> {
        let begun = self.named("bos_token").is_some_and(|bos| !bos.is_empty() && text.contains(bos));
        let encoding = self
            .inner
            .encode(text, !begun)
            .map_err(|error| Error::data(format!("the tokenizer cannot encode the prompt: {error}")))?;
        let spans = encoding.get_offsets().iter().map(|(start, end)| *start..*end).collect();
        Ok(Encoded { ids: encoding.get_ids().to_vec(), spans })
    }

    /// A text to ids, without the special tokens that begin and end a prompt.
    pub fn encode_bare(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode(text, false);
        let encoding =
            encoding.map_err(|error| Error::data(format!("the tokenizer cannot encode `{text}`: {error}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Ids to text, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, true).map_err(|error| Error::data(format!("the tokenizer cannot decode: {error}")))
    }

    /// Ids to text, special tokens included.
    pub fn decode_all(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, false).map_err(|error| Error::data(format!("the tokenizer cannot decode: {error}")))
    }
}

/// A token is written as a string, or as an object with its `content`.
fn token_text(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
}
