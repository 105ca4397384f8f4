"""The same work saved that vlmscope saves, by hand: a sweep goes on from the kept state of its layer, an alpha is one decoding
step on the key-value cache. No library does this by itself; it shows what is the algorithm and what is the program."""

import torch
from transformers import AttentionInterface, DynamicCache
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

import hooks
from hf import in_decoder


class Sweep(hooks.Decoder):
    def do(self, number):
        # What the decoder hands to its layers is the same for all of them.
        beside = []
        hook = self.layers[0].register_forward_pre_hook(lambda module, args, kwargs: beside.append(kwargs), with_kwargs=True)
        kept, (clean, _) = self.keep(self.items.pair(number))
        hook.remove()
        slots = self.items.slots
        rows = {name: value for name, value in beside[0].items()}
        rows["position_embeddings"] = tuple(part[:1] for part in rows["position_embeddings"])
        if rows.get("attention_mask") is not None:
            rows["attention_mask"] = rows["attention_mask"][:1]
        effects = []
        for at in range(len(self.layers)):
            state = kept[at][:1].repeat(len(slots), 1, 1)
            for row, places in enumerate(slots):
                state[row, places] = kept[at][1, places]
            for layer in self.layers[at:]:
                state = layer(state, **rows)
            effects.append(self.items.difference(self.hf.lm_head(self.text.norm(state[:, -1]))) - clean)
        return {"effects": torch.stack(effects)}


class Alphas(hooks.Decoder):
    def do(self, number):
        scaled, image = hooks.Scaled, self.items.image
        scaled.image, scaled.alpha = image, 1.0
        kept, cache = [], DynamicCache(config=self.text.config)
        hook = self.layers[0].register_forward_pre_hook(lambda module, args: kept.append(args[0][:, -1:].clone()))
        inputs = self.items(number)
        out = self.hf(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
        hook.remove()
        clean = self.items.difference(out.logits[:, -1])
        effects = []
        for scaled.alpha in self.items.alphas:
            cache.crop(-1)
            state = self.text(inputs_embeds=kept[0], past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
            effects.append(self.items.difference(self.hf.lm_head(state)) - clean)
        return {"effects": torch.cat(effects)}


def open_task(task, folder, scratch, threads):
    AttentionInterface.register("scaled_row", hooks.Scaled.attend)
    AttentionMaskInterface.register("scaled_row", sdpa_mask)
    kind, attention = {"T3": (Sweep, "sdpa"), "T5": (Alphas, in_decoder("scaled_row"))}[task]
    return kind(folder, scratch, threads, attention)
