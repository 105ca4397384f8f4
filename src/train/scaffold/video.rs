//! A Spatial-MLLM's folder in the layout of v1.1; without a spatial encoder, that of the Qwen2.5-VL inside it.

use serde_json::{Value, json};

use super::{File, tokenizer, words};
use crate::train::recipe::{SpatialShape, VideoShape};

const SPECIAL: [&str; 8] = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<unk>",
];

/// Where each of them stands in [`SPECIAL`].
const END: usize = 2;
const VISION_START: usize = 3;
const VISION_END: usize = 4;
const IMAGE: usize = 5;
const VIDEO: usize = 6;

/// Words of the template.
const ROLES: [&str; 2] = ["user", "assistant"];

/// Qwen's own template without its system message: what is asked is all there is to say.
pub(super) const CHAT_TEMPLATE: &str = "{% for message in messages %}{% if message['role'] != 'system' %}\
<|im_start|>{{ message['role'] }}\n\
{% for content in message['content'] %}\
{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>\
{% elif content['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>\
{% else %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n\
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Every JSON file.
pub(super) fn files(shape: &VideoShape, vocabulary: &[String]) -> Vec<File> {
    let roles = ROLES.iter().filter(|role| !vocabulary.iter().any(|word| word == *role));
    let vocabulary: Vec<String> = roles.map(|&role| role.to_owned()).chain(vocabulary.iter().cloned()).collect();
    let words = words(&SPECIAL, &vocabulary);
    let generation = json!({"eos_token_id": END, "pad_token_id": 0});
    vec![
        ("config.json", config(shape, words.len())),
        ("tokenizer.json", tokenizer(&SPECIAL, "<unk>", &words, Value::Null)),
        ("tokenizer_config.json", tokenizer_config()),
        ("preprocessor_config.json", preprocessor(shape)),
        ("generation_config.json", generation),
    ]
}

fn config(shape: &VideoShape, vocabulary: usize) -> Value {
    let head_dim = shape.width / shape.heads;
    // A quarter of the frequencies for time, the rest for rows and columns, as in the published models.
    let time = head_dim / 8;
    let rows = (head_dim / 2 - time) / 2;
    let sections = [time, rows, head_dim / 2 - time - rows];
    let mut config = json!({
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "hidden_act": "silu", "hidden_size": shape.width, "image_token_id": IMAGE,
        "intermediate_size": shape.hidden, "max_position_embeddings": 1024, "model_type": "qwen2_5_vl",
        "num_attention_heads": shape.heads, "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads, "rms_norm_eps": 1e-6,
        "rope_scaling": {"mrope_section": sections, "rope_type": "default", "type": "default"},
        "rope_theta": 10000.0, "tie_word_embeddings": false, "torch_dtype": "float32", "use_sliding_window": false,
        "video_token_id": VIDEO, "vision_end_token_id": VISION_END, "vision_start_token_id": VISION_START,
        "vocab_size": vocabulary,
        "vision_config": {
            "depth": shape.vision_layers, "fullatt_block_indexes": (0..shape.vision_layers).collect::<Vec<_>>(),
            "hidden_act": "silu", "hidden_size": shape.vision_width, "in_channels": 3,
            "intermediate_size": shape.vision_hidden, "model_type": "qwen2_5_vl", "num_heads": shape.vision_heads,
            "out_hidden_size": shape.width, "patch_size": shape.patch, "spatial_merge_size": 2,
            "temporal_patch_size": 2, "tokens_per_second": 2, "window_size": 8 * shape.patch
        }
    });
    if let (Some(SpatialShape { width, heads, tower_layers, layers }), Some(keys)) =
        (&shape.spatial, config.as_object_mut())
    {
        keys.insert("architectures".into(), json!(["SpatialMLLMForConditionalGeneration"]));
        keys.insert("model_type".into(), json!("spatial-mllm"));
        // The last three are not in published files, whose weights say them.
        let spatial = json!({
            "embed_dim": width, "img_size": shape.image, "patch_size": shape.patch, "model_type": "vggt_spatial_encoder",
            "num_heads": heads, "tower_depth": tower_layers, "depth": layers
        });
        keys.insert("spatial_config".into(), spatial);
        let connector = json!({"connector_type": "mlp_add", "spatial_embeds_layer_idx": -1});
        keys.insert("connector_config".into(), connector);
    }
    config
}

fn tokenizer_config() -> Value {
    json!({
        "eos_token": SPECIAL[END], "pad_token": SPECIAL[0], "unk_token": "<unk>", "clean_up_tokenization_spaces": false,
        "model_max_length": 1024, "processor_class": "Qwen2_5_VLProcessor",
        "tokenizer_class": "PreTrainedTokenizerFast"
    })
}

/// Of images and videos alike: every frame gets the area that the model was trained on.
fn preprocessor(shape: &VideoShape) -> Value {
    let area = shape.image * shape.image;
    json!({
        "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_processor_type": "Qwen2VLImageProcessor",
        "image_std": [0.26862954, 0.26130258, 0.27577711], "max_pixels": area, "merge_size": 2, "min_pixels": area,
        "patch_size": shape.patch, "processor_class": "Qwen2_5_VLProcessor", "resample": 3,
        "rescale_factor": 0.00392156862745098, "temporal_patch_size": 2
    })
}
