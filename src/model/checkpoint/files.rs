//! The weight files of a checkpoint: found, mapped, and read strictly.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::TensorInfo};

use super::builder::{Role, Source};
use super::config::read_json;
use crate::error::{Error, Result, nearest};

/// One published way of naming tensors: canonical prefix, prefix in the file. The longest canonical prefix wins.
#[derive(Clone, Copy, Debug)]
pub struct KeyLayout {
    pub name: &'static str,
    pub prefixes: &'static [(&'static str, &'static str)],
    /// A key that only this layout has.
    pub mark: &'static str,
}

/// Where a model's weights are while it works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// In memory, all of them.
    #[default]
    Resident,
    /// The language model's blocks in the file, one being read while the one before works.
    Streamed,
}

/// A checkpoint whose tensors are taken one by one, and none forgotten.
pub struct Checkpoint {
    files: Arc<Files>,
    weights: Weights,
    used: BTreeSet<String>,
}

/// A checkpoint's files.
pub struct Files {
    folder: PathBuf,
    shards: Vec<Shard>,
    /// Key in the file to shard.
    home: BTreeMap<String, usize>,
    layout: KeyLayout,
}

struct Shard {
    path: PathBuf,
    file: Mutex<File>,
    infos: BTreeMap<String, TensorInfo>,
    /// Offset of the tensor data in the file.
    data: u64,
}

impl Checkpoint {
    /// Maps the weights of a folder and recognises how they are named.
    ///
    /// # Errors
    /// No weights, a truncated or corrupted file, an index that names what is not there, or an unknown key layout.
    pub fn open(folder: &Path, layouts: &[KeyLayout], weights: Weights) -> Result<Self> {
        let files = Arc::new(Files::open(folder, layouts)?);
        Ok(Self { files, weights, used: BTreeSet::new() })
    }

    /// As [`open`](Self::open), of one file, whatever it is called.
    pub fn open_file(path: &Path, layouts: &[KeyLayout]) -> Result<Self> {
        let files = Arc::new(Files::of(path, &[path.to_path_buf()], layouts)?);
        Ok(Self { files, weights: Weights::Resident, used: BTreeSet::new() })
    }

    /// Whether the file holds the tensor, under its canonical name.
    pub fn holds(&self, name: &str) -> bool {
        self.files.home.contains_key(&self.files.key(name))
    }

    /// The shape of a tensor of the file, by its canonical name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        let key = self.files.key(name);
        let shard = &self.files.shards[*self.files.home.get(&key)?];
        shard.infos.get(&key).map(|info| info.shape.as_slice())
    }

    /// Refuses tensors that nothing asked for, but for those whose names `spare` accepts.
    ///
    /// # Errors
    /// The unexpected tensors, by their names in the file.
    pub fn finish(&self, spare: impl Fn(&str) -> bool) -> Result<()> {
        let left: Vec<_> = self.files.home.keys().filter(|key| !self.used.contains(*key) && !spare(key)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let some: Vec<_> = left.iter().take(5).map(|key| format!("`{key}`")).collect();
        Err(Error::data(format!(
            "{}: {} tensors that this architecture does not have, among them {}",
            self.files.folder.display(),
            left.len(),
            some.join(", ")
        ))
        .with_help("does config.json describe these weights? compare its number of layers and its model_type"))
    }
}

impl Source for Checkpoint {
    fn values(&mut self, name: &str, shape: &[usize], _role: Role) -> Result<Vec<f32>> {
        let values = self.files.values(name, shape)?;
        self.used.insert(self.files.key(name));
        Ok(values)
    }

    fn claim(&mut self, name: &str, shape: &[usize]) -> Result<()> {
        self.files.find(name, shape)?;
        self.used.insert(self.files.key(name));
        Ok(())
    }

    fn files(&self) -> Option<Arc<Files>> {
        (self.weights == Weights::Streamed).then(|| self.files.clone())
    }
}

impl Files {
    fn open(folder: &Path, layouts: &[KeyLayout]) -> Result<Self> {
        Self::of(folder, &weight_files(folder)?, layouts)
    }

