//! `text_config`: the sizes of a decoder.

use serde_json::Value;

use super::class::{Defaults, LLAMA, NearDefaults, Style};
use crate::error::{Error, Result};
use crate::model::checkpoint::field;
use crate::model::layers::{Activation, Wheels};

/// `text_config` of a decoder of this kind.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    pub vocabulary: usize,
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub epsilon: f64,
    pub rope: Rope,
    pub activation: Activation,
    pub tied: bool,
    /// Query-key products are divided by the root of it.
    pub scale: f64,
    /// As in [`Defaults::sections`].
    pub sections: Vec<usize>,
    pub near: Option<Near>,
    pub style: Style,
}

/// How fast positions turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    pub theta: f32,
    /// All frequencies are divided by it: positions stretched to a longer context.
    pub stretch: f32,
}

impl Rope {
    pub fn new(theta: f32) -> Self {
        Self { theta, stretch: 1.0 }
    }

    /// The frequencies of plain positions.
    pub fn line(self, head_dim: usize) -> Wheels {
        Wheels::line(head_dim, self.theta).slowed(self.stretch)
    }
}

/// Layers that see a window of positions only.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// Positions that a query sees, its own among them.
    pub window: usize,
    pub rope: Rope,
    /// Which layers.
    pub layers: Vec<usize>,
}

impl LlamaConfig {
    /// Reads the sparse JSON of `model_type: llama`.
    pub fn from_json(json: &Value) -> Result<Self> {
        Self::of_class(json, &LLAMA)
    }

    /// Reads the sparse JSON; what is left out has the class's default.
    pub fn of_class(json: &Value, class: &Defaults) -> Result<Self> {
        let width = field(json, "hidden_size", class.width)?;
        let heads = field(json, "num_attention_heads", class.heads)?;
        if heads == 0 {
            return Err(Error::data("`num_attention_heads` is 0"));
        }
        let head_dim = field(json, "head_dim", class.head_dim.unwrap_or(width / heads))?;
        let layers = field(json, "num_hidden_layers", class.layers)?;
        let (key, activation) = class.activation;
        let rope = rope(json, "full_attention", field(json, "rope_theta", class.theta)?)?;
        let config = Self {
            vocabulary: field(json, "vocab_size", class.vocabulary)?,
            width,
            hidden: field(json, "intermediate_size", class.hidden)?,
            layers,
            heads,
            kv_heads: field(json, "num_key_value_heads", class.kv_heads.unwrap_or(heads))?,
            head_dim,
            epsilon: field(json, "rms_norm_eps", class.epsilon)?,
            rope,
            activation: Activation::from_config(key, &field(json, key, activation.to_owned())?)?,
            tied: field(json, "tie_word_embeddings", class.tied)?,
            scale: field(json, "query_pre_attn_scalar", head_dim as f64)?,
            sections: sections(json, class, head_dim)?,
            near: class.near.map(|near| self::near(json, near, rope, layers)).transpose()?.flatten(),
            style: class.style,
        };
        config.checked(json)
    }

    fn checked(self, json: &Value) -> Result<Self> {
        let Self { heads, kv_heads, head_dim, .. } = self;
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(Error::data(format!(
                "`num_attention_heads` {heads} must divide by `num_key_value_heads` {kv_heads}"
            )));
        }
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(Error::data(format!("a head of {head_dim} numbers cannot be turned in pairs (`head_dim`)")));
        }
        if self.scale.is_nan() || self.scale <= 0.0 {
            return Err(Error::data(format!("`query_pre_attn_scalar` is {}: expected a number above 0", self.scale)));
        }
        for key in ["attention_bias", "mlp_bias"] {
            if field(json, key, false)? {
                return Err(Error::data(format!("`{key}` is true; only decoders without these biases are read")));
            }
        }
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if json.get(key).is_some_and(|value| !value.is_null()) {
                return Err(Error::data(format!("`{key}` is {}; only decoders without it are read", json[key])));
            }
        }
        if field(json, "use_sliding_window", false)? {
            return Err(Error::data("`use_sliding_window` is true; only attention to all earlier positions is read"));
        }
        Ok(self)
    }
}

/// The rotary settings, in the old spelling (`rope_scaling`) or the new (`rope_parameters`), which may hold one set for each
/// kind of layer.
fn settings<'j>(json: &'j Value, kind: &str) -> Option<&'j Value> {
    let all = json.get("rope_parameters").or_else(|| json.get("rope_scaling")).filter(|value| !value.is_null())?;
    match (all.get(kind), all.get("full_attention"), all.get("sliding_attention")) {
        (Some(own), ..) => Some(own),
        (None, None, None) => Some(all),
        _ => None,
    }
}

/// Base and stretch of one kind of layer; the base stands beside the settings (`rope_theta`) or among them.
fn rope(json: &Value, kind: &str, theta: f32) -> Result<Rope> {
    let Some(settings) = settings(json, kind) else { return Ok(Rope::new(theta)) };
    let scaling: String = field(settings, "rope_type", field(settings, "type", "default".to_owned())?)?;
    let stretch: f32 = match scaling.as_str() {
        // What others call default with sections, old files call mrope.
        "default" | "mrope" => 1.0,
        "linear" => field(settings, "factor", 1.0)?,
        _ => {
            let message = format!("rotary scaling `{scaling}` is not supported; expected `default` or `linear`");
            return Err(Error::data(message));
        }
    };
    if stretch.is_nan() || stretch <= 0.0 {
        return Err(Error::data(format!("the `factor` of the rotary scaling is {stretch}: expected one above 0")));
    }
    Ok(Rope { theta: field(settings, "rope_theta", theta)?, stretch })
}

