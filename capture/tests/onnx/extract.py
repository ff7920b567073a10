#!/usr/bin/env python3
"""Writes `cases.json` and `cases.bin`: the ONNX project's operator tests that this crate runs.

    pip install onnx==1.23.2
    python3 capture/tests/onnx/extract.py

The cases are those of `onnx/backend/test/data/node`, made by the package's own generator. ONNX is licensed under
Apache-2.0, Copyright (c) ONNX Project Contributors. A case is kept if its operator is one that a Burn module can
express and its tensors are small; the others are listed in the index with the reason.
"""

import json
import pathlib
import re
import warnings

import numpy as np
import onnx
from onnx import helper
from onnx.backend.test.case.node import collect_testcases

HERE = pathlib.Path(__file__).parent
LARGEST = 16 * 1024  # bytes of one case
DTYPES = {
    "float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "bool": "bool",
    **{f"int{n}": f"i{n}" for n in (8, 16, 32, 64)},
    **{f"uint{n}": f"u{n}" for n in (8, 16, 32, 64)},
}

OPERATORS = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization BitShift BitwiseAnd
BitwiseNot BitwiseOr BitwiseXor Cast Ceil Celu Clip Concat Conv ConvTranspose Cos Cosh CumProd CumSum DeformConv
DepthToSpace Div Dropout Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm
GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Hardmax
Identity InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LRN MatMul Max
MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not Or PRelu Pad Pow RMSNormalization Reciprocal ReduceL1 ReduceL2
ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
Round ScatterElements ScatterND Selu Shrink Sigmoid Sign Sin Sinh Slice Softmax Softplus Softsign SpaceToDepth Split
Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where Xor
""".split()

# Cases of these operators that stay out, by name, and why.
NO_BURN = "no operator of Burn's, or none that is canonical"
LEFT_OUT = [
    (r".*attention.*(past|nonpad|padded_kv|ext_cache|qk_matmul|window(?!_default)).*",
     "caches, key lengths, windows and intermediate results are no part of Burn's attention"),
    (r".*attention_.*_causal.*", "ONNX lets query i see the keys up to i, Burn those up to i + keys - queries"),
    (r".*(averagepool|maxpool)_3d.*", "Burn pools over one or two axes"),
    (r".*averagepool.*dilations.*", "Burn's average pooling has no dilation"),
    (r".*maxpool_2d_uint8", "Burn pools floats"),
    (r".*maxpool_with_argmax_2d_precomputed_strides", "indices of a column-major image"),
    (r".*gridsample_(bicubic|volumetric).*", "Burn samples grids over two axes, bilinearly or by the nearest pixel"),
    (r".*resize.*(antialias|exclude_outside|tf_crop|symmetric|pytorch_half_pixel|ceil_half_pixel|floor_align_corners"
     r"|cubic_asymmetric).*", "Burn interpolates without antialiasing, in the two plain coordinate systems"),
    (r".*gathernd_example_int32_batch_dim1", "Burn gathers without batch axes"),
    (r".*convtranspose_autopad_same", "Burn pads both ends alike"),
    (r".*(training_mode|training_dropout).*", "training"),
    (r".*bitshift.*(negative_shift|shift_ge_width)", "Burn and canon shift modulo the width"),
    (r".*(clip_default(_int8)?_inbounds|dropout_(default|random).*|identity|(max|min|sum)_one_input"
     r"|reduce_sum_empty_axes_input_noop.*|reshape_negative_extended_dims|squeeze|transpose_all_permutations_0"
     r"|unsqueeze_axis_0)", "nothing is computed, and a program has at least one instruction"),
    (r".*reduce_(max|min)_empty_set", "the extremes of nothing are refused"),
    (r".*(reshape_allowzero_reordered|split_zero_size.*|tri[lu]_zero)", "Burn has no such empty tensors"),
    (r".*resize_downsample_scales_(cubic|linear)(_align_corners)?",
     "Burn knows the size of the result, not the scale that it was rounded from"),
    (r".*resize_(downsample.*nearest.*|upsample_sizes_nearest(_axes.*|_not_larger)?)",
     "ONNX rounds halves down, Burn up"),
    (r".*top_k_uint64", "Burn gives the indices the type of the integers"),
    (r".*wrap_pad", "Burn does not pad by wrapping"),
]


def attribute(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple)):
        return [attribute(item) for item in value]
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value).reshape(-1).tolist()
    return value


def plain(data_set):
    """Inputs and outputs as arrays where they are tensors."""
    def array(value):
        return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
    return [[array(value) for value in part] for part in data_set]


def reason(case, node):
    """Why a case stays out, or None."""
    if node.op_type not in OPERATORS:
        return "operator"
    for pattern, why in LEFT_OUT:
        if re.fullmatch(pattern, case.name):
            return why
    arrays = [array for part in plain(case.data_sets[0]) for array in part]
    if not all(isinstance(array, (np.ndarray, np.generic)) for array in arrays):
        return "sequences and optional values are no tensors"
    if any(str(array.dtype) not in DTYPES for array in arrays):
        return "an element type without canonical arithmetic"
    if sum(array.nbytes for array in arrays) > LARGEST:
        return "too large to be kept here"
    return None


def main():
    warnings.simplefilter("ignore")
    blob, cases, left_out = bytearray(), [], {}

    def stored(array):
        array = np.asarray(array)
        at = len(blob)
        blob.extend(np.ascontiguousarray(array).tobytes())
        return {"dtype": DTYPES[str(array.dtype)], "shape": list(array.shape), "at": at}

    for case in sorted(collect_testcases(None), key=lambda case: case.name):
        nodes = case.model.graph.node
        # Expanded cases repeat others as their function bodies; other domains are not ONNX's operators.
        if "_expanded" in case.name or len(nodes) != 1 or nodes[0].domain not in ("", "ai.onnx"):
            continue
        node = nodes[0]
        why = reason(case, node)
        if why is not None:
            name = node.op_type if why == "operator" else case.name
            why = NO_BURN if why == "operator" else why
            left_out.setdefault(why, set()).add(name)
            continue
        inputs, outputs = plain(case.data_sets[0])
        given = dict(zip((port.name for port in case.model.graph.input), inputs))
        due = dict(zip((port.name for port in case.model.graph.output), outputs))
        cases.append({
            "name": case.name.removeprefix("test_"),
            "operator": node.op_type,
            "attributes": {a.name: attribute(helper.get_attribute_value(a)) for a in node.attribute},
            "inputs": [stored(given[name]) if name else None for name in node.input],
            "outputs": [stored(due[name]) if name in due else None for name in node.output],
        })
    index = {
        "source": f"onnx {onnx.__version__}, onnx.backend.test.case.node",
        "license": "Apache-2.0, Copyright (c) ONNX Project Contributors",
        "cases": cases,
        "left_out": {why: sorted(names) for why, names in sorted(left_out.items())},
    }
    lines = [json.dumps(case, separators=(",", ":"), sort_keys=True) for case in cases]
    head = {key: value for key, value in index.items() if key != "cases"}
    text = json.dumps(head, indent=1)[:-2] + ',\n "cases": [\n' + ",\n".join(lines) + "\n ]\n}\n"
    json.loads(text)
    (HERE / "cases.json").write_text(text)
    (HERE / "cases.bin").write_bytes(blob)
    print(f"{len(cases)} cases, {len(text) + len(blob)} bytes")


if __name__ == "__main__":
    main()
