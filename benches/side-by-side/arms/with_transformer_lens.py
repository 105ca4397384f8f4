"""TransformerLens: the bridge over the same model, only the hook points that are needed."""

import torch
from transformer_lens.model_bridge import TransformerBridge

import common


class Bridged(common.Writing):
    def __init__(self, folder, scratch, threads, attention):
        super().__init__(folder, scratch, threads, attention)
        self.bridge = TransformerBridge.boot_transformers(str(folder), hf_model=self.hf)
        self.depth = len(self.layers)

    def prompt(self, number, side=""):
        inputs = self.items(number, side)
        return inputs["input_ids"], {"pixel_values": inputs["pixel_values"]}

    def cached(self, names, number, side=""):
        ids, image = self.prompt(number, side)
        return self.bridge.run_with_cache(ids, names_filter=names, **image)

    def hooked(self, hooks, number):
        ids, image = self.prompt(number)
        logits = self.bridge.run_with_hooks(ids, fwd_hooks=hooks, **image)
        return self.items.difference(logits[:, -1])[0]


class Forward(Bridged):
    run = common.Task.run

    def do(self, number):
        ids, image = self.prompt(number)
        return {"logits": self.bridge(ids, **image)[0, -1]}


class Capture(Bridged):
    def do(self, number):
        names = [f"blocks.{at}.{name}" for at in range(self.depth) for name in ("hook_resid_pre", "attn.hook_pattern")]
        _, cache = self.cached(names, number)
        rows = [cache[f"blocks.{at}.attn.hook_pattern"][0, :, -1] for at in range(self.depth)]
        states = [cache[f"blocks.{at}.hook_resid_pre"][0] for at in range(self.depth)]
        return common.study(rows, states, self.items.image)


class Sweep(Bridged):
    run = common.Task.run

    def do(self, number):
        names = [f"blocks.{at}.hook_resid_pre" for at in range(self.depth)]
        _, partner = self.cached(names, number, "partner_")
        clean = self.hooked([], number)
        effects = torch.zeros(self.depth, len(self.items.slots))
        for at, name in enumerate(names):
            for slot, places in enumerate(self.items.slots):

                def overwrite(state, hook):
                    state[:, places] = partner[name][:, places]
                    return state

                effects[at, slot] = self.hooked([(name, overwrite)], number) - clean
        return {"effects": effects}


class Alphas(Bridged):
    run = common.Task.run

    def do(self, number):
        clean = self.hooked([], number)
        scaled = []
        for alpha in self.items.alphas:

            def scale(scores, hook):
                scores[:, :, -1, self.items.image] *= alpha
                return scores

            hooks = [(f"blocks.{at}.attn.hook_attn_scores", scale) for at in range(self.depth)]
            scaled.append(self.hooked(hooks, number) - clean)
        return {"effects": torch.stack(scaled)}


def open_task(task, folder, scratch, threads):
    kind = {"T0": Forward, "T2": Capture, "T3": Sweep, "T5": Alphas}[task]
    return kind(folder, scratch, threads, "eager")
