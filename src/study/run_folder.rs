//! A run folder: `run.json`, `frames/`, `tables/`, `figures/`, `report.html`, `summary.md`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Manifest, Skipped};
use crate::error::{Error, Result};

/// A folder that holds one run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    root: PathBuf,
}

/// How far the recording in a run folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The folder has just been made.
    Fresh,
    /// Recording began and did not end.
    Unfinished,
    /// The frames are complete.
    Recorded,
}

/// What to do with a folder in which this very recording began but did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Tell the user.
    Refuse,
    /// Go on with it.
    Resume,
}

impl RunFolder {
    /// Makes the folder for a run, or finds the same run in it. A complete recording is kept, and only the rest of the
    /// manifest (analysis, command) is renewed.
    ///
    /// # Errors
    /// When the folder holds something else, an unfinished recording that is not to be resumed, or cannot be written.
    pub fn prepare(root: &Path, manifest: &Manifest, existing: Existing) -> Result<(Self, Progress)> {
        let progress = Self::claim(root, manifest, existing)?;
        let folder = Self { root: root.to_path_buf() };
        if progress == Progress::Fresh || folder.manifest()? != *manifest {
            folder.write_manifest(manifest)?;
        }
        // Only now, for a folder without a manifest must hold nothing, or it would be taken for somebody else's.
        std::fs::create_dir_all(folder.frames()).map_err(|source| Error::io("create", folder.frames(), source))?;
        Ok((folder, progress))
    }

    /// The first half of [`prepare`](Self::prepare), under its conditions: makes the folder itself and writes nothing into it,
    /// so that a study which then turns out to be wrong leaves nothing that its mended version would stumble over.
    pub fn claim(root: &Path, manifest: &Manifest, existing: Existing) -> Result<Progress> {
        let progress = Self { root: root.to_path_buf() }.progress_of(manifest)?;
        if progress == Progress::Unfinished && existing == Existing::Refuse {
            return Err(Error::usage(format!("`{}` holds an unfinished recording of this study", root.display()))
                .with_help("--resume goes on with it; to start afresh, remove the folder or name another with --out"));
        }
        std::fs::create_dir_all(root).map_err(|source| Error::io("create", root, source))?;
        Ok(progress)
    }

    /// An existing run folder.
    pub fn open(root: &Path) -> Result<Self> {
        let folder = Self { root: root.to_path_buf() };
        if !folder.manifest_path().is_file() {
            return Err(Error::usage(format!("`{}` is not a run folder: it has no run.json", root.display()))
                .with_help("`vlmscope record STUDY.toml` and `vlmscope import DIR --out RUN` make one"));
        }
        Ok(folder)
    }

    fn progress_of(&self, asked: &Manifest) -> Result<Progress> {
        if !self.manifest_path().is_file() {
            let entries = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
            // What a kill leaves while the manifest is written is nobody's.
            let occupied = entries.map(|entry| entry.file_name()).any(|name| name != "run.json.part");
            if !occupied {
                return Ok(Progress::Fresh);
            }
            return Err(Error::usage(format!("`{}` is not empty and not a run folder", self.root.display()))
                .with_help("name another folder with --out"));
        }
        let differences = self.manifest()?.differences(asked);
        if !differences.is_empty() {
            let root = self.root.display();
            return Err(Error::usage(format!("`{root}` holds another run. {}", differences.join("; ")))
                .with_help("name another folder with --out"));
        }
        Ok(if self.is_recorded() { Progress::Recorded } else { Progress::Unfinished })
    }

    pub fn manifest(&self) -> Result<Manifest> {
        Manifest::read(&self.manifest_path())
    }

    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        write_json(&self.manifest_path(), manifest)
    }

    /// The items that could not be recorded; empty where all could.
    pub fn skipped(&self) -> Result<Vec<Skipped>> {
        let path = self.root.join("skipped.json");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source))?;
        serde_json::from_str(&text).map_err(|error| Error::data(format!("`{}`: {error}", path.display())))
    }

    pub fn write_skipped(&self, skipped: &[Skipped]) -> Result<()> {
        write_json(&self.root.join("skipped.json"), skipped)
    }

    /// Whether all frames of the study are complete. Of a recording, `items` is the frame that is put in place last; of
    /// interventions, `effects`.
    pub fn is_recorded(&self) -> bool {
        let intervenes = || self.manifest().is_ok_and(|manifest| !manifest.study.intervene.is_empty());
        self.has_items() && (self.frame("effects").is_file() || !intervenes())
    }

    /// Whether the frames of the recording proper are complete.
    pub fn has_items(&self) -> bool {
        self.frame("items").is_file()
    }

    /// An error unless the frames are complete.
    pub fn expect_recorded(&self) -> Result<()> {
        if self.is_recorded() {
            return Ok(());
        }
        Err(Error::data(format!("the recording in `{}` is not complete", self.root.display()))
            .with_help("go on with it: the same `record` or `run` command with --resume"))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn frames(&self) -> PathBuf {
        self.root.join("frames")
    }

    /// `frames/{name}.parquet`.
    pub fn frame(&self, name: &str) -> PathBuf {
        self.frames().join(format!("{name}.parquet"))
    }

    pub fn tables(&self) -> PathBuf {
        self.root.join("tables")
    }

    pub fn figures(&self) -> PathBuf {
        self.root.join("figures")
    }

    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    fn manifest_path(&self) -> PathBuf {
        self.root.join("run.json")
    }
}