    fn of(folder: &Path, files: &[PathBuf], layouts: &[KeyLayout]) -> Result<Self> {
        let shards = files.iter().map(|path| Shard::open(path)).collect::<Result<Vec<_>>>()?;
        let mut home = BTreeMap::new();
        for (number, shard) in shards.iter().enumerate() {
            for key in shard.infos.keys() {
                if let Some(first) = home.insert(key.clone(), number) {
                    let first: &Shard = &shards[first];
                    return Err(Error::data(format!(
                        "tensor `{key}` is in both `{}` and `{}`",
                        first.path.display(),
                        shard.path.display()
                    )));
                }
            }
        }
        let packed = [".qweight", ".scales", ".weight_scale", ".quant_state.bitsandbytes__nf4", ".absmax"];
        if let Some(key) = home.keys().find(|key| packed.iter().any(|end| key.ends_with(end))) {
            return Err(Error::data(format!("{}: `{key}` says that the weights are quantised", folder.display()))
                .with_help("only f32, f16 and bf16 weights are read: use the checkpoint that this one was made from"));
        }
        let layout = *layouts.iter().find(|layout| home.contains_key(layout.mark)).ok_or_else(|| {
            let marks: Vec<_> = layouts.iter().map(|layout| format!("`{}` ({})", layout.mark, layout.name)).collect();
            let some: Vec<_> = home.keys().take(3).map(|key| format!("`{key}`")).collect();
            Error::data(format!(
                "{}: the tensors are named in no known way; expected one of {}, found {} tensors such as {}",
                folder.display(),
                marks.join(", "),
                home.len(),
                some.join(", ")
            ))
        })?;
        Ok(Self { folder: folder.to_path_buf(), shards, home, layout })
    }

    /// The name a tensor has in the file.
    fn key(&self, name: &str) -> String {
        self.layout
            .prefixes
            .iter()
            .filter_map(|(canonical, file)| name.strip_prefix(canonical).map(|rest| (canonical.len(), file, rest)))
            .max_by_key(|(length, ..)| *length)
            .map_or_else(|| name.to_owned(), |(_, file, rest)| format!("{file}{rest}"))
    }

    /// A tensor's shard and its key there.
    fn find(&self, name: &str, shape: &[usize]) -> Result<(&Shard, String)> {
        let key = self.key(name);
        let shard = &self.shards[*self.home.get(&key).ok_or_else(|| self.missing(&key))?];
        let found = &shard.infos[&key].shape;
        if found != shape {
            return Err(Error::data(format!(
                "{}: tensor `{key}` has shape {found:?}, expected {shape:?} from config.json",
                shard.path.display(),
            )));
        }
        Ok((shard, key))
    }

    /// The numbers of a tensor, in single precision.
    ///
    /// # Errors
    /// The tensor is missing, its shape or type does not fit, or it cannot be read.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (shard, key) = self.find(name, shape)?;
        shard.values(&key)
    }

    fn missing(&self, key: &str) -> Error {
        // A neighbour of another layer is no typing error.
        let numbers = |name: &str| name.split('.').filter_map(|part| part.parse::<usize>().ok()).collect::<Vec<_>>();
        let alike = self.home.keys().map(String::as_str).filter(|name| numbers(name) == numbers(key));
        let near = nearest(key, alike);
        let error = Error::data(format!("{}: tensor `{key}` is missing", self.folder.display()));
        match near.first() {
            Some(near) => error.with_help(format!("the nearest name in the file is `{near}`")),
            None => error.with_help("the file seems incomplete: fetch the checkpoint again"),
        }
    }
}

impl Shard {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
        // SAFETY: the map is read-only. A file that another process truncates meanwhile ends this one with a bus error;
        // there is no way to exclude that short of copying gigabytes.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(|source| Error::io("map", path, source))?;
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|error| broken(path, &map, &error))?;
        // The header parses even where the data behind it was cut off.
        SafeTensors::deserialize(&map).map_err(|error| broken(path, &map, &error))?;
        let infos = metadata.tensors().into_iter().map(|(key, info)| (key, info.clone())).collect();
        Ok(Self { path: path.to_path_buf(), file: Mutex::new(file), infos, data: (header + 8) as u64 })
    }

    fn values(&self, key: &str) -> Result<Vec<f32>> {
        let info = &self.infos[key];
        let (from, to) = info.data_offsets;
        let mut bytes = vec![0; to - from];
        // Read and not mapped: what is mapped stays in memory for as long as it likes.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(self.data + from as u64)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|source| Error::io("read", &self.path, source))?;
        drop(file);
        let values = match info.dtype {
            Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            Dtype::BF16 => bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
            other => {
                return Err(Error::data(format!(
                    "{}: tensor `{key}` is {other:?}; f32, f16 and bf16 can be read",
                    self.path.display()
                )));
            }
        };
        Ok(values)
    }
}

