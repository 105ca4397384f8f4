//! What a checkpoint is, in one number: a hash over everything in its folder that decides what the model does.

use std::path::Path;

use crate::error::{Error, Result};

/// The blake3 hash, in hex, of a checkpoint: the names and contents of its configuration, tokenizer, processor, template
/// and weight files, in the order of their names. Model cards and other papers do not count.
pub fn fingerprint_checkpoint(folder: &Path) -> Result<String> {
    let entries = std::fs::read_dir(folder).map_err(|source| Error::io("read", folder, source))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| decides(path)).collect();
    files.sort();
    if files.is_empty() {
        return Err(Error::data(format!("`{}` holds no checkpoint", folder.display()))
            .with_help("expected a Hugging Face folder: config.json, tokenizer.json, *.safetensors"));
    }
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
        let mut open = std::fs::File::open(&file).map_err(|source| Error::io("read", &file, source))?;
        let length = open.metadata().map_err(|source| Error::io("read", &file, source))?.len();
        hasher.update(&length.to_le_bytes());
        hasher.update_reader(&mut open).map_err(|source| Error::io("read", &file, source))?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn decides(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("json" | "safetensors" | "jinja" | "model")) && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_names_count_and_papers_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("config.json", "{}");
        write("model.safetensors", "1");
        let first = fingerprint_checkpoint(folder.path()).unwrap();
        write("README.md", "a card");
        assert_eq!(fingerprint_checkpoint(folder.path()).unwrap(), first);
        write("model.safetensors", "2");
        assert_ne!(fingerprint_checkpoint(folder.path()).unwrap(), first);
    }

    #[test]
    fn an_empty_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(fingerprint_checkpoint(folder.path()).unwrap_err().help().unwrap().contains("config.json"));
    }
}
