# /// script
# dependencies = ["torch", "transformers>=4.51", "pillow", "safetensors"]
# ///
"""Does `transformers` load the bundled model and compute what its committed reference says?

    python scripts/check_bundled.py [datasets/scenes-llava]

`vlmscope verify datasets/scenes-llava --against datasets/scenes-llava/reference/ref.safetensors` then shows that vlmscope
computes the same. Exit code 0: yes.
"""

import sys
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoModelForImageTextToText

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "datasets/scenes-llava")
model, info = AutoModelForImageTextToText.from_pretrained(
    folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
)
problems = {kind: names for kind, names in info.items() if names and kind != "error_msgs"}
if problems:
    sys.exit(f"{folder}: transformers did not take the weights as they are: {problems}")

with safe_open(folder / "reference" / "ref.safetensors", framework="pt") as file:
    inputs = {name: file.get_tensor(f"in.{name}") for name in ("input_ids", "attention_mask", "pixel_values")}
    expected = file.get_tensor("out.logits")
with torch.no_grad():
    logits = model.eval()(**inputs).logits
worst = float((logits - expected).abs().max())
print(f"{folder}: {sum(p.numel() for p in model.parameters())} parameters, worst difference of logits {worst:.2e}")
sys.exit(0 if worst <= 1e-4 else "expected at most 1e-4")