/// Whether a folder's weights hold a tensor, by its name in the file; false where there are no weights to ask.
pub fn holds(folder: &Path, key: &str) -> bool {
    let files = weight_files(folder).unwrap_or_default();
    files.iter().any(|path| Shard::open(path).is_ok_and(|shard| shard.infos.contains_key(key)))
}

/// What a folder's weights take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of all tensors, in the files.
    pub bytes: u64,
    /// Their types: "BF16", "F32".
    pub dtypes: Vec<String>,
    /// How many numbers.
    pub numbers: u64,
    /// Of them, those of the language model's blocks; of its largest block.
    pub language_blocks: u64,
    pub largest_language_block: u64,
    /// Of the largest tensor in the language model's blocks.
    pub largest_language_tensor: u64,
}

/// Reads the headers of a folder's weights.
///
/// # Errors
/// As [`Checkpoint::open`].
pub fn sizes(folder: &Path) -> Result<Sizes> {
    let mut blocks: BTreeMap<String, u64> = BTreeMap::new();
    let (mut bytes, mut dtypes, mut largest_language_tensor) = (0, BTreeSet::new(), 0);
    for path in weight_files(folder)? {
        for (key, info) in Shard::open(&path)?.infos {
            bytes += (info.data_offsets.1 - info.data_offsets.0) as u64;
            dtypes.insert(format!("{:?}", info.dtype));
            // Everything up to the number of its layer.
            let parts: Vec<&str> = key.split('.').collect();
            let layer = parts.iter().position(|part| part.parse::<usize>().is_ok());
            let block = layer.map_or_else(|| key.clone(), |at| parts[..=at].join("."));
            let numbers = info.shape.iter().product::<usize>() as u64;
            if is_language_block(&block) {
                largest_language_tensor = numbers.max(largest_language_tensor);
            }
            *blocks.entry(block).or_default() += numbers;
        }
    }
    let of_language = blocks.iter().filter(|(name, _)| is_language_block(name)).map(|(_, numbers)| *numbers);
    Ok(Sizes {
        bytes,
        dtypes: dtypes.into_iter().collect(),
        numbers: blocks.values().sum(),
        language_blocks: of_language.clone().sum(),
        largest_language_block: of_language.max().unwrap_or(0),
        largest_language_tensor,
    })
}

/// Whether a block, by its name in any of the layouts, is one of the language model's.
fn is_language_block(name: &str) -> bool {
    let place = name.rsplit_once('.').filter(|(_, layer)| layer.parse::<usize>().is_ok()).map(|(place, _)| place);
    let towers = ["vision", "visual", "vggt"];
    place.is_some_and(|place| place.ends_with("layers") && !towers.iter().any(|tower| place.contains(tower)))
}

fn broken(path: &Path, map: &Mmap, error: &safetensors::SafeTensorError) -> Error {
    Error::data(format!("{}: not a complete safetensors file ({} bytes): {error}", path.display(), map.len()))
        .with_help("the file is truncated or corrupted: fetch it again and compare its size with the published one")
}

/// The safetensors files of a folder: those of the index, or the only one.
fn weight_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        let json = read_json(&index)?;
        let map = json.get("weight_map").and_then(|map| map.as_object()).ok_or_else(|| {
            Error::data(format!("{}: `weight_map` is missing: expected tensor names to file names", index.display()))
        })?;
        let names: BTreeSet<_> = map.values().filter_map(|name| name.as_str()).collect();
        return names
            .into_iter()
            .map(|name| {
                let path = folder.join(name);
                if path.is_file() {
                    return Ok(path);
                }
                Err(Error::data(format!("{}: names `{name}`, which is not in the folder", index.display()))
                    .with_help("the download is incomplete: fetch the missing file"))
            })
            .collect();
    }
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    Err(Error::data(format!(
        "{}: no weights: expected model.safetensors, or model.safetensors.index.json and its files",
        folder.display()
    ))
    .with_help("PyTorch .bin files are not read: convert them with `save_pretrained(..., safe_serialization=True)`"))
}
