"""Writes tests/data/structural.txt: small cases of structural operators and their results by the evaluator of ONNX's
reference implementation (packages onnx 1.23, numpy), which shares nothing with this crate.

Run from the crate's folder: python3 tests/support/structural.py > tests/data/structural.txt
"""

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

TYPES = {"float32": ("f32", TensorProto.FLOAT), "int64": ("i64", TensorProto.INT64), "bool": ("bool", TensorProto.BOOL)}
RNG = np.random.RandomState(7)


def floats(*shape):
    return (RNG.randint(-32, 33, size=shape) / 8).astype(np.float32)


def line(word, x):
    x = np.asarray(x)
    values = " ".join(repr(float(v)) if x.dtype == np.float32 else str(int(v)) for v in x.reshape(-1))
    print(word, TYPES[str(x.dtype)][0], ",".join(str(d) for d in x.shape) or "-", values)


def case(name, operator, inputs, shown=None, output=0, outputs=1, opset=22, **attributes):
    """`inputs` go to the evaluator, `shown` (or they) to the file."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    node = helper.make_node(operator, names, [f"y{i}" for i in range(outputs)], **attributes)
    given = [(n, x) for n, x in zip(names, inputs) if x is not None]
    graph = helper.make_graph(
        [node],
        "case",
        [helper.make_tensor_value_info(n, TYPES[str(x.dtype)][1], x.shape) for n, x in given],
        [helper.make_tensor_value_info(f"y{i}", TensorProto.UNDEFINED, None) for i in range(outputs)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    result = ReferenceEvaluator(model).run(None, dict(given))[output]
    print("case", name)
    for x in inputs if shown is None else shown:
        if x is not None:
            line("operand", x)
    line("result", result)


def indexing():
    x, i64 = floats(3, 4, 2), np.int64
    case("gather", "GatherElements", [x, RNG.randint(0, 4, size=(3, 3, 2))], axis=1)
    case("take", "Gather", [x, np.array([[3, 0, 2], [1, 1, 0]], i64)], axis=1)
    case("gather_nd", "GatherND", [x, np.array([[2, 1], [0, 3]], i64)])
    index, values = np.array([[1, 1, 0], [0, 2, 2]], i64), floats(2, 3)
    for word in ["none", "add", "mul", "min", "max"]:
        index_0 = index if word != "none" else np.array([[1, 0, 2], [0, 2, 1]], i64)
        case(f"scatter {word}", "ScatterElements", [floats(3, 3), index_0, values], axis=0, reduction=word)
        places = np.array([[1], [1], [0]], i64) if word != "none" else np.array([[2], [1]], i64)
        case(f"scatter_nd {word}", "ScatterND", [floats(3, 4), places, floats(len(places), 4)], reduction=word)
    pads = np.array([1, 2, 2, 1], i64)
    for mode in ["reflect", "edge"]:
        x = floats(3, 4)
        case(f"extend {mode}", "Pad", [x, pads], shown=[x], mode=mode)
    x = floats(2, 5)
    case("cumulative_sum", "CumSum", [x, np.array(1, i64)], shown=[x])
    x = np.array([[2, 1, 2, 5, 1, 2]], np.float32)
    k = np.array([6], i64)
    case("sort descending", "TopK", [x, k], shown=[x], outputs=2)
    case("arg_sort descending", "TopK", [x, k], shown=[x], output=1, outputs=2)
    case("arg_sort ascending", "TopK", [x, k], shown=[x], output=1, outputs=2, largest=0)


def convolutions():
    case("conv3d", "Conv", [floats(2, 4, 4, 3, 5), floats(6, 2, 2, 3, 2), floats(6)], strides=[1, 2, 1],
         pads=[1, 0, 2, 1, 0, 2], dilations=[2, 1, 1], group=2)
    case("conv_transpose2d", "ConvTranspose", [floats(1, 3, 3, 4), floats(3, 2, 3, 2), floats(2)], strides=[2, 3],
         pads=[1, 0, 1, 0], output_padding=[1, 0], dilations=[1, 2])
    case("conv_transpose2d even", "ConvTranspose", [floats(1, 2, 3, 3), floats(2, 2, 2, 2)], strides=[2, 2])
    case("conv_transpose3d", "ConvTranspose", [floats(1, 2, 2, 3, 2), floats(2, 1, 2, 2, 3)], strides=[2, 1, 2],
         pads=[0, 1, 1, 0, 1, 1])
    x, w, bias = floats(1, 4, 5, 4), floats(2, 4, 2, 2), floats(2)
    offset, mask = floats(1, 16, 4, 3) / 4, floats(1, 8, 4, 3)
    case("deform_conv2d", "DeformConv", [x, w, offset, bias, mask], shown=[x, offset, w, mask, bias],
         offset_group=2, kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 0, 0])


def windows():
    x = floats(1, 2, 5, 6)
    window = dict(kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0])
    case("max_pool2d", "MaxPool", [x], **window)
    x = RNG.permutation(30).reshape(1, 1, 5, 6).astype(np.float32)
    case("arg_max_pool2d", "MaxPool", [x], output=1, outputs=2, **window)


def resampling():
    sizes = np.array([1, 1, 7, 3], np.int64)
    x = floats(1, 1, 4, 5)
    none = np.array([], np.float32)

    def resize(name, **attributes):
        inputs = [x, none, none, sizes]
        node = helper.make_node("Resize", ["x", "", "", "s"], ["y"], **attributes)
        graph = helper.make_graph(
            [node],
            "case",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape),
             helper.make_tensor_value_info("s", TensorProto.INT64, [4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
        result = ReferenceEvaluator(model).run(None, {"x": x, "s": sizes})[0]
        print("case", name)
        line("operand", inputs[0])
        line("result", result.astype(np.float32))

    resize("interpolate Nearest Apart", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    for mode, word in [("linear", "Bilinear"), ("cubic", "Bicubic")]:
        for corners, how in [("Apart", "half_pixel"), ("Aligned", "align_corners")]:
            resize(f"interpolate {word} {corners}", mode=mode, coordinate_transformation_mode=how, cubic_coeff_a=-0.75)
    x = floats(1, 2, 4, 3)
    grid = (RNG.randint(-60, 61, size=(1, 3, 5, 2)) / 40).astype(np.float32)
    for mode, word in [("linear", "Bilinear"), ("nearest", "Nearest")]:
        for padding in ["zeros", "border", "reflection"]:
            for corners, align in [("Apart", 0), ("Aligned", 1)]:
                case(f"grid_sample {word} {padding} {corners}", "GridSample", [x, grid], mode=mode,
                     padding_mode=padding, align_corners=align)


def composites():
    x, gamma, beta = floats(3, 5), floats(5), floats(5)
    case("layer_norm", "LayerNormalization", [x, gamma, beta], axis=-1, epsilon=1e-5)
    q, k, v = floats(1, 2, 3, 4), floats(1, 2, 5, 4), floats(1, 2, 5, 2)
    case("attention", "Attention", [q, k, v], opset=23, scale=0.5)
    bias = floats(3, 5)
    case("attention softcap", "Attention", [q, k, v], opset=23, scale=0.5, softcap=2.0)
    case("attention biased", "Attention", [q, k, v, bias], opset=23, scale=0.5)
    allowed = RNG.randint(0, 3, size=(3, 5)) > 0
    case("attention masked", "Attention", [q, k, v, allowed], shown=[q, k, v, ~allowed], opset=23, scale=0.5)
    case("attention causal", "Attention", [q[:, :, :3], k[:, :, :3], v[:, :, :3]], opset=23, scale=0.5, is_causal=1)


indexing()
convolutions()
windows()
resampling()
composites()
