//! A decoder of two layers whose weights are set by hand, for tests.
//!
//! Five positions: BOS, two image tokens, a word, the last. In layer 0 the word reads the image; in layer 1 the last position
//! reads the word. All other positions look at BOS, which says nothing. So what the first image token says (left or right) can
//! reach the answer by one way only.

use burn::tensor::{Device, Int, Tensor};

use crate::error::Result;
use crate::model::checkpoint::{Builder, ParamKeys, Role, Source};
use crate::model::language::{LLAMA, Llama, LlamaConfig, Rope, Sight, Stream};
use crate::model::layers::{Activation, Mask};
use crate::model::{Hooks, Site};

/// What the first image token says.
#[derive(Clone, Copy, Debug)]
pub enum Picture {
    Left,
    Right,
    Blank,
}

pub struct Toy(Llama);

/// Dimensions of the residual stream.
const BOS: usize = 0;
const IMAGE: usize = 1;
const WORD: usize = 2;
const LAST: usize = 3;
const SAID: usize = 4;
const GATHERED: usize = 5;
const ANSWER: usize = 6;
/// Read by nobody.
const SILENT: usize = 7;
const WIDTH: usize = 8;

/// Features that queries and keys meet in; in the slow half of the rotary pairs.
const TO_BOS: usize = 1;
const TO_SOURCE: usize = 2;

/// So strong that a position looks nowhere else.
const STRONG: f32 = 16.0;

/// Tokens: BOS, left, right, blank, word, last.
const TOKENS: [&[(usize, f32)]; 6] = [
    &[(BOS, 1.0)],
    &[(IMAGE, 1.0), (SAID, 1.0)],
    &[(IMAGE, 1.0), (SAID, -1.0)],
    // As long as the others: the norm would make a shorter one louder.
    &[(IMAGE, 1.0), (SILENT, 1.0)],
    &[(WORD, 1.0)],
    &[(LAST, 1.0)],
];

/// Weights by hand; `[out, in]`, zero where nothing is said.
struct Hand;

impl Source for Hand {
    fn values(&mut self, name: &str, shape: &[usize], _role: Role) -> Result<Vec<f32>> {
        let columns = shape.last().copied().unwrap_or(1);
        let mut values = vec![0.0; shape.iter().product()];
        let mut set = |out: usize, into: usize, value: f32| values[out * columns + into] = value;
        let first = name.contains("layers.0");
        // Who reads whom: in layer 0 the word the image, in layer 1 the last the word; the rest BOS.
        let (reader, source) = if first { (WORD, IMAGE) } else { (LAST, WORD) };
        match name {
            name if name.contains("norm") => values.fill(1.0),
            name if name.contains("embed_tokens") => {
                TOKENS.iter().enumerate().for_each(|(id, token)| token.iter().for_each(|&(i, v)| set(id, i, v)));
            }
            name if name.contains("q_proj") => {
                set(TO_SOURCE, reader, STRONG);
                [BOS, IMAGE, WORD, LAST].into_iter().filter(|&i| i != reader).for_each(|i| set(TO_BOS, i, STRONG));
            }
            name if name.contains("k_proj") => {
                set(TO_SOURCE, source, STRONG);
                set(TO_BOS, BOS, STRONG);
            }
            name if name.contains("v_proj") => set(0, if first { SAID } else { GATHERED }, 1.0),
            name if name.contains("o_proj") => set(if first { GATHERED } else { ANSWER }, 0, 1.0),
            name if name.contains("lm_head") => {
                set(0, ANSWER, 1.0);
                set(1, ANSWER, -1.0);
            }
            _ => {}
        }
        Ok(values)
    }
}

impl Toy {
    pub fn new() -> Self {
        let config = LlamaConfig {
            vocabulary: TOKENS.len(),
            width: WIDTH,
            hidden: 2,
            layers: 2,
            heads: 1,
            kv_heads: 1,
            head_dim: WIDTH,
            epsilon: 1e-6,
            // Turns all but the first pair of dimensions so slowly that places do not matter.
            rope: Rope::new(1e30),
            activation: Activation::Silu,
            tied: false,
            scale: WIDTH as f64,
            sections: Vec::new(),
            near: None,
            style: LLAMA.style,
        };
        let (mut source, mut keys) = (Hand, ParamKeys::default());
        Self(Llama::build(&mut Builder::new(&mut source, &mut keys, &Device::flex()), &config).unwrap())
    }

    /// Logits at the last position, `[pictures * vocabulary]`.
    pub fn run<const N: usize>(&self, pictures: [Picture; N], hooks: &mut Hooks<'_>) -> Vec<f32> {
        let image = |picture| match picture {
            Picture::Left => 1,
            Picture::Right => 2,
            Picture::Blank => 3,
        };
        let ids: Vec<i64> = pictures.into_iter().flat_map(|picture| [0, image(picture), 3, 4, 5]).collect();
        let ids: Tensor<1, Int> = Tensor::from_data(ids.as_slice(), &Device::flex());
        let mut stream = Stream {
            residual: self.0.embed(ids.reshape([N, 5])),
            sight: Sight { rotary: self.0.rotary(&[0, 1, 2, 3, 4]), mask: Mask::Causal },
            near: None,
            lengths: vec![5; N],
            past: Vec::new(),
        };
        stream.residual = hooks.tokens(Site::LmResid(0), stream.residual).unwrap();
        for layer in 0..2 {
            stream = self.0.block(layer, stream, hooks).unwrap();
        }
        self.0.readout(stream.last()).into_data().try_into_vec().unwrap()
    }

    pub fn logits(&self, picture: Picture, hooks: &mut Hooks<'_>) -> Vec<f32> {
        self.run([picture], hooks)
    }

    /// Logit of the first answer less that of the second.
    pub fn differences<const N: usize>(&self, pictures: [Picture; N], hooks: &mut Hooks<'_>) -> [f32; N] {
        let logits = self.run(pictures, hooks);
        std::array::from_fn(|n| logits[n * TOKENS.len()] - logits[n * TOKENS.len() + 1])
    }

    pub fn difference(&self, picture: Picture, hooks: &mut Hooks<'_>) -> f32 {
        self.differences([picture], hooks)[0]
    }
}
