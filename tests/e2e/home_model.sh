# The model for homes that is in the binary: what it answers, that it knows nobody's names, how soon, in how little.
. "$(dirname "$0")/support.sh"

recipe=$(cd "$(dirname "$0")/../../models/home" && pwd)
sentences=$(dirname "$INK_BIN")/home_sentences
ink run home "pause" >/dev/null 2>"$scratch/err"
report "there is a model in the binary" $? "$(cat "$scratch/err")"

# says SENTENCE ANSWER [OPTION...]: in an empty folder, without a variable of the environment.
says() {
    says_sentence=$1 says_answer=$2
    shift 2
    # shellcheck disable=SC2086 # an emulator is several words
    equal "$says_sentence" "$says_answer" \
        "$(mkdir -p "$scratch/empty" && cd "$scratch/empty" && env -i ${INK_EMULATOR:-} "$INK_BIN" run home "$says_sentence" "$@" 2>&1)"
}
says "turn off the kitchen lights" '{"intent":"HassTurnOff","slots":{"area":"Kitchen","domain":"light"}}'
says "is the garage door open" '{"intent":"HassGetState","slots":{"name":"Garage Door","domain":"cover","state":"open"}}'
says "set the bedside lamp to 40 percent" '{"intent":"HassLightSet","slots":{"name":"Bedside Lamp","brightness":40}}'
says "lights on" '{"intent":"HassTurnOn","slots":{"area":"Bedroom","domain":"light"}}' --area bedroom
says "who wrote war and peace" '{"intent":"none","slots":{}}'

# ---- Names of the homes that it learned from, asked for in a home that has none of them.
cat "$recipe"/names/*.txt | sort -u | awk '{ print "turn on the " $0; print "is the " $0 " open" }' >"$scratch/asked"
ink run home <"$scratch/asked" >"$scratch/answers" 2>"$scratch/err"
report "every name is answered" $? "$(cat "$scratch/err")"
equal "each by one line" "$(wc -l <"$scratch/asked")" "$(wc -l <"$scratch/answers")"
grep -o '"name": *"[^"]*"' "$recipe/sample.json" | cut -d'"' -f4 | sort -u >"$scratch/names"
echo all >>"$scratch/names"
equal "and with no name that the home lacks" "" \
    "$(grep -Eo '"(name|area|floor)":"[^"]*"' "$scratch/answers" | cut -d'"' -f4 | sort -u | grep -vxF -f "$scratch/names")"

# ---- Homes and sentences that it did not learn from.
if [ -x "$sentences" ] && [ -z "${INK_EMULATOR:-}" ]; then
    "$sentences" "$recipe" homes 1000 11 >"$scratch/homes.jsonl" 2>/dev/null
    ink eval "$recipe/home.gguf" --task "$scratch/homes.jsonl" >"$scratch/measured" 2>"$scratch/err"
    report "a thousand sentences, each about a home of its own" $? "$(cat "$scratch/err")"
    awk '/^exact match/ { exit !($3 >= 950) } END { if (NR == 0) exit 1 }' "$scratch/measured"
    report "95 of 100 are right" $? "$(cat "$scratch/measured")"
else
    skip "a thousand sentences, each about a home of its own" "home_sentences is not built, or runs elsewhere"
fi

# ---- From the start of the process to its end, the least of five, and what was resident at most.
if [ -x "$python" ] && [ -z "${INK_EMULATOR:-}" ]; then
    "$python" - "$INK_BIN" >"$scratch/cost" <<'PY'
import resource, subprocess, sys, time
def seconds():
    began = time.perf_counter()
    subprocess.run([sys.argv[1], "run", "home", "turn off the kitchen lights"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
print(min(seconds() for _ in range(5)) * 1000, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
PY
    awk '{ exit !($1 <= 100) }' "$scratch/cost"
    report "an answer within 100 ms" $? "$(cat "$scratch/cost")"
    awk '{ exit !($2 <= 40) }' "$scratch/cost"
    report "in 40 MB" $? "$(cat "$scratch/cost")"
else
    skip "time and memory of an answer" "no python, or it runs elsewhere"
fi
finish
