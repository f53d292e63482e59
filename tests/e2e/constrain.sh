# `inkling constrain` and the constraints of `inkling run`, in the forms that scripts rely on.
. "$(dirname "$0")/support.sh"
need_shared

# code NAME EXIT OUTPUT ARGUMENT...: exit code and standard output; standard error is kept in $scratch/err.
code() {
    code_name=$1 code_wanted=$2 code_output=$3
    shift 3
    code_found=$(ink "$@" 2>"$scratch/err" </dev/null)
    equal "$code_name" "$code_wanted $code_output" "$? $code_found"
}

cat >"$scratch/schema.json" <<'END'
{"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
 "required": ["name", "age"], "additionalProperties": false}
END
printf '{"name":"Ada","age":36}' >"$scratch/good.json"
printf '{\n  "age": 36,\n  "name": "Ada"\n}\n' >"$scratch/pretty.json"
printf '{"name":"Ada","age":200}' >"$scratch/bad.json"
printf '{"name":"Ada"' >"$scratch/early.json"
code "accepted" 0 "accepted" constrain --schema "$scratch/schema.json" --check "$scratch/good.json"
code "blanks, the order of keys and a new line at the end" 0 "accepted" constrain --schema "$scratch/schema.json" \
    --check "$scratch/pretty.json"
code "not accepted, and where" 1 "not accepted: byte 22 may not stand there" constrain --schema "$scratch/schema.json" \
    --check "$scratch/bad.json"
code "too early" 1 "not accepted: it ends too early, at byte 13" constrain --schema "$scratch/schema.json" \
    --check "$scratch/early.json"
code "the plain form has one order" 1 "not accepted: byte 1 may not stand there" constrain --schema "$scratch/schema.json" \
    --form plain --check "$scratch/pretty.json"
code "only the schema" 0 "" constrain --schema "$scratch/schema.json"
equal "from standard input" "accepted" \
    "$(ink constrain --schema "$scratch/schema.json" --check - <"$scratch/good.json")"
equal "as JSON" "22 false" "$(ink constrain --schema "$scratch/schema.json" --check "$scratch/bad.json" --json |
    $python -c 'import json, sys; r = json.load(sys.stdin); print(r["byte"], str(r["accepted"]).lower())')"

printf 'root ::= "a" [0-9]+\n' >"$scratch/rules.gbnf"
printf 'a17' >"$scratch/a17"
code "a grammar" 0 "accepted" constrain --grammar "$scratch/rules.gbnf" --check "$scratch/a17"
code "a regular expression" 0 "accepted" constrain --regex '[a-z]\d{2}' --check "$scratch/a17"
code "choices" 1 "not accepted: byte 2 may not stand there" constrain --choice 'a1,a2' --check "$scratch/a17"

echo '{"items": {"unevaluatedItems": false}}' >"$scratch/refused.json"
fails "a keyword that cannot be honored" 2 'refused.json: the schema at #/items/unevaluatedItems: .*not supported' \
    constrain --schema "$scratch/refused.json" --check "$scratch/good.json"
fails "left recursion" 2 'rule root refers to itself' constrain --grammar /dev/fd/3 3<<'END'
root ::= root "a" | "b"
END
fails "not a regular expression" 2 "at byte 1: '\(' without its '\)'" constrain --regex '(' --check "$scratch/a17"
fails "no schema file" 2 'none.json: No such file' constrain --schema "$scratch/none.json" --check "$scratch/a17"
fails "no text file" 2 'none.txt: No such file' constrain --regex 'a' --check "$scratch/none.txt"
fails "two at once" 2 'only one of' constrain --regex 'a' --choice 'b'
fails "none at all" 2 'One of --schema' constrain --check "$scratch/a17"

ink constrain --schema "$scratch/schema.json" --bench "$stories" --json >"$scratch/bench.json" 2>"$scratch/err"
equal "the benchmark" "0 3 2000" "$? $($python -c 'import json, sys; r = json.load(open(sys.argv[1]))["passes"]; print(len(r), r[2]["tokens"])' "$scratch/bench.json")"

# ---- run
for seed in 1 2 3; do
    ink run "$stories" "Once upon a time" --schema "$scratch/schema.json" --seed $seed --temperature 1.5 >"$scratch/out" 2>"$scratch/err"
    equal "run --schema, seed $seed" "0 accepted" \
        "$? $(ink constrain --schema "$scratch/schema.json" --form plain --check "$scratch/out")"
done
ink run "$stories" "Once upon a time" --grammar "$scratch/rules.gbnf" --seed 1 --max-tokens 40 >"$scratch/out" 2>"$scratch/err"
equal "run --grammar" "accepted" "$(ink constrain --grammar "$scratch/rules.gbnf" --check "$scratch/out")"
equal "run --regex" "ab" "$(ink run "$stories" "Once upon a time" --regex 'ab')"
case $(ink run "$stories" "Once upon a time" --choice 'yes,no' --temperature 0) in yes | no) choice=one ;; *) choice=none ;; esac
equal "run --choice" "one" "$choice"
fails "run refuses before it reads the prompt" 1 'unevaluatedItems' run "$stories" "Once" --schema "$scratch/refused.json"
ink run "$stories" "Once upon a time" --schema "$scratch/schema.json" --max-tokens 4 --seed 1 >"$scratch/out" 2>"$scratch/err"
equal "an answer that is cut is a failure" "1 inkling: the answer ended after 4 tokens, before it was what it must be; --max-tokens allows more" \
    "$? $(cat "$scratch/err")"
finish
