#!/usr/bin/python3
"""How much sooner the first token comes after a restart when what the prompt begins with was kept.

A text of 2,000 tokens stands for a system prompt; each run asks another question behind it. From the start of the
process to the first byte of the answer, in turn once without and three times with --prefix-store; weights are packed
already in both (--pack-cache). One JSON object: medians of one session, of the clock, and of processor time up to the
end of the process, which a busy machine changes less:

    bench/prefix.py m.gguf                 # INK_BIN is the binary (build/release/inkling)
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

BAR = 20
WORDS = "the house has lamp door heat light room plan night rule day guest calm voice answer short kind".split()


def text_of(inkling, model, n_tokens):
    """A text of at least n_tokens tokens, by doubling and then word by word."""
    words = []
    while True:
        words += [WORDS[(7 * len(words) + i * i) % len(WORDS)] for i in range(100)]
        text = " ".join(words)
        ids = subprocess.run([inkling, "tokenize", model], input=text, stdout=subprocess.PIPE, text=True, check=True)
        if len(ids.stdout.split()) >= n_tokens:
            return text, len(ids.stdout.split())


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_byte(command):
    """Seconds from the start of a process to its first byte, of processors to its end, and what it said on standard
    error."""
    with tempfile.TemporaryFile() as said:
        begin, used = time.monotonic(), processor_time()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL) as process:
            process.stdout.read(1)  # or the end, of a token without a text
            seconds = time.monotonic() - begin
            process.stdout.read()
        said.seek(0)
        text = said.read().decode()
    if process.returncode:
        sys.exit(f"{' '.join(command[:3])}: exit code {process.returncode}: {text}")
    return seconds, processor_time() - used, text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--cache", default="f16")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    inkling = os.environ.get("INK_BIN", os.path.join(root, "build", "release", "inkling"))
    system, n_tokens = text_of(inkling, arguments.model, arguments.tokens)
    with tempfile.TemporaryDirectory() as scratch:
        def ask(question, *more):
            return first_byte([inkling, "run", arguments.model, f"{system} {question}", "--raw", "--temperature", "0",
                               "--max-tokens", "1", "--ignore-end", "--context", "4096", "--cache", arguments.cache,
                               "--threads", str(arguments.threads), "--stats", "--pack-cache",
                               os.path.join(scratch, "weights"), *more])
        store = ["--prefix-store", os.path.join(scratch, "prefixes")]
        ask("day 0", *store)  # packs the weights, and keeps the prefix
        without, kept, reused = [], [], []
        for sample in range(arguments.samples):
            without.append(ask(f"night {sample}")[:2])
            for _ in range(3):
                *times, said = ask(f"night {sample}", *store)
                kept.append(times)
                reused.append(int(said.split(" were there already")[0].split()[-1]))
        n_bytes = sum(entry.stat().st_size for entry in os.scandir(store[1]))
    ratio, processor_ratio = (statistics.median(times[i] for times in without) /
                              statistics.median(times[i] for times in kept) for i in range(2))
    print(json.dumps({"model": os.path.basename(arguments.model), "cache": arguments.cache,
                      "threads": arguments.threads, "prompt_tokens": n_tokens, "reused_tokens": min(reused),
                      "store_bytes": n_bytes, "without_seconds": [times[0] for times in without],
                      "with_seconds": [times[0] for times in kept],
                      "without_processor_seconds": [times[1] for times in without],
                      "with_processor_seconds": [times[1] for times in kept], "ratio": ratio,
                      "processor_ratio": processor_ratio, "bar": BAR, "met": ratio >= BAR}, indent=2))


if __name__ == "__main__":
    main()
