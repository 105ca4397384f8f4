"""nnsight: the same model wrapped, its values read and written inside a trace."""

import torch
from nnsight import NNsight

import common
from hf import in_decoder


class Traced(common.Writing):
    def __init__(self, *args):
        super().__init__(*args)
        self.model = NNsight(self.hf)
        base = self.model.model
        self.blocks = (base.language_model if hasattr(self.hf.model, "language_model") else base.text_model).layers

    def inputs(self, number, side=""):
        return {**self.items(number, side), "use_cache": False, "logits_to_keep": 1}


class Forward(Traced):
    run = common.Task.run

    def do(self, number):
        with self.model.trace(**self.inputs(number)):
            logits = self.model.lm_head.output.save()
        return {"logits": logits[0, -1]}


class Capture(Traced):
    def do(self, number):
        image, blocks = self.items.image, self.blocks
        with self.model.trace(**self.inputs(number)):
            rows, last, mean = list().save(), list().save(), list().save()
            for block in blocks:
                state = block.input[0]
                last.append(state[-1].clone())
                mean.append(state[image].mean(0))
                rows.append(block.self_attn.output[1][0, :, -1][:, image])
        return {"attention": torch.stack(rows), "last": torch.stack(last), "mean": torch.stack(mean)}


class Sweep(Traced):
    run = common.Task.run

    def do(self, number):
        blocks, inputs = self.blocks, self.inputs(number)
        with self.model.trace(**self.inputs(number, "partner_")):
            partner = list().save()
            for block in blocks:
                partner.append(block.input.clone())
        with self.model.trace(**inputs):
            logits = self.model.lm_head.output.save()
        clean = self.items.difference(logits[:, -1])[0]
        effects = torch.zeros(len(self.layers), len(self.items.slots))
        for at, state in enumerate(partner):
            for slot, places in enumerate(self.items.slots):
                with self.model.trace(**inputs):
                    blocks[at].input[:, places] = state[:, places]
                    logits = self.model.lm_head.output.save()
                effects[at, slot] = self.items.difference(logits[:, -1])[0] - clean
        return {"effects": effects}


class Alphas(Traced):
    """The scores enter the softmax of the eager attention function, with the mask added; the last query's is zero."""

    run = common.Task.run

    def do(self, number):
        blocks, inputs, image = self.blocks, self.inputs(number), self.items.image
        with self.model.trace(**inputs):
            logits = self.model.lm_head.output.save()
        clean = self.items.difference(logits[:, -1])[0]
        scaled = []
        for alpha in self.items.alphas:
            with self.model.trace(**inputs):
                for block in blocks:
                    attention = block.self_attn.source.attention_interface_1.source
                    attention.nn_functional_softmax_0.input[:, :, -1, image] *= alpha
                logits = self.model.lm_head.output.save()
            scaled.append(self.items.difference(logits[:, -1])[0] - clean)
        return {"effects": torch.stack(scaled)}


def open_task(task, folder, scratch, threads):
    kind, attention = {
        "T0": (Forward, "sdpa"),
        "T2": (Capture, in_decoder("eager")),
        "T3": (Sweep, "sdpa"),
        "T5": (Alphas, in_decoder("eager")),
    }[task]
    return kind(folder, scratch, threads, attention)
