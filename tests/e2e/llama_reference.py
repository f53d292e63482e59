"""Logits of a published model of the Llama kind, by its definition, in double precision: what the conversion is held against.

    llama_reference.py FOLDER "IDS" LOGITS   prints the largest difference from float32 logits [n_ids, n_vocab]

Heads are rotated by halves (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin), as in the library that these folders are made for;
nothing here knows GGUF.
"""
import json
import struct
import sys

import numpy as np


def read_tensors(path):
    types = {"F32": np.float32, "F16": np.float16}
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = np.frombuffer(data[begin:end], types[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"]).astype(np.float64)
    return tensors


def rms_norm(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def rotate(x, base):
    n, _, width = x.shape
    angle = np.arange(n)[:, None] * base ** (-np.arange(0, width, 2) / width)
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    one, two = x[..., : width // 2], x[..., width // 2 :]
    return np.concatenate([one * cosine - two * sine, two * cosine + one * sine], -1)


def attend(x, weight, config, layer):
    n, heads, kv_heads = len(x), config["num_attention_heads"], config["num_key_value_heads"]
    q, k, v = (x @ weight(f"self_attn.{p}_proj").T for p in "qkv")
    q = rotate(q.reshape(n, heads, -1), config["rope_theta"])
    k = rotate(k.reshape(n, kv_heads, -1), config["rope_theta"])
    v = v.reshape(n, kv_heads, -1)
    out = []
    for head in range(heads):
        key = head // (heads // kv_heads)
        scores = q[:, head] @ k[:, key].T / np.sqrt(q.shape[-1])
        scores[np.triu_indices(n, 1)] = -np.inf
        p = np.exp(scores - scores.max(-1, keepdims=True))
        out.append(p / p.sum(-1, keepdims=True) @ v[:, key])
    return np.concatenate(out, -1) @ weight("self_attn.o_proj").T


def logits(folder, ids):
    with open(folder + "/config.json", encoding="utf-8") as file:
        config = json.load(file)
    tensors, epsilon = read_tensors(folder + "/model.safetensors"), config["rms_norm_eps"]
    x = tensors["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        def weight(name):
            return tensors[f"model.layers.{layer}.{name}.weight"]
        x = x + attend(rms_norm(x, weight("input_layernorm"), epsilon), weight, config, layer)
        y = rms_norm(x, weight("post_attention_layernorm"), epsilon)
        gate = y @ weight("mlp.gate_proj").T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ weight("mlp.up_proj").T)) @ weight("mlp.down_proj").T
    output = tensors.get("lm_head.weight", tensors["model.embed_tokens.weight"])
    return rms_norm(x, tensors["model.norm.weight"], epsilon) @ output.T


def main():
    wanted = logits(sys.argv[1], [int(word) for word in sys.argv[2].split()])
    found = np.fromfile(sys.argv[3], np.float32).reshape(wanted.shape)
    print(f"{np.abs(wanted - found).max():.3g} of {np.abs(wanted).max():.3g}")
    sys.exit(not np.abs(wanted - found).max() < 1e-3)


main()
