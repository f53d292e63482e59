"""Logits of published models by their definitions, in double precision: what conversions are held against.

    published_reference.py "IDS" FOLDER...   of each the largest difference from its file `logits`, float32 [n_ids, n_vocab]

A kind of model is a row of KINDS: where it differs from a Llama. Nothing here knows GGUF. Rotations are by halves, (x1, x2) ->
(x1 cos - x2 sin, x2 cos + x1 sin), as in the library that these folders are made for, but where a row says pairs.
"""
import json
import struct
import sys

import numpy as np

MOST = 1e-3  # float32 sums of some hundred products, values up to about 20, a few layers: about 1e-5


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):  # the tanh form
    return x / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def relu2(x):
    return np.maximum(x, 0) ** 2


LLAMA = dict(
    embed="model.embed_tokens", final="model.norm", head="lm_head", layer="model.layers.%d.", layer_norm=False, plus=0, act=silu,
    norm="input_layernorm", ffn_norm="post_attention_layernorm", attn_post="", ffn_post="", q="self_attn.q_proj",
    k="self_attn.k_proj", v="self_attn.v_proj", qkv="self_attn.qkv_proj", o="self_attn.o_proj", q_norm="self_attn.q_norm",
    k_norm="self_attn.k_norm", gate="mlp.gate_proj", up="mlp.up_proj", down="mlp.down_proj", router="mlp.gate",
    experts="mlp.experts.%d.", expert=("gate_proj", "up_proj", "down_proj"), parallel=False, pairs=False, transposed=False,
    grouped=False, scale_by_width=False, rope=True, rope_in_windows=False, router_rule="softmax", logit_scale="", logit_power=1,
    scan="mixer.", scan_keys=("num_heads", "head_dim", "n_groups", "state_size"))
AFTER = dict(norm="", ffn_norm="", attn_post="post_attention_layernorm", ffn_post="post_feedforward_layernorm")
GEMMA = dict(plus=1, act=gelu, scale_by_width=True)
GEMMA2 = dict(GEMMA, ffn_norm="pre_feedforward_layernorm", attn_post="post_attention_layernorm",
              ffn_post="post_feedforward_layernorm")
PLAIN = dict(layer_norm=True, act=gelu, gate="")
COHERE = dict(logit_scale="logit_scale", layer_norm=True, parallel=True, pairs=True)
NEOX = dict(PLAIN, grouped=True, up="mlp.dense_h_to_4h", down="mlp.dense_4h_to_h")
LFM2 = dict(
    final="model.embedding_norm", norm="operator_norm", ffn_norm="ffn_norm", q_norm="self_attn.q_layernorm",
    k_norm="self_attn.k_layernorm", o="self_attn.out_proj", gate="feed_forward.w1", up="feed_forward.w3", down="feed_forward.w2",
    router="feed_forward.gate", experts="feed_forward.experts.%d.", expert=("w1", "w3", "w2"), router_rule="sigmoid")
GRANITE = dict(logit_scale="logits_scaling", logit_power=-1)
KINDS = {
    "llama": {}, "qwen2": {}, "qwen3": {}, "qwen3_moe": {}, "granite": GRANITE, "smollm3": {}, "minicpm": {}, "bitnet": {},
    "mixtral": dict(router="block_sparse_moe.gate", experts="block_sparse_moe.experts.%d.", expert=("w1", "w3", "w2")),
    "olmo2": AFTER, "exaone4": dict(AFTER, rope_in_windows=True),
    "gemma": GEMMA, "gemma2": GEMMA2, "gemma3_text": GEMMA2,
    "phi3": dict(up="mlp.gate_up_proj"),
    "glm4": dict(up="mlp.gate_up_proj", attn_post="post_self_attn_layernorm", ffn_post="post_mlp_layernorm", pairs=True),
    "cohere": COHERE, "cohere2": dict(COHERE, rope_in_windows=True),
    "stablelm": dict(layer_norm=True),
    "nemotron": dict(PLAIN, act=relu2, plus=1),
    "starcoder2": dict(PLAIN, up="mlp.c_fc", down="mlp.c_proj"),
    "phi": dict(PLAIN, parallel=True, final="model.final_layernorm", o="self_attn.dense", up="mlp.fc1", down="mlp.fc2"),
    "gpt2": dict(PLAIN, transposed=True, rope=False, embed="transformer.wte", final="transformer.ln_f", layer="transformer.h.%d.",
                 norm="ln_1", ffn_norm="ln_2", qkv="attn.c_attn", o="attn.c_proj", up="mlp.c_fc", down="mlp.c_proj"),
    "gpt_neox": dict(NEOX, embed="gpt_neox.embed_in", final="gpt_neox.final_layer_norm", head="embed_out",
                     layer="gpt_neox.layers.%d.", qkv="attention.query_key_value", o="attention.dense"),
    "falcon": dict(NEOX, parallel=True, embed="transformer.word_embeddings", final="transformer.ln_f", layer="transformer.h.%d.",
                   qkv="self_attention.query_key_value", o="self_attention.dense"),
    "lfm2": LFM2, "lfm2_moe": LFM2,
    "granitemoehybrid": dict(
        GRANITE, up="shared_mlp.input_linear", down="shared_mlp.output_linear", scan="mamba.",
        scan_keys=("mamba_n_heads", "mamba_d_head", "mamba_n_groups", "mamba_d_state")),
    "mamba2": dict(embed="backbone.embeddings", final="backbone.norm_f", layer="backbone.layers.%d.", norm="norm"),
}


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