/// Writes a value as indented JSON, atomically.
pub fn write_json(path: &Path, value: &(impl serde::Serialize + ?Sized)) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::data(error.to_string()))?;
    text.push(b'\n');
    write_atomically(path, |file| file.write_all(&text).map_err(|source| write_error(path, source)))
}

/// Writes a file under a temporary name beside it, flushes it to the disk and renames it: a reader, or a run that is
/// resumed after a crash, sees the whole file or none.
pub fn write_atomically<T>(path: &Path, write: impl FnOnce(&mut std::fs::File) -> Result<T>) -> Result<T> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let unfinished = path.with_file_name(name);
    let written = (|| {
        let mut file = std::fs::File::create(&unfinished).map_err(|source| Error::io("create", path, source))?;
        let value = write(&mut file)?;
        file.sync_all().map_err(|source| write_error(path, source))?;
        std::fs::rename(&unfinished, path).map_err(|source| Error::io("write", path, source))?;
        Ok(value)
    })();
    if written.is_err() {
        // What remains of it is of no use; on a full disk the room is.
        std::fs::remove_file(&unfinished).ok();
    }
    written
}

/// Why a file could not be written, with advice where the disk is full.
pub fn write_error(path: &Path, source: std::io::Error) -> Error {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match source.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => {
            Error::data(format!("no room to write `{}`: {source}", path.display()))
                .with_help("what was recorded before is kept; make room, then go on with the same command and --resume")
        }
        _ => Error::io("write", path, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_found_again_and_refused_to_another_study() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("runs/first");
        let manifest = Manifest::example("one");
        let (folder, progress) = RunFolder::prepare(&root, &manifest, Existing::Refuse).unwrap();
        assert_eq!((progress, folder.manifest().unwrap()), (Progress::Fresh, manifest.clone()));

        let error = RunFolder::prepare(&root, &manifest, Existing::Refuse).unwrap_err();
        assert!(error.to_string().contains("unfinished") && error.help().unwrap().contains("--resume"), "{error}");
        assert!(RunFolder::open(&root).unwrap().expect_recorded().is_err());
        let (_, progress) = RunFolder::prepare(&root, &manifest, Existing::Resume).unwrap();
        assert_eq!(progress, Progress::Unfinished);

        std::fs::write(folder.frame("items"), "frame").unwrap();
        let (_, progress) = RunFolder::prepare(&root, &manifest, Existing::Refuse).unwrap();
        assert_eq!(progress, Progress::Recorded);

        let error = RunFolder::prepare(&root, &Manifest::example("two"), Existing::Resume).unwrap_err();
        assert!(error.to_string().contains("another run. the study: one there, two asked"), "{error}");
        assert_eq!((error.exit_code(), folder.manifest().unwrap()), (2, manifest));
    }

    #[test]
    fn a_change_of_what_is_recorded_is_another_run_and_of_the_analysis_is_not() {
        let first = Manifest::example("one");
        let mut other = first.clone();
        other.command = "vlmscope run study.toml --seed 4".into();
        other.study.analysis.seed = 4;
        assert!(first.differences(&other).is_empty());
        other.study.record.heads = crate::study::Heads::Mean;
        assert!(first.differences(&other)[0].starts_with("[record]"));
        let mut other = first.clone();
        other.model.blake3 = Some("e".repeat(64));
        assert_eq!(first.differences(&other), ["the model: m (cccccccccccc) there, m (eeeeeeeeeeee) asked"]);
    }

    #[test]
    fn what_is_not_a_run_folder_is_told() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("thesis.tex"), "").unwrap();
        let error = RunFolder::prepare(place.path(), &Manifest::example("one"), Existing::Resume).unwrap_err();
        assert!(error.to_string().contains("not empty"), "{error}");
        assert!(RunFolder::open(place.path()).unwrap_err().to_string().contains("run.json"));
        std::fs::remove_file(place.path().join("thesis.tex")).unwrap();
        std::fs::write(place.path().join("run.json.part"), "{").unwrap();
        assert!(
            RunFolder::prepare(place.path(), &Manifest::example("one"), Existing::Refuse).is_ok(),
            "a kill left it"
        );
        std::fs::write(place.path().join("run.json"), "{}").unwrap();
        assert!(RunFolder::open(place.path()).unwrap().manifest().unwrap_err().to_string().contains("not a manifest"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = RunFolder::prepare(&file.join("run"), &Manifest::example("one"), Existing::Refuse).unwrap_err();
        assert!(matches!(error, Error::Io { action: "create", .. }), "{error}");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_full_disk_is_told_with_the_way_on() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let Ok(mut full) = full else { return }; // Not every system has it.
        let source = full.write_all(b"x").and_then(|()| full.sync_all()).unwrap_err();
        let error = write_error(Path::new("frames/items.parquet"), source);
        assert!(error.to_string().contains("no room to write `frames/items.parquet`"), "{error}");
        assert!(error.help().unwrap().contains("--resume"));
    }
}
