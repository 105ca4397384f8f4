//! Point maps that another program recorded, as safetensors.
//!
//! | key | shape | what |
//! |---|---|---|
//! | `world_points` | [frames, rows, columns, 3] | x, y, z |
//! | `world_points_conf` | [frames, rows, columns] | from 0 |
//!
//! or, of a depth head and its cameras,
//!
//! | key | shape | what |
//! |---|---|---|
//! | `depth` | [frames, rows, columns] or [.., 1] | along the optical axis |
//! | `depth_conf` | [frames, rows, columns] | from 0 |
//! | `extrinsic` | [frames, 3, 4] | world to camera |
//! | `intrinsic` | [frames, 3, 3] | camera to pixels |
//!
//! in F64, F32, F16 or BF16. These are the names under which VGGT returns them; a leading dimension of 1 is passed over.

use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::PointMaps;
use crate::error::{Error, Result};

/// The head that the points come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Head {
    /// `world_points`: what the released code reads.
    #[default]
    Point,
    /// `depth` through its cameras: what the paper describes.
    Depth,
}

impl PointMaps {
    /// Reads a file of the layout that this module describes.
    ///
    /// # Errors
    /// A file that cannot be read; a missing key, one of another shape or type; what [`PointMaps::new`] refuses.
    pub fn read(path: &Path, head: Head) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
        parse(&bytes, head).map_err(|error| error.within(format_args!("`{}`", path.display())))
    }
}

fn parse(bytes: &[u8], head: Head) -> Result<PointMaps> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| Error::data(format!("not a whole safetensors file: {error}")))?;
    match head {
        Head::Point => {
            let (shape, points) = tensor(&file, "world_points", "[frames, rows, columns, 3]")?;
            let &[frames, rows, columns, 3] = shape.as_slice() else {
                return Err(misshapen("world_points", &shape, "[frames, rows, columns, 3]"));
            };
            let confidence = map(&file, "world_points_conf", [frames, rows, columns])?;
            let points = points.as_chunks().0.to_vec();
            PointMaps::new([frames, rows, columns], points, confidence)
        }
        Head::Depth => {
            let (mut shape, depth) = tensor(&file, "depth", "[frames, rows, columns]")?;
            if shape.len() == 4 && shape[3] == 1 {
                shape.pop();
            }
            let &[frames, rows, columns] = shape.as_slice() else {
                return Err(misshapen("depth", &shape, "[frames, rows, columns]"));
            };
            let confidence = map(&file, "depth_conf", [frames, rows, columns])?;
            let (shape, extrinsic) = tensor(&file, "extrinsic", "[frames, 3, 4]")?;
            if shape != [frames, 3, 4] {
                return Err(misshapen("extrinsic", &shape, &format!("[{frames}, 3, 4]")));
            }
            let (shape, intrinsic) = tensor(&file, "intrinsic", "[frames, 3, 3]")?;
            if shape != [frames, 3, 3] {
                return Err(misshapen("intrinsic", &shape, &format!("[{frames}, 3, 3]")));
            }
            let camera = |frame: usize| {
                let extrinsic =
                    std::array::from_fn(|row| std::array::from_fn(|at| extrinsic[frame * 12 + row * 4 + at]));
                let intrinsic =
                    std::array::from_fn(|row| std::array::from_fn(|at| intrinsic[frame * 9 + row * 3 + at]));
                (extrinsic, intrinsic)
            };
            PointMaps::unproject(
                [frames, rows, columns],
                &depth,
                confidence,
                &(0..frames).map(camera).collect::<Vec<_>>(),
            )
        }
    }
}

/// A map of the shape that its companion has.
fn map(file: &SafeTensors, name: &str, expected: [usize; 3]) -> Result<Vec<f32>> {
    let text = format!("{expected:?}");
    let (shape, values) = tensor(file, name, &text)?;
    if shape == expected { Ok(values) } else { Err(misshapen(name, &shape, &text)) }
}

/// Shape, without a leading 1 that is one dimension too many, and values.
fn tensor(file: &SafeTensors, name: &str, expected: &str) -> Result<(Vec<usize>, Vec<f32>)> {
    let tensor = file.tensor(name).map_err(|_| {
        Error::data(format!("no `{name}` among {:?}", file.names())).with_help(format!("expected {expected}"))
    })?;
    let values = floats(&tensor)
        .ok_or_else(|| Error::data(format!("`{name}` is {:?}, expected F64, F32, F16 or BF16", tensor.dtype())))?;
    let dimensions = expected.split(',').count();
    let shape = match tensor.shape() {
        [1, rest @ ..] if rest.len() >= dimensions => rest,
        whole => whole,
    };
    Ok((shape.to_vec(), values))
}

fn misshapen(name: &str, shape: &[usize], expected: &str) -> Error {
    Error::data(format!("`{name}` has the shape {shape:?}, expected {expected}"))
}

fn floats(tensor: &TensorView) -> Option<Vec<f32>> {
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        Dtype::F16 => bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn file(tensors: &[(&str, Vec<usize>, Vec<f32>)]) -> Vec<u8> {
        let bytes: Vec<Vec<u8>> =
            tensors.iter().map(|(.., values)| values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
        let views: HashMap<&str, TensorView> = tensors
            .iter()
            .zip(&bytes)
            .map(|((name, shape, _), bytes)| (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()))
            .collect();
        safetensors::serialize(views, None).unwrap()
    }

    #[test]
    fn both_heads_are_read_with_or_without_a_batch() {
        let bytes = file(&[
            ("world_points", vec![1, 2, 1, 2, 3], (0..12u8).map(f32::from).collect()),
            ("world_points_conf", vec![1, 2, 1, 2], vec![1.0; 4]),
            ("depth", vec![1, 2, 1, 2, 1], vec![2.0; 4]),
            ("depth_conf", vec![2, 1, 2], vec![3.0; 4]),
            ("extrinsic", vec![2, 3, 4], [1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0.].repeat(2)),
            ("intrinsic", vec![2, 3, 3], [1., 0., 0., 0., 1., 0., 0., 0., 1.].repeat(2)),
        ]);
        let maps = parse(&bytes, Head::Point).unwrap();
        assert_eq!((maps.shape(), maps.points()[3]), ([2, 1, 2], [9.0, 10.0, 11.0]));
        let maps = parse(&bytes, Head::Depth).unwrap();
        assert_eq!((maps.points()[1], maps.confidence()[0]), ([2.0, 0.0, 2.0], 3.0));
    }

    #[test]
    fn a_wrong_file_is_refused_by_key() {
        let refused =
            |tensors: &[(&str, Vec<usize>, Vec<f32>)]| parse(&file(tensors), Head::Point).unwrap_err().to_string();
        let points = ("world_points", vec![1, 2, 2, 3], vec![0.0; 12]);
        assert!(refused(&[]).contains("no `world_points`"));
        assert!(refused(std::slice::from_ref(&points)).contains("no `world_points_conf`"));
        let error = refused(&[points, ("world_points_conf", vec![1, 2, 1], vec![0.0; 2])]);
        assert_eq!(error, "`world_points_conf` has the shape [1, 2, 1], expected [1, 2, 2]");
        assert!(refused(&[("world_points", vec![3], vec![0.0; 3])]).contains("expected [frames, rows, columns, 3]"));
        assert!(parse(b"no", Head::Point).unwrap_err().to_string().contains("not a whole safetensors file"));
    }
}
