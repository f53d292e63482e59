# `inkling run --tools`: calls as text and as JSON, choices that hold, and what is refused.
. "$(dirname "$0")/support.sh"
need_shared

cat >"$scratch/tools.json" <<'END'
[{"type": "function", "function": {"name": "weather", "description": "The weather of a city",
  "parameters": {"type": "object", "properties": {"city": {"enum": ["Bonn", "Ulm"]}, "days": {"type": "integer",
  "minimum": 1, "maximum": 9}}, "required": ["city", "days"]}}},
 {"type": "function", "function": {"name": "now"}}]
END
call() {
    ink run "$stories" "Once upon a time" --raw --temperature 0 --max-tokens "${tokens:-200}" --tools "$scratch/tools.json" "$@"
}

for format in hermes mistral-args mistral gemma4 phi llama3 gemma json; do
    if [ $format = gemma4 ]; then # its strings need "type"
        sed 's/{"enum"/{"type": "string", "enum"/' "$scratch/tools.json" >"$scratch/typed.json"
        set -- --tools "$scratch/typed.json"
        ink run "$stories" Once --raw --temperature 0 --max-tokens 200 "$@" --tool-choice weather --tool-format $format
    else
        call --tool-choice weather --tool-format $format
    fi >"$scratch/out" 2>"$scratch/err"
    grep -Eq '^\{"name": "weather", "arguments": \{"city": ?"(Bonn|Ulm)", ?"days": ?[1-9]\}\}$' "$scratch/out" ||
        grep -Eq '^\{"name": "weather", "arguments": \{"days": ?[1-9], ?"city": ?"(Bonn|Ulm)"\}\}$' "$scratch/out"
    report "a named call, written as $format" $? "$(cat "$scratch/out" "$scratch/err")"
done

call --tool-choice required --single-call --tool-format hermes --json >"$scratch/out" 2>"$scratch/err"
"$python" - "$scratch/out" <<'END' >"$scratch/found" 2>&1
import json, sys
answer = json.load(open(sys.argv[1]))
calls = answer["tool_calls"]
assert len(calls) == 1 and "content" not in answer and answer["stop"] == "end", answer
assert calls[0]["type"] == "function" and calls[0]["id"] == "call_1", calls
assert calls[0]["function"]["name"] in ("weather", "now")
assert isinstance(json.loads(calls[0]["function"]["arguments"]), dict)
END
report "one call as JSON, as OpenAI has it" $? "$(cat "$scratch/found" "$scratch/out" "$scratch/err")"

tokens=14
call --tool-choice none >"$scratch/out"
ink run "$stories" "Once upon a time" --raw --temperature 0 --max-tokens 14 >"$scratch/plain"
same "without calls it is the text that it would be" "$scratch/plain" "$scratch/out"
call --tool-choice none --json >"$scratch/out"
"$python" -c 'import json, sys
a = json.load(open(sys.argv[1]))
assert a["content"] == open(sys.argv[2]).read() and a["tool_calls"] == [] and a["stop"] == "tokens", a' \
    "$scratch/out" "$scratch/plain" >"$scratch/found" 2>&1
report "and as JSON" $? "$(cat "$scratch/found")"

fails "a tool that is not there" 1 'tools.json: there is no tool "sun"' run "$stories" x --raw --tools "$scratch/tools.json" \
    --tool-choice sun
fails "a format that is not there" 1 'no format "pidgin"' run "$stories" x --raw --tools "$scratch/tools.json" \
    --tool-format pidgin
fails "a choice without tools" 2 '--tool-choice has no effect without --tools' run "$stories" x --tool-choice none
fails "JSON without tools" 2 '--json has no effect without --tools' run "$stories" x --json
fails "two constraints" 1 'leave out --schema' run "$stories" x --raw --tools "$scratch/tools.json" --choice a,b
echo '[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "unevaluatedProperties": false}}}]' \
    >"$scratch/refused.json"
fails "a schema that cannot be honored" 1 'tool "f": .*unevaluatedProperties' run "$stories" x --raw \
    --tools "$scratch/refused.json"
finish
