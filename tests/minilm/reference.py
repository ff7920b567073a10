#!/usr/bin/env python3
"""The reference for all-MiniLM-L6-v2: token ids and embeddings of the sentences beside this script.

Independent of Gainsay and of any ML library: WordPiece and the forward pass are written here from the papers
(Devlin et al. 2019; Reimers and Gurevych 2019), in numpy, in binary64, over the tokens alone without padding.

    python3 reference.py MODEL_FOLDER          writes reference.safetensors
    python3 reference.py MODEL_FOLDER --check  compares with the committed one
"""

import json
import math
import struct
import sys
import unicodedata
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LENGTH = 128
DTYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64}


def read_safetensors(path):
    data = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        begin, end = (8 + size + offset for offset in info["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], DTYPES[info["dtype"]]).reshape(info["shape"])
    return tensors


def write_safetensors(path, tensors):
    header, blobs, offset = {}, [], 0
    names = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
    for name, tensor in tensors.items():
        blob = np.ascontiguousarray(tensor).tobytes()
        offsets = [offset, offset + len(blob)]
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def is_cjk(point):
    ranges = [
        (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
    ]
    return any(low <= point <= high for low, high in ranges)


def is_punctuation(letter):
    point = ord(letter)
    ascii_marks = 33 <= point <= 47 or 58 <= point <= 64 or 91 <= point <= 96 or 123 <= point <= 126
    return ascii_marks or unicodedata.category(letter).startswith("P")


def words(text):
    """BERT's basic tokenizer, uncased."""
    cleaned = []
    for letter in text:
        category = unicodedata.category(letter)
        if letter in "\t\n\r" or category == "Zs":
            cleaned.append(" ")
        elif ord(letter) in (0, 0xFFFD) or category.startswith("C"):
            continue
        elif is_cjk(ord(letter)):
            cleaned.append(f" {letter} ")
        else:
            cleaned.append(letter)
    decomposed = unicodedata.normalize("NFD", "".join(cleaned))
    stripped = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
    spaced = "".join(f" {letter} " if is_punctuation(letter) else letter for letter in stripped.lower())
    return spaced.split()


def pieces(word, vocabulary):
    """Greedy longest match first."""
    if len(word) > 100:
        return [vocabulary["[UNK]"]]
    ids, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                ids.append(vocabulary[piece])
                start = end
                break
        else:
            return [vocabulary["[UNK]"]]
    return ids


def tokenize(text, vocabulary):
    ids = []
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    while text:
        # Special tokens that are written out in a text are themselves.
        found = [(text.find(special), special) for special in specials if special in text]
        position, special = min(found, default=(len(text), ""))
        for word in words(text[:position]):
            ids += pieces(word, vocabulary)
        if special:
            ids.append(vocabulary[special])
        text = text[position + len(special) :]
    return [vocabulary["[CLS]"], *ids[: LENGTH - 2], vocabulary["[SEP]"]]


erf = np.vectorize(math.erf, otypes=[np.float64])


def layer_norm(x, weights, name):
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-12) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def embed(ids, weights, layers, heads):
    table = "embeddings.{}_embeddings.weight".format
    x = weights[table("word")][ids] + weights[table("token_type")][0] + weights[table("position")][: len(ids)]
    x = layer_norm(x, weights, "embeddings.LayerNorm")
    split = lambda x: x.reshape(len(ids), heads, -1).transpose(1, 0, 2)
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            split(linear(x, weights, f"{name}.attention.self.{which}")) for which in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        context = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        context = context.transpose(1, 0, 2).reshape(len(ids), -1)
        x = layer_norm(x + linear(context, weights, f"{name}.attention.output.dense"), weights, f"{name}.attention.output.LayerNorm")
        wide = linear(x, weights, f"{name}.intermediate.dense")
        wide = wide * (erf(wide / math.sqrt(2.0)) + 1.0) / 2.0
        x = layer_norm(x + linear(wide, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def main():
    model = Path(sys.argv[1])
    config = json.loads((model / "config.json").read_text())
    vocabulary = {line: number for number, line in enumerate((model / "vocab.txt").read_text("utf-8").split("\n"))}
    weights = {
        name: tensor.astype(np.float64) if tensor.dtype == np.float32 else tensor
        for name, tensor in read_safetensors(model / "model.safetensors").items()
    }
    sentences = json.loads((HERE / "sentences.json").read_text("utf-8"))
    ids = np.zeros((len(sentences), LENGTH), np.int64)
    lengths = np.zeros(len(sentences), np.int64)
    embeddings = np.zeros((len(sentences), config["hidden_size"]))
    for row, sentence in enumerate(sentences):
        tokens = tokenize(sentence, vocabulary)
        ids[row, : len(tokens)] = tokens
        lengths[row] = len(tokens)
        embeddings[row] = embed(tokens, weights, config["num_hidden_layers"], config["num_attention_heads"])
    found = {"input_ids": ids, "lengths": lengths, "embeddings": embeddings.astype(np.float32)}
    path = HERE / "reference.safetensors"
    if "--check" not in sys.argv[2:]:
        write_safetensors(path, found)
        print(f"wrote {path}: {len(sentences)} sentences of {lengths.min()} to {lengths.max()} tokens")
        return
    committed = read_safetensors(path)
    same = all(np.array_equal(found[name], committed[name]) for name in ("input_ids", "lengths"))
    difference = np.abs(found["embeddings"] - committed["embeddings"]).max()
    print(f"token ids {'agree' if same else 'DIFFER'}, largest difference {difference:.3g}")
    sys.exit(0 if same and difference <= 1e-6 else 1)


if __name__ == "__main__":
    main()
