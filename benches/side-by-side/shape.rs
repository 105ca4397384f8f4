//! The models that are compared: their published or made-up sizes, as configurations and as lists of tensors.

use serde_json::{Value, json};

/// A model's sizes.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub family: Family,
    pub tower: Tower,
    pub decoder: Decoder,
    /// Of a prompt, image tokens among them.
    pub tokens: usize,
    /// Different items in the file of inputs.
    pub items: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// CLIP, two projecting matrices, LLaMA.
    Llava,
    /// SigLIP, so many patches by so many joined into an image token, LLaMA.
    Idefics3 { join: usize },
}

#[derive(Debug)]
pub struct Tower {
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub image: usize,
    pub patch: usize,
}

#[derive(Debug)]
pub struct Decoder {
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub key_value_heads: usize,
    pub vocabulary: usize,
}

pub const SHAPES: [Shape; 3] = [
    Shape {
        name: "tiny",
        family: Family::Llava,
        tower: Tower { width: 64, hidden: 256, layers: 4, heads: 4, image: 56, patch: 14 },
        decoder: Decoder { width: 128, hidden: 344, layers: 4, heads: 4, key_value_heads: 4, vocabulary: 1024 },
        tokens: 48,
        items: 16,
    },
    Shape {
        name: "medium",
        family: Family::Llava,
        tower: Tower { width: 256, hidden: 1024, layers: 6, heads: 4, image: 336, patch: 14 },
        decoder: Decoder { width: 512, hidden: 1376, layers: 8, heads: 8, key_value_heads: 8, vocabulary: 8192 },
        tokens: 640,
        items: 4,
    },
    // SmolVLM-256M-Instruct, an image of one tile.
    Shape {
        name: "smolvlm",
        family: Family::Idefics3 { join: 4 },
        tower: Tower { width: 768, hidden: 3072, layers: 12, heads: 12, image: 512, patch: 16 },
        decoder: Decoder { width: 576, hidden: 1536, layers: 30, heads: 9, key_value_heads: 3, vocabulary: 49280 },
        tokens: 100,
        items: 2,
    },
];

/// Stands for an image token.
pub const IMAGE_TOKEN: usize = 4;

/// What a tensor is for, which says how large its numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Matrix,
    /// Its output is added to a residual stream.
    Residual,
    /// Queries and keys: somewhat larger, so that attention is not even.
    Attending,
    Embedding,
    Bias,
    Gain,
}

impl Shape {
    pub fn head_width(&self) -> usize {
        self.decoder.width / self.decoder.heads
    }

    /// Image tokens along a side.
    pub fn side(&self) -> usize {
        let patches = self.tower.image / self.tower.patch;
        match self.family {
            Family::Llava => patches,
            Family::Idefics3 { join } => patches / join,
        }
    }

    /// `config.json`.
    pub fn config(&self) -> Value {
        let (tower, decoder) = (&self.tower, &self.decoder);
        let mut vision = json!({
            "hidden_size": tower.width, "intermediate_size": tower.hidden, "num_hidden_layers": tower.layers,
            "num_attention_heads": tower.heads, "image_size": tower.image, "patch_size": tower.patch, "num_channels": 3,
        });
        let text = json!({
            "model_type": "llama", "hidden_size": decoder.width, "intermediate_size": decoder.hidden,
            "num_hidden_layers": decoder.layers, "num_attention_heads": decoder.heads,
            "num_key_value_heads": decoder.key_value_heads, "head_dim": self.head_width(),
            "vocab_size": decoder.vocabulary, "max_position_embeddings": 2048, "hidden_act": "silu",
            "attention_bias": false, "mlp_bias": false, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
        });
        match self.family {
            Family::Llava => {
                vision["model_type"] = json!("clip_vision_model");
                vision["hidden_act"] = json!("quick_gelu");
                vision["layer_norm_eps"] = json!(1e-5);
                vision["projection_dim"] = json!(tower.width);
                json!({
                    "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "torch_dtype": "float32",
                    "image_token_index": IMAGE_TOKEN, "image_seq_length": self.side().pow(2),
                    "projector_hidden_act": "gelu", "multimodal_projector_bias": true, "tie_word_embeddings": false,
                    "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
                    "vision_config": vision, "text_config": text,
                })
            }
            Family::Idefics3 { join } => {
                vision["model_type"] = json!("idefics3_vision");
                vision["hidden_act"] = json!("gelu_pytorch_tanh");
                vision["layer_norm_eps"] = json!(1e-6);
                json!({
                    "architectures": ["Idefics3ForConditionalGeneration"], "model_type": "idefics3",
                    "torch_dtype": "float32", "image_token_id": IMAGE_TOKEN, "scale_factor": join, "pad_token_id": 0,
                    "tie_word_embeddings": false, "use_cache": true, "vision_config": vision, "text_config": text,
                })
            }
        }
    }