class Model:
    def __init__(self, folder):
        with open(folder + "/config.json", encoding="utf-8") as file:
            self.config = json.load(file)
        self.tensors = read_tensors(folder + "/model.safetensors")
        self.kind = dict(LLAMA, **KINDS[self.config["model_type"]])
        self.epsilon = self.say("rms_norm_eps", self.say("layer_norm_eps", 0))
        self.stem = ""

    def say(self, key, otherwise=None):
        value = self.config.get(key)
        return otherwise if value is None else value

    def has(self, part, end=".weight"):
        return bool(part) and self.stem + part + end in self.tensors

    def linear(self, part, x):
        w = self.tensors[self.stem + part + ".weight"]
        y = x @ (w if self.kind["transposed"] else w.T)
        return y + self.tensors[self.stem + part + ".bias"] if self.has(part, ".bias") else y

    def norm(self, part, x):
        if not self.has(part):
            return x
        w = self.tensors[self.stem + part + ".weight"] + self.kind["plus"]
        if not self.kind["layer_norm"]:
            return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * w
        x = x - x.mean(-1, keepdims=True)
        y = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * w
        return y + self.tensors[self.stem + part + ".bias"] if self.has(part, ".bias") else y

    def divisors(self, n):
        scaling = self.say("rope_scaling", {})
        kind = scaling.get("rope_type", "default")
        if kind == "linear":
            return np.full(n, scaling["factor"]), 1
        if kind == "longrope":
            long = len(self.ids) > self.say("original_max_position_embeddings", 1 << 30)
            return np.array(scaling["long_factor" if long else "short_factor"]), scaling["attention_factor"]
        assert kind == "default", kind
        return np.ones(n), 1

    def rotate(self, x, base):
        n, _, width = x.shape
        dims = int(width * self.say("partial_rotary_factor", 1) + 0.001)
        divisors, magnitude = self.divisors(dims // 2)
        angle = np.arange(n)[:, None] * base ** (-np.arange(0, dims, 2) / dims) / divisors
        cosine, sine = magnitude * np.cos(angle)[:, None], magnitude * np.sin(angle)[:, None]
        y = x.copy()
        one, two = (slice(0, dims, 2), slice(1, dims, 2)) if self.kind["pairs"] else (slice(dims // 2), slice(dims // 2, dims))
        y[..., one] = x[..., one] * cosine - x[..., two] * sine
        y[..., two] = x[..., two] * cosine + x[..., one] * sine
        return y

    def split(self, x, heads, kv_heads, width):
        kind, n = self.kind, len(x)
        if self.has(kind["q"]):
            q, k, v = (self.linear(kind[part], x) for part in "qkv")
            if self.has(kind["q_norm"]) and self.tensors[self.stem + kind["q_norm"] + ".weight"].shape == q.shape[1:]:
                q, k = self.norm(kind["q_norm"], q), self.norm(kind["k_norm"], k)
            return q.reshape(n, heads, -1), k.reshape(n, kv_heads, -1), v.reshape(n, kv_heads, -1)
        y = self.linear(kind["qkv"], x).reshape(n, -1, width)
        if not kind["grouped"]:
            return y[:, :heads], y[:, heads:heads + kv_heads], y[:, heads + kv_heads:]
        y = y.reshape(n, kv_heads, heads // kv_heads + 2, width)  # of each key: its queries, itself, its value
        return y[:, :, :-2].reshape(n, heads, width), y[:, :, -2], y[:, :, -1]

    def attend(self, x, layer):
        heads = self.config["num_attention_heads"]
        kv_heads = 1 if self.say("multi_query") else self.say("num_key_value_heads", heads)
        q, k, v = self.split(x, heads, kv_heads, self.say("head_dim", self.config["hidden_size"] // heads))
        if self.has(self.kind["q_norm"]) and self.tensors[self.stem + self.kind["q_norm"] + ".weight"].shape[-1] == q.shape[-1]:
            q, k = self.norm(self.kind["q_norm"], q), self.norm(self.kind["k_norm"], k)
        types = self.say("layer_types")
        windowed = bool(types) and types[layer] == "sliding_attention"
        rotated = self.say("no_rope_layers", [1] * (layer + 1))[layer]
        rotated = rotated and (windowed or not types or not self.kind["rope_in_windows"])
        if self.kind["rope"] and rotated and self.say("position_embedding_type") != "nope":
            base = self.say("rope_local_base_freq") if windowed else None
            base = base or self.config["rope_theta"]
            q, k = self.rotate(q, base), self.rotate(k, base)
        scale = self.say("attention_multiplier", self.say("query_pre_attn_scalar", q.shape[-1]) ** -0.5)
        place = np.arange(len(x))
        hidden = place[None] > place[:, None]
        if windowed:
            hidden |= place[:, None] - place[None] >= self.config["sliding_window"]
        out, cap = [], self.say("attn_logit_softcapping")
        for head in range(heads):
            key = head // (heads // kv_heads)
            scores = q[:, head] @ k[:, key].T * scale
            scores = cap * np.tanh(scores / cap) if cap else scores
            scores[hidden] = -np.inf
            p = np.exp(scores - scores.max(-1, keepdims=True))
            out.append(p / p.sum(-1, keepdims=True) @ v[:, key])
        return self.linear(self.kind["o"], self.norm("self_attn.attn_sub_norm", np.concatenate(out, -1)))

    def convolve(self, x, taps, bias=0):
        padded = np.concatenate([np.zeros((taps.shape[-1] - 1, x.shape[1])), x])
        return sum(padded[i:i + len(x)] * taps[:, 0, i] for i in range(taps.shape[-1])) + bias

    def short_convolution(self, x):
        b, c, y = np.split(self.linear("conv.in_proj", x), 3, -1)
        return self.linear("conv.out_proj", c * self.convolve(b * y, self.tensors[self.stem + "conv.conv.weight"]))

    def scan(self, x):  # Dao and Gu, arXiv:2405.21060
        heads, width, groups, state = (self.config[key] for key in self.kind["scan_keys"])
        n, inner = len(x), heads * width
        z, mixed, step = np.split(self.linear(self.kind["scan"] + "in_proj", x), [inner, 2 * inner + 2 * groups * state], -1)
        mixed = silu(self.convolve(mixed, self.tensors[self.stem + self.kind["scan"] + "conv1d.weight"],
                                   self.tensors[self.stem + self.kind["scan"] + "conv1d.bias"]))
        values, b, c = np.split(mixed, [inner, inner + groups * state], -1)
        values = values.reshape(n, heads, width)
        b, c = (np.repeat(y.reshape(n, groups, state), heads // groups, 1) for y in (b, c))
        step = np.log1p(np.exp(step + self.tensors[self.stem + self.kind["scan"] + "dt_bias"]))
        decay = np.exp(-np.exp(self.tensors[self.stem + self.kind["scan"] + "A_log"]) * step)
        memory, out = np.zeros((heads, width, state)), np.zeros((n, heads, width))
        for i in range(n):
            memory = memory * decay[i][:, None, None] + (step[i][:, None] * values[i])[:, :, None] * b[i][:, None, :]
            out[i] = (memory * c[i][:, None, :]).sum(-1) + self.tensors[self.stem + self.kind["scan"] + "D"][:, None] * values[i]
        y = (out.reshape(n, inner) * silu(z)).reshape(n, groups, -1)
        y = (y / np.sqrt((y * y).mean(-1, keepdims=True) + self.epsilon)).reshape(n, inner)
        return self.linear(self.kind["scan"] + "out_proj", y * self.tensors[self.stem + self.kind["scan"] + "norm.weight"])

    def mix(self, x, layer):
        if self.has(self.kind["scan"] + "in_proj"):
            return self.scan(x)
        return self.short_convolution(x) if self.has("conv.in_proj") else self.attend(x, layer)

    def choose(self, x):
        scores = self.linear(self.kind["router"], x)
        bias = 0
        if self.kind["router_rule"] == "sigmoid":
            scores = 1 / (1 + np.exp(-scores))
            bias = self.tensors.get(self.stem + "feed_forward.expert_bias", 0)
        else:
            scores = np.exp(scores - scores.max(-1, keepdims=True))
        n = self.config["num_experts_per_tok"]
        chosen = np.argsort(-(scores + bias), -1)[:, :n]
        weights = np.take_along_axis(scores, chosen, -1)
        return chosen, weights / weights.sum(-1, keepdims=True)

    def feed_forward(self, x):
        kind = self.kind
        if self.has(kind["router"]) and self.has(kind["experts"] % 0 + kind["expert"][0]):
            out = np.zeros_like(x)
            chosen, weights = self.choose(x)
            for i, row in enumerate(x):
                for expert, weight in zip(chosen[i], weights[i]):
                    gate, up, down = (kind["experts"] % expert + part for part in kind["expert"])
                    out[i] += weight * self.linear(down, kind["act"](self.linear(gate, row)) * self.linear(up, row))
            return out
        y = self.linear(kind["up"], x)
        if self.has(kind["gate"]):
            y = kind["act"](self.linear(kind["gate"], x)) * y
        elif kind["gate"]:  # both in one, the gate first
            gate, y = np.split(y, 2, -1)
            y = kind["act"](gate) * y
        else:
            y = kind["act"](y)
        return self.linear(kind["down"], self.norm("mlp.ffn_sub_norm", y))

    def logits(self, ids):
        kind, self.ids = self.kind, ids
        x = self.tensors[kind["embed"] + ".weight"][ids]
        x = x * self.say("embedding_multiplier", self.say("scale_emb", 1))
        if kind["scale_by_width"]:
            x = x * np.sqrt(x.shape[-1])
        if "transformer.wpe.weight" in self.tensors:
            x = x + self.tensors["transformer.wpe.weight"][:len(ids)]
        layers = self.config["num_hidden_layers"]
        added = self.say("residual_multiplier", self.say("scale_depth", np.sqrt(layers)) / np.sqrt(layers))
        parallel = kind["parallel"] or self.say("use_parallel_residual", False)
        for layer in range(layers):
            self.stem = kind["layer"] % layer
            before = self.norm(kind["norm"], x)
            y = self.norm(kind["attn_post"], self.mix(before, layer)) * added
            if parallel:
                z = self.norm(kind["ffn_norm"], x) if self.has(kind["ffn_norm"]) else before
                x = x + y + self.feed_forward(z)
                continue
            x = x + y
            if self.has(kind["up"]) or self.has(kind["router"]):
                x = x + self.norm(kind["ffn_post"], self.feed_forward(self.norm(kind["ffn_norm"], x))) * added
        self.stem = ""
        x = self.norm(kind["final"], x)
        head = kind["head"] if self.has(kind["head"]) else kind["embed"]
        y = x @ self.tensors[head + ".weight"].T
        y = y + self.tensors[head + ".bias"] if self.has(head, ".bias") else y
        if kind["logit_scale"]:
            y = y * self.config[kind["logit_scale"]] ** kind["logit_power"]
        if self.say("dim_model_base"):
            y = y / (self.config["hidden_size"] / self.config["dim_model_base"])
        cap = self.say("final_logit_softcapping")
        return cap * np.tanh(y / cap) if cap else y


def main():
    ids, worst = [int(word) for word in sys.argv[1].split()], 0
    for folder in sys.argv[2:]:
        wanted = Model(folder).logits(ids)
        found = np.fromfile(folder + "/logits", np.float32).reshape(wanted.shape)
        differs = np.abs(wanted - found).max()
        print(f"{'ok' if differs < MOST else 'not ok'} {folder.rsplit('/', 1)[-1]} {differs:.3g} of {np.abs(wanted).max():.3g}")
        worst = max(worst, differs) if differs == differs else np.inf
    sys.exit(not worst < MOST)


main()
