# /// script
# dependencies = ["torch", "transformers>=4.51", "pillow", "safetensors"]
# ///
"""Record where a LLaVA looks while it answers, for `vlmscope import`.

    python scripts/record_attention.py llava-hf/llava-1.5-7b-hf QUESTIONS --out DUMP [--device cuda] [--limit N]
    vlmscope import DUMP --out runs/llava-7b --images QUESTIONS

QUESTIONS is a folder with an items.jsonl (id, image, question, options, gold, objects with boxes), as datasets/README.md
describes it. What is kept of each item: the attention logits of the last prompt position in every layer and head, before
softmax; the greedy answer; the probability of each option's first token. docs/import.md describes the layout.
"""

import argparse
import json
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import AttentionInterface, AutoModelForImageTextToText, AutoProcessor

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", help="a folder or a hub id")
parser.add_argument("questions", type=Path)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--device", default="cpu")
parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
parser.add_argument("--limit", type=int)
parser.add_argument("--tokens", type=int, default=16, help="greedy tokens of the answer")
arguments = parser.parse_args()

rows = {}  # layer -> [heads, columns], filled while a prompt passes


def recording(module, query, key, value, attention_mask, scaling=None, **_):
    """Eager attention that keeps the last query's logits of the language model's layers."""
    scaling = module.scaling if scaling is None else scaling
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    logits = query @ key.transpose(2, 3) * scaling
    if getattr(module, "layer_idx", None) is not None:  # The image tower's layers have no number.
        rows[module.layer_idx] = logits[0, :, -1].float().cpu()
    if attention_mask is not None:
        logits = logits + attention_mask[:, :, :, : key.shape[2]]
    elif getattr(module, "is_causal", False) and query.shape[2] > 1:
        logits = logits.masked_fill(torch.ones_like(logits[0, 0], dtype=bool).triu(1), float("-inf"))
    weights = logits.float().softmax(-1).to(query.dtype)
    return (weights @ value).transpose(1, 2).contiguous(), weights


AttentionInterface.register("recording", recording)
processor = AutoProcessor.from_pretrained(arguments.model)
model = AutoModelForImageTextToText.from_pretrained(
    arguments.model, dtype=getattr(torch, arguments.dtype), attn_implementation="eager"
)
model = model.to(arguments.device).eval()
model.set_attn_implementation("recording")

size, crop = processor.image_processor.size, processor.image_processor.crop_size
patch = model.config.vision_config.patch_size
grid = [crop["height"] // patch, crop["width"] // patch]
preprocess = f"resize shortest edge {size['shortest_edge']}, centre crop {crop['height']}, patch {patch}"
image_token = getattr(model.config, "image_token_id", None) or model.config.image_token_index
tokenizer = processor.tokenizer

(arguments.out / "tensors").mkdir(parents=True, exist_ok=True)
items = [json.loads(line) for line in open(arguments.questions / "items.jsonl") if line.strip()]
with open(arguments.out / "items.jsonl", "w") as out, torch.no_grad():
    for number, item in enumerate(items[: arguments.limit]):
        image = Image.open(arguments.questions / item["image"]).convert("RGB")
        content = [{"type": "image"}, {"type": "text", "text": item["question"]}]
        prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(images=image, text=prompt, return_tensors="pt").to(arguments.device, model.dtype)

        rows.clear()
        first_token = model(**inputs, logits_to_keep=1).logits[0, -1].float().softmax(-1)
        attention = torch.stack([rows[layer] for layer in sorted(rows)])
        generated = model.generate(**inputs, max_new_tokens=arguments.tokens, do_sample=False)

        columns = (inputs["input_ids"][0] == image_token).nonzero().flatten().tolist()
        assert len(columns) == grid[0] * grid[1] == columns[-1] + 1 - columns[0], "image columns must be one run"
        starts = {option: tokenizer(option, add_special_tokens=False).input_ids[0] for option in item["options"]}
        gold = item["gold"] if isinstance(item["gold"], str) else item["options"][item["gold"]]
        name = f"tensors/{number:05}.safetensors"
        save_file({"lm.attention_logits.last": attention.half().contiguous()}, arguments.out / name)
        kept = {key: item[key] for key in ("relation", "familiarity", "pair", "set", "objects") if key in item}
        record = {
            "item_id": item["id"],
            "image": item["image"],
            "image_width": image.width,
            "image_height": image.height,
            "question": item["question"],
            "options": item["options"],
            "gold": gold,
            **kept,
            "answer": tokenizer.decode(generated[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip(),
            "option_probabilities": {option: first_token[start].item() for option, start in starts.items()},
            "confidence": first_token.max().item(),
            "tensors": name,
            "image_tokens": [columns[0], columns[-1] + 1],
            "bos": 0 if inputs["input_ids"][0, 0] == tokenizer.bos_token_id else None,
            "grid": grid,
            "preprocess": preprocess,
            "layers": sorted(rows),
            "model": arguments.model,
        }
        out.write(json.dumps(record) + "\n")
        print(f"{number + 1} of {len(items[: arguments.limit])}: {item['id']}: {record['answer']}")
