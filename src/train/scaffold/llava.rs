//! A LLaVA-1.5's folder.

use serde_json::{Value, json};

use super::{File, tokenizer, words};
use crate::train::recipe::Shape;

const SPECIAL: [&str; 5] = ["<pad>", "<s>", "</s>", "<unk>", "<image>"];

/// LLaVA-1.5's own template.
pub(super) const CHAT_TEMPLATE: &str = "{% for message in messages %}{% if message['role'] != 'system' %}\
{{ message['role'].upper() + ': '}}{% endif %}\
{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}\
{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}\
{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";

/// Every JSON file.
pub(super) fn files(shape: &Shape, vocabulary: &[String]) -> Vec<File> {
    let words = words(&SPECIAL, vocabulary);
    let begin = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}
    });
    vec![
        ("config.json", config(shape, words.len())),
        ("tokenizer.json", tokenizer(&SPECIAL, "<unk>", &words, begin)),
        ("tokenizer_config.json", tokenizer_config()),
        ("processor_config.json", processor(shape)),
        ("preprocessor_config.json", preprocessor(shape)),
        ("generation_config.json", json!({"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})),
    ]
}

fn config(shape: &Shape, vocabulary: usize) -> Value {
    let side = shape.image / shape.patch;
    json!({
        "architectures": ["LlavaForConditionalGeneration"],
        "image_seq_length": side * side,
        "image_token_index": 4,
        "model_type": "llava",
        "multimodal_projector_bias": true,
        "projector_hidden_act": "gelu",
        "text_config": {
            "attention_bias": false, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
            "head_dim": shape.width / shape.heads, "hidden_act": "silu", "hidden_size": shape.width,
            "intermediate_size": shape.hidden, "max_position_embeddings": 256, "mlp_bias": false, "model_type": "llama",
            "num_attention_heads": shape.heads, "num_hidden_layers": shape.layers,
            "num_key_value_heads": shape.kv_heads, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": false, "vocab_size": vocabulary
        },
        "tie_word_embeddings": false,
        "torch_dtype": "float32",
        "vision_config": {
            "hidden_act": "quick_gelu", "hidden_size": shape.vision_width, "image_size": shape.image,
            "intermediate_size": shape.vision_hidden, "layer_norm_eps": 1e-5, "model_type": "clip_vision_model",
            "num_attention_heads": shape.vision_heads, "num_channels": 3, "num_hidden_layers": shape.vision_layers,
            "patch_size": shape.patch, "projection_dim": shape.vision_width
        },
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default"
    })
}

fn tokenizer_config() -> Value {
    json!({
        "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
        "clean_up_tokenization_spaces": false, "model_max_length": 256, "padding_side": "left",
        "processor_class": "LlavaProcessor", "tokenizer_class": "PreTrainedTokenizerFast"
    })
}

fn processor(shape: &Shape) -> Value {
    json!({
        "image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": shape.patch,
        "processor_class": "LlavaProcessor", "vision_feature_select_strategy": "default"
    })
}

fn preprocessor(shape: &Shape) -> Value {
    json!({
        "crop_size": {"height": shape.image, "width": shape.image}, "do_center_crop": true, "do_convert_rgb": true,
        "do_normalize": true, "do_rescale": true, "do_resize": true,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_processor_type": "CLIPImageProcessor",
        "image_std": [0.26862954, 0.26130258, 0.27577711], "processor_class": "LlavaProcessor", "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": shape.image}
    })
}
