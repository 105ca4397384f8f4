# /// script
# dependencies = ["torch", "transformers>=4.51", "pillow", "safetensors"]
# ///
"""Write what `transformers` computes on one image and one question, for `vlmscope verify` to compare with.

    python scripts/reference.py MODEL IMAGE "Where is the mug?" --out REF.safetensors

MODEL is a folder or a hub id. The tensors are named as `vlmscope verify --help` and src/parity/mod.rs say; the image is
copied to `input.png` beside the reference, so that preprocessing is compared too.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model")
parser.add_argument("image")
parser.add_argument("question")
parser.add_argument("--out", default="ref.safetensors", type=Path)
parser.add_argument("--tokens", default=8, type=int, help="greedy tokens to generate, end tokens ignored")
arguments = parser.parse_args()

try:
    # The PIL implementation where there is a choice: the tensor one rounds differently.
    processor = AutoProcessor.from_pretrained(arguments.model, backend="pil")
except TypeError:
    processor = AutoProcessor.from_pretrained(arguments.model, use_fast=False)
model = AutoModelForImageTextToText.from_pretrained(
    arguments.model, torch_dtype=torch.float32, attn_implementation="eager"
).eval()

image = Image.open(arguments.image).convert("RGB")
content = [{"type": "image"}, {"type": "text", "text": arguments.question}]
prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
inputs = dict(processor(images=image, text=prompt, return_tensors="pt"))
known = ("input_ids", "attention_mask", "pixel_values", "image_sizes")
inputs = {name: value for name, value in inputs.items() if name in known}

captured, handles = {}, []
for name, module in model.named_modules():
    if name.split(".")[-1] in ("multi_modal_projector", "vision_tower"):

        def keep(_module, _inputs, output, name=name):
            if isinstance(output, torch.Tensor):
                captured[f"cap.{name}"] = output
            else:
                for field in ("last_hidden_state", "pooler_output"):
                    if isinstance(getattr(output, field, None), torch.Tensor):
                        captured[f"cap.{name}.{field}"] = getattr(output, field)

        handles.append(module.register_forward_hook(keep))

with torch.no_grad():
    output = model(**inputs, output_hidden_states=True, output_attentions=True, use_cache=False)
    for handle in handles:
        handle.remove()
    generated = model.generate(**inputs, max_new_tokens=arguments.tokens, do_sample=False, eos_token_id=None)

tensors = {f"in.{name}": value for name, value in inputs.items()}
tensors["out.logits"] = output.logits
tensors["out.generate"] = generated
tensors |= {f"out.hidden.{n}": state for n, state in enumerate(output.hidden_states)}
tensors |= {f"out.attn.{n}": weights for n, weights in enumerate(output.attentions)}
tensors |= captured

arguments.out.parent.mkdir(parents=True, exist_ok=True)
metadata = {"question": arguments.question}
save_file({name: value.detach().contiguous().clone() for name, value in tensors.items()}, arguments.out, metadata)
image.save(arguments.out.with_name("input.png"))
print(f"{arguments.out}: {len(tensors)} tensors")
