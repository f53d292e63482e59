# bench/compare: interleaved runs of Inkling and of a peer that this script plays, what is written, going on, failures.
. "$(dirname "$0")/support.sh"
need_shared
[ -x "$python" ] || exit 77
[ -n "${INK_EMULATOR:-}" ] && exit 77 # it starts the binary itself
compare=$(dirname "$0")/../../bench/compare
results=$scratch/results

# A peer that is always as fast, notes how it was called, and knows no --n-depth unless it is called deep.
cat >"$scratch/peer" <<'EOF'
#!/bin/sh
case $* in *--help*) case $0 in *deep) echo "  -d, --n-depth <n>" ;; esac; exit 0 ;; esac
echo "$*" >>"$0.calls"
echo 'some words first'
echo '[{"n_prompt": 20, "n_gen": 0, "avg_ts": 12.5}]'
EOF
chmod +x "$scratch/peer"
cp "$scratch/peer" "$scratch/deep"
cp "$stories" "$scratch/stories.gguf"

once() {
    "$python" "$compare" --inkling "$INK_BIN" --peer "old=$scratch/peer -fa 1" --out "$results" \
        --threads 1 "$@" "$scratch/stories.gguf" >"$scratch/out" 2>"$scratch/err"
}

holds() {
    "$python" -c 'import json, sys
d = json.load(open(sys.argv[1]))
s = d["samples"]
assert eval("(" + sys.argv[2] + ")"), d' "$results.json" "$2" 2>"$scratch/err"
    report "$1" $? "$(cat "$scratch/err")"
}

once --samples 1 --tests prefill-512,start
report "a first round" $? "$(cat "$scratch/err")"
holds "a sample of each" '[x["engine"] for x in s] == ["inkling", "old"] * 2 and not d["failures"]'
holds "speed, memory and the limit beside it" 's[1]["tokens_per_second"] == 12.5 and s[0]["tokens_per_second"] > 0
    and all(x["peak_bytes"] > 0 and x["read_bytes_per_second"] > 0 and x["seconds"] > 0 for x in s)
    and s[0]["bytes_per_token"] > 0'
once --samples 2 --tests prefill-512
report "going on" $?
holds "only what was missing; another comes first" '[x["engine"] for x in s[4:]] == ["old", "inkling"]'
once --samples 2 --tests prefill-512 --minutes 0.0001
holds "nothing left to do" 'len(s) == 6'
grep -q '^| stories.gguf | f16 | 1 | prefill-512 | .* | 12.5 (12.5–12.5) | .* × | – | 2 |$' "$results.md"
report "the table" $? "$(cat "$results.md")"
"$python" -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$results.svg" 2>"$scratch/err"
report "the chart is XML" $? "$(cat "$scratch/err")"

once --samples 1 --tests decode-at-4096 --peer "new=$scratch/deep"
grep -q -- '^-fa 1 -m .* -p 0 -n 0 -gp 4096,32$' "$scratch/peer.calls" && grep -q -- '-d 4096 -p 0 -n 32$' "$scratch/deep.calls"
report "a depth in both dialects" $? "$(cat "$scratch"/*.calls)"
holds "a result of another test is no result" 'any("0 results instead of one" in f["message"] for f in d["failures"])'
once --tests nonsense
equal "an unknown test is wrong usage" 2 $?
finish
