#!/usr/bin/env python3
"""Expected outputs of small models in the formats that people publish, computed in numpy in binary64.

For every architecture: the configuration, the tensors' names and shapes as Hugging Face, torchvision or PyTorch write
them, the inputs, and the outputs. Nothing here knows about Gainsay or Burn: names, layouts, gate orders and formulas are
those of the published formats. The values of the weights are a formula of name and index that the test repeats.

    python3 reference.py          writes reference.json
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np

MASK = (1 << 64) - 1
erf = np.vectorize(math.erf, otypes=[np.float64])


def values(name, shape):
    """SplitMix64 of the name's CRC-32 and the index, in [-1, 1), scaled by a power of two and shifted."""
    seed = zlib.crc32(name.encode())
    units = np.empty(int(np.prod(shape)))
    for index in range(units.size):
        z = ((seed << 32) + index + 1) * 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        units[index] = ((z ^ z >> 31) >> 40) / 8388608.0 - 1.0
    last = name.rsplit(".", 1)[-1]
    if last == "running_var" or len(shape) == 1 and last == "weight":
        units = 1.0 + units / 4
    elif len(shape) == 1:
        units = units / 8
    else:
        units = units / 4
    return units.reshape(shape)


class Weights:
    def __init__(self, shapes):
        self.shapes = shapes
        self.tensors = {name: values(name, shape) for name, shape in shapes.items()}

    def __getitem__(self, name):
        return self.tensors[name]

    def linear(self, x, name):
        bias = self.tensors.get(f"{name}.bias", 0.0)
        return x @ self[f"{name}.weight"].T + bias

    def layer_norm(self, x, name, epsilon=1e-12):
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred * centred).mean(-1, keepdims=True)
        return centred / np.sqrt(variance + epsilon) * self[f"{name}.weight"] + self[f"{name}.bias"]

    def batch_norm(self, x, name):
        column = lambda field: self[f"{name}.{field}"][:, None, None]
        scaled = (x - column("running_mean")) / np.sqrt(column("running_var") + 1e-5)
        return scaled * column("weight") + column("bias")

    def conv(self, x, name, stride=1, padding=0):
        """Images without batch, [channels, height, width]."""
        kernel = self[f"{name}.weight"]
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        side = kernel.shape[-1]
        rows = (x.shape[1] - side) // stride + 1
        columns = (x.shape[2] - side) // stride + 1
        out = np.empty((kernel.shape[0], rows, columns))
        for i in range(rows):
            for j in range(columns):
                window = x[:, i * stride : i * stride + side, j * stride : j * stride + side]
                out[:, i, j] = np.tensordot(kernel, window, 3)
        bias = self.tensors.get(f"{name}.bias")
        return out if bias is None else out + bias[:, None, None]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def gelu(x):
    return x * (1 + erf(x / math.sqrt(2))) / 2


def norm_shapes(name, width):
    return {f"{name}.weight": [width], f"{name}.bias": [width]}


def linear_shapes(name, inputs, outputs):
    return {f"{name}.weight": [outputs, inputs], f"{name}.bias": [outputs]}


def batch_norm_shapes(name, width):
    fields = {f"{name}.{field}": [width] for field in ("weight", "bias", "running_mean", "running_var")}
    return {**fields, f"{name}.num_batches_tracked": []}


def attend(w, x, heads, names, mask=None):
    split = lambda y: y.reshape(len(x), heads, -1).transpose(1, 0, 2)
    query, key, value = (split(w.linear(x, name)) for name in names)
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    return (softmax(scores) @ value).transpose(1, 0, 2).reshape(len(x), -1)


