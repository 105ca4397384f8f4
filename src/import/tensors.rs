//! The safetensors of a dump: the last query's attention of one item.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result};

/// Before softmax and after.
const LOGITS: &str = "lm.attention_logits.last";
const WEIGHTS: &str = "lm.attention.last";
/// How far from 1 a row of weights may sum; f16 is off by less.
const TOLERANCE: f64 = 0.02;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Logits,
    Weights,
}

/// One item's attention, `[layers, heads, columns]`.
pub(super) struct Attention {
    pub layers: usize,
    pub heads: usize,
    pub columns: usize,
    kind: Kind,
    values: Vec<f32>,
}

impl Attention {
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
        Self::parse(&bytes).map_err(|error| error.within(format_args!("`{}`", path.display())))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| Error::data(format!("not a whole safetensors file: {error}")))?;
        let names = file.names();
        let (kind, name) = match (names.contains(&LOGITS), names.contains(&WEIGHTS)) {
            (true, _) => (Kind::Logits, LOGITS),
            (false, true) => (Kind::Weights, WEIGHTS),
            (false, false) => {
                return Err(Error::data(format!("neither `{LOGITS}` nor `{WEIGHTS}` among {names:?}"))
                    .with_help("the layout is written down in docs/import.md"));
            }
        };
        let tensor = file.tensor(name).map_err(|error| Error::data(error.to_string()))?;
        let &[layers, heads, columns] = tensor.shape() else {
            return Err(Error::data(format!(
                "`{name}` has shape {:?}; expected [layers, heads, columns]",
                tensor.shape()
            )));
        };
        if layers * heads * columns == 0 {
            return Err(Error::data(format!("`{name}` is empty: {:?}", tensor.shape())));
        }
        let values = floats(tensor.dtype(), tensor.data())
            .ok_or_else(|| Error::data(format!("`{name}` is {:?}; expected F16, BF16, F32 or F64", tensor.dtype())))?;
        Ok(Self { layers, heads, columns, kind, values })
    }

    /// Each layer as it was recorded, `[heads, columns]`.
    pub fn by_layer(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.heads * self.columns)
    }

    /// The attention weights of one layer, `[heads, columns]`; softmax, in `f64`, where it holds logits.
    pub fn weights(&self, layer: &[f32]) -> Result<Vec<f32>> {
        let rows = layer.chunks_exact(self.columns).enumerate();
        let weighed = rows.map(|(head, row)| self.row(row).map_err(|error| error.within(format_args!("head {head}"))));
        Ok(weighed.collect::<Result<Vec<_>>>()?.concat())
    }

    fn row(&self, row: &[f32]) -> Result<Vec<f32>> {
        if row.iter().any(|value| value.is_nan()) {
            return Err(Error::data("the row holds NaN"));
        }
        match self.kind {
            Kind::Logits => softmax(row),
            Kind::Weights => {
                let total: f64 = row.iter().map(|&value| f64::from(value)).sum();
                if row.iter().any(|&value| value < 0.0) || (total - 1.0).abs() > TOLERANCE {
                    return Err(Error::data(format!("the weights sum to {total:.3}; expected 1"))
                        .with_help(format!("every column of the row must be there; logits go under `{LOGITS}`")));
                }
                Ok(row.to_vec())
            }
        }
    }
}

fn softmax(logits: &[f32]) -> Result<Vec<f32>> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !top.is_finite() {
        return Err(Error::data(format!("the largest logit of the row is {top}")));
    }
    let raised: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(top)).exp()).collect();
    let total: f64 = raised.iter().sum();
    Ok(raised.iter().map(|value| (value / total) as f32).collect())
}

fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Option<Vec<f32>> {
        bytes.chunks_exact(N).map(|chunk| chunk.try_into().ok().map(&read)).collect()
    }
    match dtype {
        Dtype::F16 => each(bytes, |chunk| half::f16::from_le_bytes(chunk).to_f32()),
        Dtype::BF16 => each(bytes, |chunk| half::bf16::from_le_bytes(chunk).to_f32()),
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F64 => each(bytes, |chunk| f64::from_le_bytes(chunk) as f32),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn file(name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
        let view = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        safetensors::serialize([(name, view)], None).unwrap()
    }

    fn f16(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect()
    }

    #[test]
    fn logits_become_weights() {
        let logits = [0.0, 2f32.ln(), f32::NEG_INFINITY, 1.0, 1.0, 1.0];
        let bytes = file(LOGITS, Dtype::F16, &[1, 2, 3], &f16(&logits));
        let attention = Attention::parse(&bytes).unwrap();
        let rows = attention.weights(attention.by_layer().next().unwrap()).unwrap();
        assert!((rows[0] - 1.0 / 3.0).abs() < 1e-3 && (rows[1] - 2.0 / 3.0).abs() < 1e-3 && rows[2] == 0.0);
        assert_eq!(rows[3..], [1.0f32 / 3.0; 3]);
    }

    #[test]
    fn weights_must_be_whole_rows() {
        let bytes: Vec<u8> = [0.25f32, 0.25, 0.5, 0.25, 0.25, 0.25].iter().flat_map(|v| v.to_le_bytes()).collect();
        let attention = Attention::parse(&file(WEIGHTS, Dtype::F32, &[2, 1, 3], &bytes)).unwrap();
        let rows: Vec<_> = attention.by_layer().map(|layer| attention.weights(layer)).collect();
        assert_eq!(rows[0].as_ref().unwrap(), &[0.25, 0.25, 0.5]);
        assert!(rows[1].as_ref().unwrap_err().to_string().contains("sum to 0.750"));
    }

    #[test]
    fn other_files_are_told() {
        let refused = |bytes: &[u8]| Attention::parse(bytes).err().unwrap().to_string();
        let whole = file(LOGITS, Dtype::F16, &[1, 1, 3], &f16(&[0.0; 3]));
        assert!(refused(&whole[..whole.len() - 2]).contains("not a whole safetensors file"));
        assert!(
            refused(&file("attn", Dtype::F16, &[1, 1, 3], &f16(&[0.0; 3])))
                .contains("neither `lm.attention_logits.last`")
        );
        assert!(refused(&file(LOGITS, Dtype::F16, &[3], &f16(&[0.0; 3]))).contains("[layers, heads, columns]"));
        assert!(refused(&file(LOGITS, Dtype::I64, &[1, 1, 1], &[0; 8])).contains("I64"));
        let nan = Attention::parse(&file(LOGITS, Dtype::F16, &[1, 1, 2], &f16(&[f32::NAN, 0.0]))).unwrap();
        assert!(nan.weights(&nan.values).is_err());
    }
}
