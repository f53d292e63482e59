#!/usr/bin/python3
"""A llama-shaped model trained by PyTorch on random tokens, to compare `inkling train` with: the same layers, optimizer,
batch and precision. Prints JSON: tokens a second (the median of the steps behind the first few) and the peak memory of
the process.

    bench/train_torch.py --layers 4 --width 128 --heads 4 --kv-heads 4 --ff 344 --vocab 512 --context 64 --batch 12
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional


def rotate(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


class Layer(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.heads, self.kv_heads, self.dim = a.heads, a.kv_heads, a.width // a.heads
        self.norm, self.ff_norm = Norm(a.width), Norm(a.width)
        self.q = nn.Linear(a.width, a.width, bias=False)
        self.k = nn.Linear(a.width, a.kv_heads * self.dim, bias=False)
        self.v = nn.Linear(a.width, a.kv_heads * self.dim, bias=False)
        self.o = nn.Linear(a.width, a.width, bias=False)
        self.gate = nn.Linear(a.width, a.ff, bias=False)
        self.up = nn.Linear(a.width, a.ff, bias=False)
        self.down = nn.Linear(a.ff, a.width, bias=False)

    def forward(self, x, cos, sin, mask):
        b, t, c = x.shape
        y = self.norm(x)
        q = rotate(self.q(y).view(b, t, self.heads, self.dim).transpose(1, 2), cos, sin)
        k = rotate(self.k(y).view(b, t, self.kv_heads, self.dim).transpose(1, 2), cos, sin)
        v = self.v(y).view(b, t, self.kv_heads, self.dim).transpose(1, 2)
        if self.kv_heads != self.heads:
            k = k.repeat_interleave(self.heads // self.kv_heads, 1)
            v = v.repeat_interleave(self.heads // self.kv_heads, 1)
        p = (q @ k.transpose(-2, -1) * self.dim**-0.5 + mask).softmax(-1)
        x = x + self.o((p @ v).transpose(1, 2).reshape(b, t, c))
        y = self.ff_norm(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class Model(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embedding = nn.Embedding(a.vocab, a.width)
        self.layers = nn.ModuleList(Layer(a) for _ in range(a.layers))
        self.norm = Norm(a.width)
        dim = a.width // a.heads
        angles = torch.outer(torch.arange(a.context), 10000 ** (-torch.arange(0, dim, 2) / dim))
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        self.register_buffer("mask", torch.full((a.context, a.context), -1e9).triu(1))

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin, self.mask)
        logits = functional.linear(self.norm(x), self.embedding.weight)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def limit_libraries(n_threads):
    """BLAS libraries have threads of their own, which torch does not limit: begins anew with their limits set."""
    limits = {name: str(n_threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    if any(os.environ.get(name) != value for name, value in limits.items()):
        os.execve(sys.executable, [sys.executable] + sys.argv, {**os.environ, **limits})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in dict(layers=4, width=128, heads=4, kv_heads=4, ff=344, vocab=512, context=64, batch=12,
                            steps=60, threads=1).items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    a = parser.parse_args()
    limit_libraries(a.threads)
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    model = Model(a)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    seconds = []
    for _ in range(a.steps):
        tokens = torch.randint(a.vocab, (a.batch, a.context + 1))
        began = time.monotonic()
        with torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bf16"):
            loss = model(tokens[:, :-1], tokens[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        seconds.append(time.monotonic() - began)
    speed = a.batch * a.context / statistics.median(seconds[a.steps // 10:])
    print(json.dumps({"tokens_per_second": round(speed, 1), "loss": round(loss.item(), 4),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                      "parameters": sum(p.numel() for p in model.parameters())}))


if __name__ == "__main__":
    main()
