//! Attention inside windows: tokens that see only those of their own window.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// A partition of a sequence into windows, of any lengths and in any order.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Of each token, its window.
    of: Vec<usize>,
    /// Windows of equal length lie side by side: how many, and how long.
    runs: Vec<(usize, usize)>,
    /// Which token stands at each place of the windows, and which place each token has.
    order: Tensor<1, Int>,
    back: Tensor<1, Int>,
}

impl Windows {
    /// Each window as the indices of its tokens; every token of the sequence in exactly one.
    pub fn new(windows: &[Vec<usize>], device: &Device) -> Self {
        let tokens = windows.iter().map(Vec::len).sum();
        let (mut of, mut back) = (vec![0; tokens], vec![0i64; tokens]);
        let mut by_length: Vec<(usize, &Vec<usize>)> = windows.iter().enumerate().collect();
        by_length.sort_by_key(|(_, window)| std::cmp::Reverse(window.len()));
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut order: Vec<i64> = Vec::with_capacity(tokens);
        for (number, window) in by_length {
            match runs.last_mut() {
                Some((count, length)) if *length == window.len() => *count += 1,
                _ => runs.push((1, window.len())),
            }
            for &token in window {
                of[token] = number;
                back[token] = order.len() as i64;
                order.push(token as i64);
            }
        }
        let index = |values: &[i64]| Tensor::from_data(values, device);
        Self { of, runs, order: index(&order), back: index(&back) }
    }

    /// Applies `attend` to queries, keys and values `[batch * windows, heads, length, head_dim]` of each run of equal
    /// windows. In and out: `[batch, heads, tokens, head_dim]`.
    pub fn each(
        &self,
        [query, key, value]: [Tensor<4>; 3],
        attend: impl Fn(Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let [batch, heads, _, dim] = query.dims();
        let [query, key, value] = [query, key, value].map(|x| x.select(2, self.order.clone()));
        let mut start = 0;
        let mut attended = Vec::with_capacity(self.runs.len());
        for &(count, length) in &self.runs {
            let apart = |x: &Tensor<4>| {
                let run = x.clone().narrow(2, start, count * length).reshape([batch, heads, count, length, dim]);
                run.swap_dims(1, 2).reshape([batch * count, heads, length, dim])
            };
            let context = attend(apart(&query), apart(&key), apart(&value)).reshape([batch, count, heads, length, dim]);
            attended.push(context.swap_dims(1, 2).reshape([batch, heads, count * length, dim]));
            start += count * length;
        }
        Tensor::cat(attended, 2).select(2, self.back.clone())
    }

    /// Which keys each query must not see, `[1, 1, tokens, tokens]`.
    pub fn hidden(&self, device: &Device) -> Tensor<4, Bool> {
        let tokens = self.of.len();
        let hidden: Vec<bool> = self.of.iter().flat_map(|q| self.of.iter().map(move |k| q != k)).collect();
        Tensor::from_data(TensorData::new(hidden, [1, 1, tokens, tokens]), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_any_length_come_back_in_place() {
        let device = Device::flex();
        let windows = Windows::new(&[vec![4], vec![0, 2], vec![1, 3]], &device);
        assert_eq!(windows.runs, [(2, 2), (1, 1)]);
        let x = Tensor::<1>::from_data([0.0f32, 1.0, 2.0, 3.0, 4.0], &device).reshape([1, 1, 5, 1]);
        // Every token takes the sum of its window.
        let summed = windows.each([x.clone(), x.clone(), x], |q, _, _| {
            let length = q.dims()[2];
            q.sum_dim(2).repeat_dim(2, length)
        });
        assert_eq!(summed.into_data().iter::<f32>().collect::<Vec<_>>(), [2.0, 4.0, 2.0, 4.0, 4.0]);
        let hidden: Vec<bool> = windows.hidden(&device).into_data().iter::<bool>().collect();
        assert_eq!(hidden[..5], [false, true, false, true, true]);
        assert_eq!(hidden[20..], [true, true, true, true, false]);
    }
}
