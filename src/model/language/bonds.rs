//! Which keys a query of a prompt may see: those before it, those it is bound to, and in some layers near ones only.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use crate::model::layers::Mask;

/// Runs of tokens that see each other, whichever comes first; of each item of a batch. Empty: none do.
pub type Bonds = Vec<Vec<Range<usize>>>;

/// The runs of neighbouring positions, ascending.
pub fn runs(positions: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for &at in positions {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// The mask of prompts of these lengths, padded on the right to `tokens`: a query sees what is not behind it or in its own
/// run, never padding; with a window, only keys that are fewer than that many positions before it.
pub(super) fn mask(tokens: usize, lengths: &[usize], bonds: &Bonds, window: Option<usize>, device: &Device) -> Mask {
    let narrows = window.is_some_and(|window| window < tokens);
    if !narrows && bonds.iter().all(Vec::is_empty) {
        // Padding lies behind, where a causal query does not look.
        return Mask::Causal;
    }
    let batch = lengths.len();
    let mut hidden = Vec::with_capacity(batch * tokens * tokens);
    for (item, &length) in lengths.iter().enumerate() {
        let runs = bonds.get(item).map_or(&[][..], Vec::as_slice);
        for query in 0..tokens {
            let end = runs.iter().find(|run| run.contains(&query)).map_or(query + 1, |run| run.end.min(length));
            let start = window.map_or(0, |window| (query + 1).saturating_sub(window));
            hidden.extend((0..tokens).map(|key| !(start..end).contains(&key)));
        }
    }
    Mask::Hidden(Box::new(Tensor::from_data(TensorData::new(hidden, [batch, 1, tokens, tokens]), device)))
}

/// The mask of one more token behind `position` others, with a window.
pub(super) fn mask_of_next(position: usize, window: usize, device: &Device) -> Mask {
    if window > position {
        return Mask::Full;
    }
    let hidden: Vec<bool> = (0..=position).map(|key| key + window <= position).collect();
    Mask::Hidden(Box::new(Tensor::from_data(TensorData::new(hidden, [1, 1, 1, position + 1]), device)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each query, the keys it sees.
    fn seen(mask: Mask) -> Vec<String> {
        let Mask::Hidden(hidden) = mask else { panic!("no mask") };
        let [.., keys] = hidden.dims();
        let hidden: Vec<bool> = hidden.into_data().iter::<bool>().collect();
        hidden.chunks(keys).map(|row| row.iter().map(|hidden| if *hidden { '.' } else { 'x' }).collect()).collect()
    }

    #[test]
    fn runs_see_each_other_and_nobody_sees_padding() {
        let device = Device::flex();
        let bonds = vec![runs(&[1, 2, 4]), runs(&[0, 1])];
        assert_eq!(bonds[0], [1..3, 4..5]);
        let full = seen(mask(5, &[5, 3], &bonds, None, &device));
        assert_eq!(full[..5], ["x....", "xxx..", "xxx..", "xxxx.", "xxxxx"]);
        assert_eq!(full[5..8], ["xx...", "xx...", "xxx.."]);
        let near = seen(mask(5, &[5, 3], &bonds, Some(2), &device));
        assert_eq!(near[..5], ["x....", "xxx..", ".xx..", "..xx.", "...xx"]);
    }

    #[test]
    fn a_plain_prompt_needs_no_mask_of_its_own() {
        let device = Device::flex();
        assert!(matches!(mask(4, &[4, 2], &Bonds::new(), Some(4), &device), Mask::Causal));
        assert_eq!(seen(mask(3, &[3], &Bonds::new(), Some(2), &device)), ["x..", "xx.", ".xx"]);
        assert!(matches!(mask_of_next(1, 2, &device), Mask::Full));
        assert_eq!(seen(mask_of_next(4, 2, &device)), ["...xx"]);
    }
}
