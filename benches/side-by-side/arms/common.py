"""What all arms with a model share: the checkpoint, the items, and the shape of a task."""

import json
import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText


class Items:
    """Prompts, one at a time, as keyword arguments of a forward pass."""

    def __init__(self, folder):
        self.about = json.loads((Path(folder) / "about.json").read_text())
        self.tensors = load_file(Path(folder) / "inputs.safetensors")
        self.image = torch.tensor(self.about["image"])
        self.slots = [torch.tensor(places) for _, places in self.about["slots"]]
        self.alphas = self.about["alphas"]

    def __call__(self, number, side=""):
        """`side` is "" or "partner_"; numbers start over behind the last item."""
        at = number % len(self.tensors["ids"])
        pixels = self.tensors[side + "pixels"][at : at + 1]
        return {
            "input_ids": self.tensors[side + "ids"][at : at + 1],
            "pixel_values": pixels[None] if self.about["tiled"] else pixels,
        }

    def pair(self, number):
        """Clean and partner as one batch."""
        clean, partner = self(number), self(number, "partner_")
        return {name: torch.cat([clean[name], partner[name]]) for name in clean}

    def difference(self, logits):
        """Of the two answers' logits, `[rows, vocabulary]` to `[rows]`."""
        a, b = self.about["options"]
        return logits[:, a] - logits[:, b]


class Task:
    """One task of one arm. `do` does an item and returns what came out of it by name, as tensors."""

    def __init__(self, folder, scratch, threads, attention):
        torch.set_num_threads(threads)
        self.scratch, self.items = scratch, Items(folder)
        self.hf = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention).eval()
        base = self.hf.model
        self.text = getattr(base, "language_model", None) or base.text_model
        self.layers = self.text.layers

    def run(self, numbers):
        with torch.inference_mode():
            for number in numbers:
                self.do(number)
        return 0

    def outputs(self):
        with torch.inference_mode():
            return {name: np.ascontiguousarray(value.float().numpy()) for name, value in self.do(0).items()}

    def logits(self, **inputs):
        """Of the last position, `[rows, vocabulary]`."""
        return self.hf(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]


class Writing(Task):
    """T2: one file a sample, as their documentation does it."""

    def run(self, numbers):
        written = 0
        with torch.inference_mode():
            for number in numbers:
                path = os.path.join(self.scratch, f"item-{number}.pt")
                torch.save(self.do(number), path)
                written += os.path.getsize(path)
        return written


def study(attention, states, image):
    """What T2 keeps of the last query's attention rows, `[heads, keys]` a layer, and of the states `[tokens, width]` entering
    each layer."""
    return {
        "attention": torch.stack([rows[:, image] for rows in attention]),
        "last": torch.stack([state[-1] for state in states]),
        "mean": torch.stack([state[image].mean(0) for state in states]),
    }