def bert():
    width, heads, wide, words, positions = 8, 2, 12, 20, 10
    config = {
        "model_type": "bert", "hidden_size": width, "num_hidden_layers": 1, "num_attention_heads": heads,
        "intermediate_size": wide, "vocab_size": words, "max_position_embeddings": positions,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
    }
    prefix, layer = "bert.", "bert.encoder.layer.0"
    shapes = {
        f"{prefix}embeddings.word_embeddings.weight": [words, width],
        f"{prefix}embeddings.position_embeddings.weight": [positions, width],
        f"{prefix}embeddings.token_type_embeddings.weight": [2, width],
        **norm_shapes(f"{prefix}embeddings.LayerNorm", width),
        **{k: v for which in ("query", "key", "value")
           for k, v in linear_shapes(f"{layer}.attention.self.{which}", width, width).items()},
        **linear_shapes(f"{layer}.attention.output.dense", width, width),
        **norm_shapes(f"{layer}.attention.output.LayerNorm", width),
        **linear_shapes(f"{layer}.intermediate.dense", width, wide),
        **linear_shapes(f"{layer}.output.dense", wide, width),
        **norm_shapes(f"{layer}.output.LayerNorm", width),
        **linear_shapes(f"{prefix}pooler.dense", width, width),
        **linear_shapes("cls.seq_relationship", width, 2),
    }
    w = Weights(shapes)
    ids, mask, types = [2, 5, 19, 7, 3, 0], [1, 1, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0]
    embeddings = f"{prefix}embeddings."
    x = (w[f"{embeddings}word_embeddings.weight"][ids] + w[f"{embeddings}token_type_embeddings.weight"][types]
         + w[f"{embeddings}position_embeddings.weight"][: len(ids)])
    x = w.layer_norm(x, f"{embeddings}LayerNorm")
    names = [f"{layer}.attention.self.{which}" for which in ("query", "key", "value")]
    context = attend(w, x, heads, names, np.array(mask, bool))
    x = w.layer_norm(x + w.linear(context, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
    wide = gelu(w.linear(x, f"{layer}.intermediate.dense"))
    x = w.layer_norm(x + w.linear(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    inputs = [{"shape": [1, len(ids)], "integers": row} for row in (ids, mask, types)]
    return config, shapes, inputs, x[None]


def llama():
    width, heads, groups, wide, words, layers = 16, 4, 2, 12, 16, 2
    theta, epsilon = 10000.0, 1e-5
    config = {
        "model_type": "llama", "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": groups, "intermediate_size": wide, "vocab_size": words,
        "max_position_embeddings": 32, "rms_norm_eps": epsilon, "rope_theta": theta, "rope_scaling": None,
        "tie_word_embeddings": False, "hidden_act": "silu", "attention_bias": False,
    }
    head = width // heads
    shapes = {"model.embed_tokens.weight": [words, width], "model.norm.weight": [width], "lm_head.weight": [words, width]}
    for n in range(layers):
        layer = f"model.layers.{n}"
        shapes |= {
            f"{layer}.self_attn.q_proj.weight": [heads * head, width],
            f"{layer}.self_attn.k_proj.weight": [groups * head, width],
            f"{layer}.self_attn.v_proj.weight": [groups * head, width],
            f"{layer}.self_attn.o_proj.weight": [width, heads * head],
            f"{layer}.mlp.gate_proj.weight": [wide, width],
            f"{layer}.mlp.up_proj.weight": [wide, width],
            f"{layer}.mlp.down_proj.weight": [width, wide],
            f"{layer}.input_layernorm.weight": [width],
            f"{layer}.post_attention_layernorm.weight": [width],
        }
    w = Weights(shapes)
    ids = [1, 15, 4, 4, 9, 0, 11]
    rates = theta ** (-np.arange(0, head, 2) / head)
    angles = np.concatenate([np.outer(np.arange(len(ids)), rates)] * 2, -1)

    def rms(x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * w[f"{name}.weight"]

    def turn(x):
        turned = np.concatenate([-x[..., head // 2 :], x[..., : head // 2]], -1)
        return x * np.cos(angles) + turned * np.sin(angles)

    split = lambda y, count: y.reshape(len(ids), count, head).transpose(1, 0, 2)
    x = w["model.embed_tokens.weight"][ids]
    for n in range(layers):
        layer = f"model.layers.{n}"
        y = rms(x, f"{layer}.input_layernorm")
        query = turn(split(w.linear(y, f"{layer}.self_attn.q_proj"), heads))
        key = turn(split(w.linear(y, f"{layer}.self_attn.k_proj"), groups)).repeat(heads // groups, 0)
        value = split(w.linear(y, f"{layer}.self_attn.v_proj"), groups).repeat(heads // groups, 0)
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(head)
        scores = np.where(np.tril(np.ones(scores.shape[1:], bool)), scores, -np.inf)
        context = (softmax(scores) @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        x = x + w.linear(context, f"{layer}.self_attn.o_proj")
        y = rms(x, f"{layer}.post_attention_layernorm")
        gate = w.linear(y, f"{layer}.mlp.gate_proj")
        x = x + w.linear(gate * sigmoid(gate) * w.linear(y, f"{layer}.mlp.up_proj"), f"{layer}.mlp.down_proj")
    logits = w.linear(rms(x, "model.norm"), "lm_head")
    return config, shapes, [{"shape": [1, len(ids)], "integers": ids}], logits[None]


def vit():
    width, heads, wide, side, patch, classes = 8, 2, 12, 6, 3, 5
    config = {
        "model_type": "vit", "hidden_size": width, "num_hidden_layers": 1, "num_attention_heads": heads,
        "intermediate_size": wide, "image_size": side, "patch_size": patch, "num_channels": 3,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu",
    }
    layer, patches = "vit.encoder.layer.0", (side // patch) ** 2
    shapes = {
        "vit.embeddings.cls_token": [1, 1, width],
        "vit.embeddings.position_embeddings": [1, patches + 1, width],
        "vit.embeddings.patch_embeddings.projection.weight": [width, 3, patch, patch],
        "vit.embeddings.patch_embeddings.projection.bias": [width],
        **{k: v for which in ("query", "key", "value")
           for k, v in linear_shapes(f"{layer}.attention.attention.{which}", width, width).items()},
        **linear_shapes(f"{layer}.attention.output.dense", width, width),
        **linear_shapes(f"{layer}.intermediate.dense", width, wide),
        **linear_shapes(f"{layer}.output.dense", wide, width),
        **norm_shapes(f"{layer}.layernorm_before", width),
        **norm_shapes(f"{layer}.layernorm_after", width),
        **norm_shapes("vit.layernorm", width),
        **linear_shapes("classifier", width, classes),
    }
    w = Weights(shapes)
    image = values("image", [3, side, side])
    x = w.conv(image, "vit.embeddings.patch_embeddings.projection", stride=patch).reshape(width, -1).T
    x = np.concatenate([w["vit.embeddings.cls_token"][0], x]) + w["vit.embeddings.position_embeddings"][0]
    names = [f"{layer}.attention.attention.{which}" for which in ("query", "key", "value")]
    context = attend(w, w.layer_norm(x, f"{layer}.layernorm_before"), heads, names)
    x = x + w.linear(context, f"{layer}.attention.output.dense")
    wide = gelu(w.linear(w.layer_norm(x, f"{layer}.layernorm_after"), f"{layer}.intermediate.dense"))
    x = x + w.linear(wide, f"{layer}.output.dense")
    logits = w.linear(w.layer_norm(x, "vit.layernorm")[0], "classifier")
    return config, shapes, [{"shape": [1, 3, side, side], "name": "image"}], logits[None]


def tagger():
    words, width, hidden, tags = 9, 4, 3, 4
    shapes = {"embedding.weight": [words, width], **linear_shapes("classifier", hidden, tags)}

    def recurrent(layer, suffix, inputs, gates):
        return {
            f"{layer}.weight_ih_l0{suffix}": [gates * hidden, inputs],
            f"{layer}.weight_hh_l0{suffix}": [gates * hidden, hidden],
            f"{layer}.bias_ih_l0{suffix}": [gates * hidden],
            f"{layer}.bias_hh_l0{suffix}": [gates * hidden],
        }

    shapes |= recurrent("lstm", "", width, 4) | recurrent("lstm", "_reverse", width, 4)
    shapes |= recurrent("gru", "", 2 * hidden, 3)
    w = Weights(shapes)

    def gates(layer, suffix, x, h):
        one = w[f"{layer}.weight_ih_l0{suffix}"] @ x + w[f"{layer}.bias_ih_l0{suffix}"]
        two = w[f"{layer}.weight_hh_l0{suffix}"] @ h + w[f"{layer}.bias_hh_l0{suffix}"]
        return one, two

    def lstm(xs, suffix):
        h, c, outputs = np.zeros(hidden), np.zeros(hidden), []
        for x in xs:
            i, f, g, o = np.split(np.add(*gates("lstm", suffix, x, h)), 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            outputs.append(h)
        return outputs

    ids = [3, 8, 0, 5, 5]
    xs = w["embedding.weight"][ids]
    forward, backward = lstm(xs, ""), lstm(xs[::-1], "_reverse")[::-1]
    h, outputs = np.zeros(hidden), []
    for x in np.concatenate([forward, backward], -1):
        one, two = gates("gru", "", x, h)
        (r1, z1, n1), (r2, z2, n2) = np.split(one, 3), np.split(two, 3)
        r, z = sigmoid(r1 + r2), sigmoid(z1 + z2)
        h = (1 - z) * np.tanh(n1 + r * n2) + z * h
        outputs.append(h)
    logits = w.linear(np.array(outputs), "classifier")
    return None, shapes, [{"shape": [1, len(ids)], "integers": ids}], logits[None]


def unet():
    channels, width, classes, side = 2, 2, 1, 8
    def pair(name, inputs, outputs):
        return {
            f"{name}.conv1.weight": [outputs, inputs, 3, 3], **batch_norm_shapes(f"{name}.norm1", outputs),
            f"{name}.conv2.weight": [outputs, outputs, 3, 3], **batch_norm_shapes(f"{name}.norm2", outputs),
        }
    shapes = {
        **pair("down.0", channels, width), **pair("down.1", width, 2 * width), **pair("bottom", 2 * width, 4 * width),
        "up.0.widen.weight": [4 * width, 2 * width, 2, 2], "up.0.widen.bias": [2 * width],
        **pair("up.0.pair", 4 * width, 2 * width),
        "up.1.widen.weight": [2 * width, width, 2, 2], "up.1.widen.bias": [width],
        **pair("up.1.pair", 2 * width, width),
        "head.weight": [classes, width, 1, 1], "head.bias": [classes],
    }
    w = Weights(shapes)

    def both(x, name):
        for n in (1, 2):
            x = np.maximum(w.batch_norm(w.conv(x, f"{name}.conv{n}", padding=1), f"{name}.norm{n}"), 0)
        return x

    def halve(x):
        c, rows, columns = x.shape
        return x.reshape(c, rows // 2, 2, columns // 2, 2).max((2, 4))

    def widen(x, name):
        kernel = w[f"{name}.weight"]
        out = np.einsum("chw,cokl->ohkwl", x, kernel)
        return out.reshape(kernel.shape[1], x.shape[1] * 2, x.shape[2] * 2) + w[f"{name}.bias"][:, None, None]

    x, skips = values("image", [channels, side, side]), []
    for n in range(2):
        skips.append(both(x, f"down.{n}"))
        x = halve(skips[-1])
    x = both(x, "bottom")
    for n in range(2):
        x = both(np.concatenate([skips.pop(), widen(x, f"up.{n}.widen")]), f"up.{n}.pair")
    mask = sigmoid(w.conv(x, "head"))
    return None, shapes, [{"shape": [1, channels, side, side], "name": "image"}], mask[None]


def resnet(expansion, blocks):
    width, classes, side = 2, 3, 32
    shapes = {"conv1.weight": [width, 3, 7, 7], **batch_norm_shapes("bn1", width)}
    inputs = width
    for stage, count in enumerate(blocks):
        inner = width << stage
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            kernels = [(inputs, inner, 3), (inner, inner, 3)]
            if expansion > 1:
                kernels = [(inputs, inner, 1), (inner, inner, 3), (inner, inner * expansion, 1)]
            for n, (before, after, kernel) in enumerate(kernels, 1):
                shapes |= {f"{name}.conv{n}.weight": [after, before, kernel, kernel], **batch_norm_shapes(f"{name}.bn{n}", after)}
            if block == 0 and (stage > 0 or expansion > 1):
                shapes |= {f"{name}.downsample.0.weight": [inner * expansion, inputs, 1, 1],
                           **batch_norm_shapes(f"{name}.downsample.1", inner * expansion)}
            inputs = inner * expansion
    shapes |= linear_shapes("fc", inputs, classes)
    w = Weights(shapes)
    relu = lambda x: np.maximum(x, 0)
    x = relu(w.batch_norm(w.conv(values("image", [3, side, side]), "conv1", 2, 3), "bn1"))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
    x = windows.max((3, 4))
    for stage, count in enumerate(blocks):
        for block in range(count):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage > 0 and block == 0 else 1
            # torchvision strides the first 3x3 convolution of a block.
            plan = [(stride, 1), (1, 1)] if expansion == 1 else [(1, 0), (stride, 1), (1, 0)]
            y = x
            for n, (step, padding) in enumerate(plan, 1):
                y = w.batch_norm(w.conv(y, f"{name}.conv{n}", step, padding), f"{name}.bn{n}")
                y = relu(y) if n < len(plan) else y
            if f"{name}.downsample.0.weight" in shapes:
                x = w.batch_norm(w.conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
            x = relu(x + y)
    logits = w.linear(x.mean((1, 2)), "fc")
    return None, shapes, [{"shape": [1, 3, side, side], "name": "image"}], logits[None]


def resnet18():
    return resnet(1, [2, 2, 2, 2])


def resnet50():
    return resnet(4, [3, 4, 6, 3])


def main():
    cases = {}
    for build in (bert, llama, vit, tagger, unet, resnet18, resnet50):
        config, shapes, inputs, output = build()
        cases[build.__name__] = {
            "config": config, "tensors": shapes, "inputs": inputs,
            "output": {"shape": list(output.shape), "values": [float(f"{v:.9g}") for v in output.ravel()]},
        }
    path = Path(__file__).parent / "reference.json"
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
    path.write_text(f"{{\n{lines}\n}}\n")
    print(f"wrote {path}: {', '.join(cases)}")


if __name__ == "__main__":
    main()
