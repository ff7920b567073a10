"""ONNX graphs of the zoo's models, written node by node from the weights of an imported artifact.

Nothing here reads our programs: the graphs are the textbook ones, as an exporter would write them.
"""

import json
import struct

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def read_safetensors(path):
    """Tensors of a safetensors file, by name."""
    kinds = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "BOOL": np.bool_}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        start = 8 + length
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            file.seek(start + begin)
            values = np.frombuffer(file.read(end - begin), kinds[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"])
        return tensors


class Graph:
    """Nodes and initializers under way."""

    def __init__(self):
        self.nodes, self.initializers, self.count = [], [], 0

    def constant(self, values, name=None):
        name = name or f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind, *inputs, **attributes):
        self.count += 1
        out = f"{kind.lower()}_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def model(self, name, inputs, output, shape):
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)]
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def bert(weights, config, batch, tokens):
    """A BERT encoder with mean pooling and L2 normalisation. `weights` have Hugging Face's names, without a prefix."""
    g = Graph()
    heads, width = config["num_attention_heads"], config["hidden_size"]
    size = width // heads
    epsilon = config.get("layer_norm_eps", 1e-12)
    w = lambda name: g.constant(weights[name].astype(np.float32))

    def norm(x, name):
        return g.node("LayerNormalization", x, w(f"{name}.weight"), w(f"{name}.bias"), axis=-1, epsilon=epsilon)

    def linear(x, name):
        return g.node("Add", g.node("MatMul", x, g.constant(weights[f"{name}.weight"].T)), w(f"{name}.bias"))

    word = g.node("Gather", w("embeddings.word_embeddings.weight"), "input_ids", axis=0)
    position = g.constant(weights["embeddings.position_embeddings.weight"][None, :tokens])
    kind = g.constant(weights["embeddings.token_type_embeddings.weight"][0][None, None])
    x = norm(g.node("Add", g.node("Add", word, kind), position), "embeddings.LayerNorm")
    mask = g.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    wide = g.node("Reshape", mask, g.constant(np.array([batch, 1, 1, tokens])))
    bias = g.node("Mul", g.node("Sub", g.constant(np.float32(1)), wide), g.constant(np.float32(-1e9)))
    apart = g.constant(np.array([batch, tokens, heads, size]))
    together = g.constant(np.array([batch, tokens, width]))
    scale = g.constant(np.float32(np.sqrt(size)))
    for layer in range(config["num_hidden_layers"]):
        base = f"encoder.layer.{layer}"
        split = lambda name, order: g.node(
            "Transpose", g.node("Reshape", linear(x, f"{base}.attention.self.{name}"), apart), perm=order
        )
        q, k, v = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
        scores = g.node("Add", g.node("Div", g.node("MatMul", q, k), scale), bias)
        context = g.node("MatMul", g.node("Softmax", scores, axis=-1), v)
        context = g.node("Reshape", g.node("Transpose", context, perm=[0, 2, 1, 3]), together)
        x = norm(g.node("Add", linear(context, f"{base}.attention.output.dense"), x), f"{base}.attention.output.LayerNorm")
        up = linear(x, f"{base}.intermediate.dense")
        erf = g.node("Erf", g.node("Div", up, g.constant(np.float32(np.sqrt(2)))))
        gelu = g.node("Mul", g.node("Mul", up, g.node("Add", erf, g.constant(np.float32(1)))), g.constant(np.float32(0.5)))
        x = norm(g.node("Add", linear(gelu, f"{base}.output.dense"), x), f"{base}.output.LayerNorm")
    column = g.node("Reshape", mask, g.constant(np.array([batch, tokens, 1])))
    total = g.node("ReduceSum", g.node("Mul", x, column), g.constant(np.array([1])), keepdims=0)
    mean = g.node("Div", total, g.node("ReduceSum", mask, g.constant(np.array([1])), keepdims=1))
    out = g.node("Div", mean, g.node("ReduceL2", mean, axes=[1], keepdims=1))
    ports = [helper.make_tensor_value_info(name, TensorProto.INT64, [batch, tokens]) for name in ("input_ids", "attention_mask")]
    return g.model("bert", ports, out, [batch, width])


def resnet18(weights, batch, extent):
    """ResNet-18 from an artifact's weights: of batch norms it holds what capture folded, the deviation for the variance."""
    g = Graph()
    w = lambda name: g.constant(weights[name].astype(np.float32))
    epsilon = 1e-5

    def folded(norm, part):
        return weights[f"{norm}.{part}.folded"].reshape(-1)

    def convolution(x, conv, norm, stride, relu=True):
        kernel = weights[f"{conv}.weight"].shape[-1]
        pad = kernel // 2
        y = g.node("Conv", x, w(f"{conv}.weight"), kernel_shape=[kernel] * 2, pads=[pad] * 4, strides=[stride] * 2)
        values = [folded(norm, part) for part in ("gamma", "beta", "running_mean")]
        values.append(folded(norm, "running_var").astype(np.float64) ** 2 - epsilon)
        values = [g.constant(value.astype(np.float32)) for value in values]
        y = g.node("BatchNormalization", y, *values, epsilon=epsilon)
        return g.node("Relu", y) if relu else y

    x = convolution("x", "conv1", "bn1", 2)
    x = g.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
    for stage in range(1, 5):
        for block in range(2):
            base, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = convolution(x, f"{base}.conv1", f"{base}.bn1", stride)
            y = convolution(y, f"{base}.conv2", f"{base}.bn2", 1, relu=False)
            if f"{base}.downsample.conv.weight" in weights:
                x = convolution(x, f"{base}.downsample.conv", f"{base}.downsample.norm", stride, relu=False)
            x = g.node("Relu", g.node("Add", y, x))
    x = g.node("Flatten", g.node("GlobalAveragePool", x))
    classes = weights["fc.weight"].shape[1]
    out = g.node("Gemm", x, w("fc.weight"), w("fc.bias"))
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, extent, extent])]
    return g.model("resnet18", ports, out, [batch, classes])
