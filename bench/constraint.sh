#!/bin/sh
# How long it takes to tell which tokens may come next: for each constraint a walk of 2,000 random tokens, cold and twice with what was
# learned, in microseconds of processor time a token. JSON, one object a line.
#
#   constraint.sh MODEL      a model or a vocabulary; INK_BIN is the binary (build/release/inkling)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
bin=${INK_BIN:-$root/build/release/inkling}
model=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat >"$scratch/free.json" <<'END'
{}
END
cat >"$scratch/person.json" <<'END'
{"type": "object", "properties": {"name": {"type": "string", "maxLength": 80}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
 "email": {"type": "string", "format": "email"}, "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 5},
 "address": {"type": "object", "properties": {"street": {"type": "string", "maxLength": 40}, "zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
 "required": ["street"], "additionalProperties": false}, "kind": {"enum": ["a", "b", "other thing"]}},
 "required": ["name", "age", "email", "tags", "address", "kind"], "additionalProperties": false}
END
cat >"$scratch/tree.json" <<'END'
{"$defs": {"node": {"type": "object", "properties": {"value": {"type": "number"}, "label": {"type": "string", "minLength": 1, "maxLength": 12},
 "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 4}}, "required": ["value", "label", "children"],
 "additionalProperties": false}}, "$ref": "#/$defs/node"}
END
cat >"$scratch/code.gbnf" <<'END'
root ::= statement+
statement ::= ("if (" word ")" | word " = " [0-9]{1,9}) ";\n"
word ::= [a-z_] [a-z0-9_]{0,15}
END

# run NAME FLAG VALUE [FORM]
run()
{
    printf '{"constraint": "%s", ' "$1"
    "$bin" constrain "$2" "$3" ${4:+--form "$4"} --bench "$model" --json | tr -d '\n' | sed 's/^{ *//'
    echo
}

run "schema, plain form" --schema "$scratch/person.json" plain
run "schema, any form" --schema "$scratch/person.json" any
run "recursive schema" --schema "$scratch/tree.json" plain
run "any JSON" --schema "$scratch/free.json" plain
run "grammar" --grammar "$scratch/code.gbnf"
run "regex" --regex '[A-Z][a-z]{1,20}( [A-Za-z]{1,15}){2,12}[.!?]'
run "text of a limited length" --regex '.{1,400}'
