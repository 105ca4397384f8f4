"""Hugging Face as a notebook has it. It is also what all arms are held against, then on the eager path."""

import numpy as np
import torch
from transformers import AttentionInterface
from transformers.models.llama.modeling_llama import repeat_kv

import common


class Forward(common.Task):
    def do(self, number):
        return {"logits": self.logits(**self.items(number))[0]}


class Capture(common.Writing):
    def do(self, number):
        out = self.hf(
            **self.items(number), output_attentions=True, output_hidden_states=True, use_cache=False, logits_to_keep=1
        )
        rows = [layer[0, :, -1] for layer in out.attentions]
        states = [state[0] for state in out.hidden_states[: len(self.layers)]]
        return common.study(rows, states, self.items.image)


class Sweep(common.Task):
    """A whole pass for each layer and slot, with a hook that overwrites."""

    def states(self, inputs):
        kept = []
        hooks = [
            layer.register_forward_pre_hook(lambda module, args: kept.append(args[0].clone())) for layer in self.layers
        ]
        logits = self.logits(**inputs)
        for hook in hooks:
            hook.remove()
        return kept, self.items.difference(logits)

    def do(self, number):
        inputs = self.items(number)
        _, clean = self.states(inputs)
        partner, _ = self.states(self.items(number, "partner_"))
        effects = torch.zeros(len(self.layers), len(self.items.slots))
        for at, layer in enumerate(self.layers):
            for slot, places in enumerate(self.items.slots):

                def overwrite(module, args):
                    args[0][:, places] = partner[at][:, places]

                hook = layer.register_forward_pre_hook(overwrite)
                effects[at, slot] = (self.items.difference(self.logits(**inputs)) - clean)[0]
                hook.remove()
        return {"effects": effects}


class Alphas(common.Task):
    """A whole pass for each alpha, with the eager attention function changed."""

    def do(self, number):
        inputs = self.items(number)
        Scaled.image = self.items.image
        differences = []
        for Scaled.alpha in [1.0, *self.items.alphas]:
            differences.append(self.items.difference(self.logits(**inputs)))
        clean, *scaled = torch.cat(differences)
        return {"effects": torch.stack(scaled) - clean}


class Scaled:
    """Eager attention whose scores of the last query over the image are multiplied by alpha."""

    alpha, image = 1.0, None

    def attend(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
        key = repeat_kv(key, module.num_key_value_groups)
        value = repeat_kv(value, module.num_key_value_groups)
        scores = torch.matmul(query, key.transpose(2, 3)) * scaling
        scores[:, :, -1, Scaled.image] *= Scaled.alpha
        if attention_mask is not None:
            scores = scores + attention_mask
        weights = torch.nn.functional.softmax(scores, dim=-1, dtype=torch.float32)
        return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


def in_decoder(name):
    """An attention implementation for the language model, the fused one for the image tower."""
    return {"text_config": name, "vision_config": "sdpa"}


class Eagerly:
    """Times the fused path, and is held against on the eager one."""

    def outputs(self):
        self.hf.set_attn_implementation("eager")
        found = super().outputs()
        self.hf.set_attn_implementation("sdpa")
        return found


class EagerlyForward(Eagerly, Forward):
    pass


class EagerlySweep(Eagerly, Sweep):
    pass


def open_task(task, folder, scratch, threads):
    if task == "T5":
        from transformers.masking_utils import AttentionMaskInterface, eager_mask

        AttentionInterface.register("scaled", Scaled.attend)
        AttentionMaskInterface.register("scaled", eager_mask)
    kind, attention = {
        "T0": (EagerlyForward, "sdpa"),
        "T2": (Capture, "eager"),
        "T3": (EagerlySweep, "sdpa"),
        "T5": (Alphas, in_decoder("scaled")),
    }[task]
    return kind(folder, scratch, threads, attention)