    /// Every tensor of the checkpoint: name, shape as PyTorch has it, kind.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, Kind)> {
        let mut list = List(Vec::new());
        match self.family {
            Family::Llava => {
                self.tower(&mut list, "vision_tower.vision_model");
                let (tower, decoder) = (self.tower.width, self.decoder.width);
                list.biased("multi_modal_projector.linear_1", [decoder, tower], Kind::Matrix);
                list.biased("multi_modal_projector.linear_2", [decoder, decoder], Kind::Matrix);
                self.decoder(&mut list, "language_model.model", "language_model.lm_head");
            }
            Family::Idefics3 { join } => {
                self.tower(&mut list, "model.vision_model");
                let joined = vec![self.decoder.width, self.tower.width * join * join];
                list.add("model.connector.modality_projection.proj.weight", joined, Kind::Matrix);
                self.decoder(&mut list, "model.text_model", "lm_head");
            }
        }
        list.0
    }

    fn tower(&self, list: &mut List, at: &str) {
        let Tower { width, hidden, layers, image, patch, .. } = self.tower;
        let places = (image / patch).pow(2);
        let embeddings = format!("{at}.embeddings");
        list.add(&format!("{embeddings}.patch_embedding.weight"), vec![width, 3, patch, patch], Kind::Matrix);
        if self.family == Family::Llava {
            list.add(&format!("{embeddings}.class_embedding"), vec![width], Kind::Embedding);
            list.add(&format!("{embeddings}.position_embedding.weight"), vec![places + 1, width], Kind::Embedding);
            list.norm(&format!("{at}.pre_layrnorm"), width);
        } else {
            list.add(&format!("{embeddings}.patch_embedding.bias"), vec![width], Kind::Bias);
            list.add(&format!("{embeddings}.position_embedding.weight"), vec![places, width], Kind::Embedding);
        }
        for layer in 0..layers {
            let layer = format!("{at}.encoder.layers.{layer}");
            let parts = [
                ("q_proj", Kind::Attending),
                ("k_proj", Kind::Attending),
                ("v_proj", Kind::Matrix),
                ("out_proj", Kind::Residual),
            ];
            for (part, kind) in parts {
                list.biased(&format!("{layer}.self_attn.{part}"), [width, width], kind);
            }
            list.biased(&format!("{layer}.mlp.fc1"), [hidden, width], Kind::Matrix);
            list.biased(&format!("{layer}.mlp.fc2"), [width, hidden], Kind::Residual);
            list.norm(&format!("{layer}.layer_norm1"), width);
            list.norm(&format!("{layer}.layer_norm2"), width);
        }
        list.norm(&format!("{at}.post_layernorm"), width);
    }

    fn decoder(&self, list: &mut List, at: &str, head: &str) {
        let Decoder { width, hidden, layers, heads, key_value_heads, vocabulary } = self.decoder;
        let of = |heads: usize| heads * self.head_width();
        list.add(&format!("{at}.embed_tokens.weight"), vec![vocabulary, width], Kind::Embedding);
        for layer in 0..layers {
            let layer = format!("{at}.layers.{layer}");
            let parts = [
                ("self_attn.q_proj", [of(heads), width], Kind::Attending),
                ("self_attn.k_proj", [of(key_value_heads), width], Kind::Attending),
                ("self_attn.v_proj", [of(key_value_heads), width], Kind::Matrix),
                ("self_attn.o_proj", [width, of(heads)], Kind::Residual),
                ("mlp.gate_proj", [hidden, width], Kind::Matrix),
                ("mlp.up_proj", [hidden, width], Kind::Matrix),
                ("mlp.down_proj", [width, hidden], Kind::Residual),
            ];
            for (part, shape, kind) in parts {
                list.add(&format!("{layer}.{part}.weight"), shape.to_vec(), kind);
            }
            list.add(&format!("{layer}.input_layernorm.weight"), vec![width], Kind::Gain);
            list.add(&format!("{layer}.post_attention_layernorm.weight"), vec![width], Kind::Gain);
        }
        list.add(&format!("{at}.norm.weight"), vec![width], Kind::Gain);
        list.add(&format!("{head}.weight"), vec![vocabulary, width], Kind::Matrix);
    }
}

struct List(Vec<(String, Vec<usize>, Kind)>);

impl List {
    fn add(&mut self, name: &str, shape: Vec<usize>, kind: Kind) {
        self.0.push((name.to_owned(), shape, kind));
    }

    fn biased(&mut self, name: &str, shape: [usize; 2], kind: Kind) {
        self.add(&format!("{name}.weight"), shape.to_vec(), kind);
        self.add(&format!("{name}.bias"), vec![shape[0]], Kind::Bias);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(&format!("{name}.weight"), vec![width], Kind::Gain);
        self.add(&format!("{name}.bias"), vec![width], Kind::Bias);
    }
}