/// `mrope_section`, which must deal out every frequency.
fn sections(json: &Value, class: &Defaults, head_dim: usize) -> Result<Vec<usize>> {
    if class.sections.is_empty() {
        return Ok(Vec::new());
    }
    let default = class.sections.to_vec();
    let settings = settings(json, "full_attention");
    let sections = settings.map_or(Ok(default.clone()), |rope| field(rope, "mrope_section", default))?;
    let (dealt, frequencies) = (sections.iter().sum::<usize>(), head_dim / 2);
    if dealt != frequencies {
        return Err(Error::data(format!(
            "`mrope_section` {sections:?} deals out {dealt} rotary frequencies, a head of {head_dim} has {frequencies}"
        )));
    }
    Ok(sections)
}

/// Which layers have a window, by `layer_types` or by the period of the pattern.
fn near(json: &Value, class: NearDefaults, full: Rope, layers: usize) -> Result<Option<Near>> {
    // A null switches the windows off.
    let window = match json.get("sliding_window") {
        Some(Value::Null) => None,
        _ => class.window.map(|window| field(json, "sliding_window", window)).transpose()?,
    };
    let every: usize = match json.get("sliding_window_pattern").is_some() {
        true => field(json, "sliding_window_pattern", class.every)?,
        false => field(json, "_sliding_window_pattern", class.every)?,
    };
    let pattern = |layer: usize| every == 0 || !(layer + 1).is_multiple_of(every);
    let by_pattern = || (0..layers).filter(|&layer| pattern(layer)).collect::<Vec<_>>();
    let chosen: Vec<usize> = match json.get("layer_types").filter(|value| !value.is_null()) {
        None => by_pattern(),
        Some(_) => {
            let kinds: Vec<String> = field(json, "layer_types", Vec::new())?;
            if kinds.len() != layers {
                let count = kinds.len();
                return Err(Error::data(format!(
                    "`layer_types` names {count} layers, `num_hidden_layers` is {layers}"
                )));
            }
            if let Some(other) =
                kinds.iter().find(|kind| !["full_attention", "sliding_attention"].contains(&kind.as_str()))
            {
                let expected = "expected `full_attention` or `sliding_attention`";
                return Err(Error::data(format!("`layer_types` holds `{other}`; {expected}")));
            }
            (0..layers).filter(|&layer| kinds[layer] == "sliding_attention").collect()
        }
    };
    let Some(window) = window.filter(|_| !chosen.is_empty()) else { return Ok(None) };
    if window == 0 {
        return Err(Error::data("`sliding_window` is 0: a position sees at least itself"));
    }
    let rope = match class.theta {
        None => full,
        Some(theta) => {
            let beside = field(json, "rope_local_base_freq", theta)?;
            // The old spelling scales the layers without windows alone.
            match json.get("rope_parameters").is_some() {
                true => rope(json, "sliding_attention", beside)?,
                false => Rope::new(beside),
            }
        }
    };
    Ok(Some(Near { window, rope, layers: chosen }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::class::{GEMMA3, MISTRAL};
    use super::*;

    #[test]
    fn old_and_new_spellings_of_windows_and_bases_agree() {
        let old = json!({"num_hidden_layers": 7, "sliding_window": 9, "rope_theta": 5e5, "rope_local_base_freq": 2e3,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0}});
        let new = json!({"num_hidden_layers": 7, "sliding_window": 9, "layer_types": ["sliding_attention",
            "sliding_attention", "sliding_attention", "sliding_attention", "sliding_attention", "full_attention",
            "sliding_attention"], "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0,
            "rope_theta": 5e5}, "sliding_attention": {"rope_type": "default", "rope_theta": 2e3}}});
        let [old, new] = [old, new].map(|json| LlamaConfig::of_class(&json, &GEMMA3).unwrap());
        assert_eq!(old, new);
        assert_eq!(old.rope, Rope { theta: 5e5, stretch: 8.0 });
        let near = old.near.unwrap();
        assert_eq!((near.window, near.layers.as_slice()), (9, [0, 1, 2, 3, 4, 6].as_slice()));
        assert_eq!(near.rope, Rope::new(2e3));
    }

    #[test]
    fn a_window_of_null_is_none() {
        let window = |json| LlamaConfig::of_class(&json, &MISTRAL).unwrap().near;
        assert_eq!(window(json!({"sliding_window": null})), None);
        let all = window(json!({"num_hidden_layers": 3, "sliding_window": 5})).unwrap();
        assert_eq!((all.window, all.layers.len(), all.rope.theta), (5, 3, 10_000.0));
        assert_eq!(window(json!({})).unwrap().window, 4096);
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let complaint = |json| LlamaConfig::of_class(&json, &GEMMA3).unwrap_err().to_string();
        assert!(complaint(json!({"layer_types": ["full_attention"]})).contains("names 1 layers"));
        let odd = complaint(json!({"num_hidden_layers": 1, "layer_types": ["linear_attention"]}));
        assert!(odd.contains("`linear_attention`"), "{odd}");
        assert!(complaint(json!({"final_logit_softcapping": 30.0})).contains("`final_logit_softcapping` is 30.0"));
        assert!(complaint(json!({"rope_scaling": {"rope_type": "yarn"}})).contains("`yarn`"));
        assert!(complaint(json!({"sliding_window": 0})).contains("sees at least itself"));
        assert!(complaint(json!({"head_dim": 7})).contains("in pairs"));
        assert!(complaint(json!({"hidden_size": "wide"})).contains("`hidden_size` is `\"wide\"`"));
    }
}
