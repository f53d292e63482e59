# Help, exit codes, and messages about wrong arguments: what was found, what is allowed, what is near.
. "$(dirname "$0")/support.sh"

for command in run show tokenize detokenize template logits embed perplexity bench synthesize version help; do
    ink "$command" --help >"$scratch/out" 2>"$scratch/err"
    code=$?
    grep -q "^Usage: inkling $command" "$scratch/out" && grep -q 'Exit codes: 0' "$scratch/out" &&
        [ $code -eq 0 ] && [ ! -s "$scratch/err" ]
    report "$command --help" $? "$(cat "$scratch/out" "$scratch/err")"
    ink help "$command" >"$scratch/help"
    same "help $command says the same" "$scratch/out" "$scratch/help"
    ink --help | grep -q "^  $command "
    report "$command is listed" $?
done
ink --help | grep -q "$(printf '\033')"
[ $? -eq 1 ]
report "no colors in a pipe" $?
ink >"$scratch/out" 2>&1
equal "no command is wrong usage" 2 "$?"
ink --version | grep -Eq '^inkling [0-9]+\.[0-9]+\.[0-9]+$'
report "--version" $?

fails "unknown command, near" 2 "unknown command 'tokenise'; did you mean 'tokenize'" tokenise
fails "unknown command" 2 "unknown command 'zzz'.*--help" zzz
fails "flag before the command" 2 "a command comes first" --json
fails "help on nothing" 2 "unknown command 'nothing'" help nothing
fails "unknown flag, near" 2 'unknown option --temprature; did you mean --temperature' run m --temprature 0
fails "unknown flag" 2 'unknown option --zzz' run m --zzz
fails "short flag" 2 'unknown option -x' run m -x
fails "missing model" 2 'MODEL is missing' run
fails "one argument too many" 2 "'c' is one argument too many" run a b c
fails "missing value" 2 '--seed needs a value: --seed N' run m --seed
fails "a flag in place of a value" 2 '--stop needs a value, but --raw follows' run m --stop --raw
fails "a value for a switch" 2 '--raw takes no value' run m --raw=1
fails "given twice" 2 '--seed is given twice' run m --seed 1 --seed=2
fails "not a number" 2 "--top-k is 'x', but must be a whole number from 0 to 10000000" run m --top-k x
fails "digits and more" 2 "--top-k is '5x'" run m --top-k 5x
fails "out of range" 2 "--top-p is '1.5', but must be a number from 0 to 1" run m --top-p 1.5
fails "not a number at all" 2 "--temperature is 'nan'" run m --temperature nan
fails "infinite" 2 "--temperature is 'inf'" run m --temperature inf
fails "negative count" 2 "--max-tokens is '-1'" run m --max-tokens -1
fails "beyond 64 bits" 2 "--seed is '99999999999999999999'" run m --seed 99999999999999999999
fails "no threads" 2 "--threads is '0', but must be a whole number from 1 to 256" run m --threads 0
fails "no such cache" 2 "--cache is 'q9', but must be f32\|f16\|q8_0\|q4r\|q4_0\|q3r\|q2r" run m --cache q9
fails "cache of three" 2 "--cache is 'f16,f16,f16'" run m --cache f16,f16,f16
fails "cache of layers in no order" 2 "--cache is '5-4=f16'" run m --cache 5-4=f16
fails "cache of another's prefix" 2 "--cache is 'f3'" run m --cache f3
fails "empty stop string" 2 "--stop is ''" run m --stop ''
fails "no effect with" 2 '--system has no effect with --raw' run m --raw --system x
fails "no effect at zero" 2 '--top-k has no effect at 0 of --temperature' run m x --top-k 3 --temperature 0
fails "no effect without" 2 '--special has no effect without --raw' run m --special
fails "no effect without a penalty" 2 \
    '--repeat-last-n has no effect at 1 of --repeat-penalty, 0 of --frequency-penalty, 0 of --presence-penalty' \
    run m --repeat-last-n 5
fails "no effect of a penalty" 2 '--presence-penalty has no effect at 0 of --repeat-last-n' \
    run m --presence-penalty 1 --repeat-last-n 0
fails "nothing to verify" 2 '--verify has no effect without --pack-cache' run m --verify
fails "nothing to verify either" 2 '--verify has no effect without --pack-cache' run m --verify --pack-cache off
INK_PACK_CACHE=$scratch ink run m --verify >"$scratch/out" 2>"$scratch/err"
equal "something to verify, by the environment" 1 "$?"
fails "numbers as a person writes them" 2 'must be a number from 0.01 to 100$' run m --repeat-penalty 0
fails "and large ones" 2 'must be a whole number from 0 to 253402300799$' template m --now x
fails "a window too small" 2 "--context is '1', but must be a whole number from 4" perplexity m t --context 1
fails "all that is missing" 2 'OUT.gguf, --shape NAME, --type T are missing' synthesize
fails "no arguments, no blank" 2 '\(usage: inkling version\)' version x
ink synthesize --help | tr -d ' \n' | grep -q -- '|phi-3-mini'
report "the list of shapes is whole" $?
fails "flag of another command" 2 'unknown option --temperature' logits m --temperature 0
fails "logits without --out" 2 '--out FILE is missing' logits m --tokens 1
fails "text and tokens" 2 'TEXT has no effect' embed m text --tokens 1
fails "no such file" 1 'nosuch.gguf.*no such file' show nosuch.gguf
fails "a folder" 1 '/: not a regular file' show /
fails "not a model" 1 'support.sh' show "$(dirname "$0")/support.sh"
ink version >/dev/full 2>"$scratch/err"
equal "a full disk is a failure" 1 "$?"
INK_CPU=nonsense ink version >"$scratch/out" 2>"$scratch/err"
equal "an unknown INK_CPU is a failure" 1 "$?"
equal "INK_CPU masks" '  "instructions_used": "c",' "$(INK_CPU=c ink version --json | grep instructions_used)"
finish
