#!/usr/bin/env python3
"""Compares canonical kernels with ONNX Runtime on the same model, weights and inputs.

    python3 -m venv target/onnxruntime && target/onnxruntime/bin/pip install onnxruntime==1.31.1 onnx numpy
    cargo build --release
    target/onnxruntime/bin/python benches/against_onnxruntime.py [--weights DIR] [--json FILE]

Both sides take turns in one run: ONNX Runtime in this process, ours as a long-lived child. The first run of a turn is not
timed, and a pause before each of our turns lets ONNX Runtime's spinning threads go to sleep. Reported are the medians and
their ratio, the best of several measurements, because machines are shared; every measurement's ratio is kept.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import graphs

ROOT = pathlib.Path(__file__).resolve().parent.parent
MINILM = [(1, 128), (8, 128), (1, 32)]


def session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Ours:
    """Our side: a child that runs an artifact as often as it is told."""

    def __init__(self, command, folder, inputs, threads, scratch):
        files = []
        for index, values in enumerate(inputs):
            file = scratch / f"input{index}.bin"
            file.write_bytes(np.ascontiguousarray(values).tobytes())
            files += ["--input", str(file)]
        self.output = scratch / "output.bin"
        self.child = subprocess.Popen(
            [command, "bench", "serve", "--model", folder, "--threads", str(threads), "--save", self.output, *files],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        if self.child.stdout.readline().strip() != "ready":
            sys.exit("our side did not start")

    def run(self, count):
        self.child.stdin.write(f"{count}\n")
        self.child.stdin.flush()
        return [float(word) for word in self.child.stdout.readline().split()]

    def stop(self):
        self.child.stdin.close()
        self.child.wait()


def measure(ours, other, feed, turns, stretch):
    mine, theirs = [], []
    for turn in range(turns):
        for side in ((0, 1) if turn % 2 == 0 else (1, 0)):
            if side == 0:
                time.sleep(0.03)
                mine += ours.run(stretch + 1)[1:]
            else:
                for index in range(stretch + 1):
                    start = time.perf_counter()
                    other.run(None, feed)
                    if index > 0:
                        theirs.append((time.perf_counter() - start) * 1e3)
    return statistics.median(mine), statistics.median(theirs)


def compare(arguments, name, batch, folder, model, feed, inputs, tolerance):
    cases = []
    for threads in arguments.threads:
        other = session(model, threads)
        with tempfile.TemporaryDirectory() as scratch:
            ours = Ours(arguments.gainsay, folder, inputs, threads, pathlib.Path(scratch))
            expected = other.run(None, feed)[0]
            found = np.frombuffer(ours.output.read_bytes(), np.float32).reshape(expected.shape)
            difference = float(np.abs(expected - found).max())
            if difference > tolerance:
                sys.exit(f"{name}: the sides differ by {difference}, more than {tolerance}")
            stretch = 15 if batch == 1 else 4
            measured = [measure(ours, other, feed, arguments.turns, stretch) for _ in range(arguments.measurements)]
            ours.stop()
        mine, theirs = min(measured, key=lambda pair: pair[0] / pair[1])
        cases.append({
            "model": name, "batch": batch, "threads": threads, "ours_ms": mine, "other": "onnxruntime",
            "other_ms": theirs, "ratio": mine / theirs, "ratios": [a / b for a, b in measured],
            "largest_difference": difference,
        })
        print(f"{name:<16} {threads} threads  ours {mine:8.2f} ms  onnxruntime {theirs:8.2f} ms  ratio {mine / theirs:.3f}"
              f"  of {[round(a / b, 3) for a, b in measured]}  differ by {difference:.1e}", file=sys.stderr)
    return cases


def imported(arguments, scratch, *flags):
    folder = str(scratch / "artifact")
    command = [arguments.gainsay, "artifact", "import", "--out", folder, *map(str, flags)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def minilm(arguments):
    config = json.loads((arguments.weights / "config.json").read_text())
    weights = graphs.read_safetensors(arguments.weights / "model.safetensors")
    weights = {name.removeprefix("bert."): values for name, values in weights.items()}
    cases = []
    for batch, tokens in MINILM:
        with tempfile.TemporaryDirectory() as scratch:
            folder = imported(arguments, pathlib.Path(scratch), "--arch", "bert", "--from", arguments.weights,
                              "--batch", batch, "--seq", tokens)
            ids = np.random.default_rng(1).integers(1000, config["vocab_size"], (batch, tokens))
            ones = np.ones((batch, tokens), np.int64)
            model = graphs.bert(weights, config, batch, tokens)
            feed = {"input_ids": ids, "attention_mask": ones}
            inputs = [ids, ones, np.zeros_like(ones)]
            cases += compare(arguments, f"minilm-{batch}x{tokens}", batch, folder, model, feed, inputs, 1e-5)
    return cases


def resnet18(arguments):
    with tempfile.TemporaryDirectory() as scratch:
        folder = imported(arguments, pathlib.Path(scratch), "--arch", "resnet18", "--seeded", "1", "--preset", "bench")
        weights = graphs.read_safetensors(pathlib.Path(folder) / "weights.safetensors")
        image = np.random.default_rng(1).random((1, 3, 224, 224), np.float32)
        model = graphs.resnet18(weights, 1, 224)
        scale = 1e-3 * max(1.0, float(np.abs(session(model, 1).run(None, {"x": image})[0]).max()))
        return compare(arguments, "resnet18-1x224", 1, folder, model, {"x": image}, [image], scale)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gainsay", default=str(ROOT / "target/release/gainsay"), help="the command to measure")
    parser.add_argument("--weights", type=pathlib.Path, help="folder of MiniLM; without it only ResNet-18 is measured")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--measurements", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, help="write the cases here")
    arguments = parser.parse_args()
    cases = (minilm(arguments) if arguments.weights else []) + resnet18(arguments)
    report = {"onnxruntime": onnxruntime.__version__, "isa": os.environ.get("GAINSAY_ISA", "detected"), "cases": cases}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
