"""Plain PyTorch hooks, as fast as they go: attention stays fused and only the last query's row is computed once more; the image
is encoded once; what differs in one layer only goes through the decoder as one batch."""

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.models.llama.modeling_llama import repeat_kv

import common
from hf import in_decoder


def last_scores(module, query, key, scaling):
    """Of the last query, which sees every key."""
    return torch.matmul(query[:, :, -1:], repeat_kv(key, module.num_key_value_groups).transpose(2, 3)) * scaling


def with_row(module, query, key, value, attention_mask, scaling=None, **kwargs):
    """Fused attention, and the last query's weights beside it."""
    out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    return out, last_scores(module, query, key, scaling).softmax(-1)


class Scaled:
    """Fused attention whose last row is replaced by one whose scores over the image are multiplied by alpha."""

    alpha, image = 1.0, None

    def attend(module, query, key, value, attention_mask, scaling=None, **kwargs):
        out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
        if Scaled.alpha != 1.0:
            scores = last_scores(module, query, key, scaling)
            scores[..., Scaled.image] *= Scaled.alpha
            row = torch.matmul(scores.softmax(-1), repeat_kv(value, module.num_key_value_groups))
            out[:, -1:] = row.transpose(1, 2)
        return out, None


class Capture(common.Writing):
    def __init__(self, *args):
        super().__init__(*args)
        self.states, self.rows = [], []
        for layer in self.layers:
            layer.register_forward_pre_hook(self.enter)
            layer.self_attn.register_forward_hook(self.attended)

    def enter(self, module, args):
        state = args[0][0]
        self.states.append((state[-1].clone(), state[self.items.image].mean(0)))

    def attended(self, module, args, output):
        self.rows.append(output[1][0, :, 0, self.items.image])

    def do(self, number):
        self.states.clear()
        self.rows.clear()
        self.logits(**self.items(number))
        last, mean = zip(*self.states)
        return {"attention": torch.stack(self.rows), "last": torch.stack(last), "mean": torch.stack(mean)}


class Decoder(common.Task):
    """A task that runs the decoder several times on the same image."""

    def keep(self, inputs):
        """States entering each layer, and logit differences."""
        kept = []
        hooks = [
            layer.register_forward_pre_hook(lambda module, args: kept.append(args[0].clone())) for layer in self.layers
        ]
        difference = self.items.difference(self.logits(**inputs))
        for hook in hooks:
            hook.remove()
        return kept, difference

    def decode(self, embeddings):
        state = self.text(inputs_embeds=embeddings, use_cache=False).last_hidden_state[:, -1]
        return self.items.difference(self.hf.lm_head(state))


class Sweep(Decoder):
    def do(self, number):
        kept, (clean, _) = self.keep(self.items.pair(number))
        slots = self.items.slots
        embeddings = kept[0][:1].expand(len(slots), -1, -1)
        effects = []
        for at, layer in enumerate(self.layers):

            def overwrite(module, args):
                state = args[0].clone()
                for row, places in enumerate(slots):
                    state[row, places] = kept[at][1, places]
                return (state, *args[1:])

            hook = layer.register_forward_pre_hook(overwrite)
            effects.append(self.decode(embeddings) - clean)
            hook.remove()
        return {"effects": torch.stack(effects)}


class Alphas(Decoder):
    def do(self, number):
        Scaled.image, Scaled.alpha = self.items.image, 1.0
        kept = []
        hook = self.layers[0].register_forward_pre_hook(lambda module, args: kept.append(args[0].clone()))
        clean = self.items.difference(self.logits(**self.items(number)))
        hook.remove()
        scaled = []
        for Scaled.alpha in self.items.alphas:
            scaled.append(self.decode(kept[0]) - clean)
        return {"effects": torch.cat(scaled)}


def open_task(task, folder, scratch, threads):
    for name, function in [("with_row", with_row), ("scaled_row", Scaled.attend)]:
        AttentionInterface.register(name, function)
        AttentionMaskInterface.register(name, sdpa_mask)
    kind, attention = {
        "T2": (Capture, in_decoder("with_row")),
        "T3": (Sweep, "sdpa"),
        "T5": (Alphas, in_decoder("scaled_row")),
    }[task]
    return kind(folder, scratch, threads, attention)
