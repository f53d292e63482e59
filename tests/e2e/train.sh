# `inkling train`: a new model from a configuration and a text, its log and plot, and twenty kills that change no bit.
. "$(dirname "$0")/support.sh"
cd "$scratch" || exit 1
cat >config.json <<'END'
{
    "architecture": "llama", "context_length": 16, "embedding_length": 16, "block_count": 1,
    "feed_forward_length": 32, "attention.head_count": 2
}
END
i=0
while [ $i -lt 60 ]; do
    echo "the cat $i sat on the mat, and the dog $((i * 7 % 11)) on the log"
    i=$((i + 1))
done >text.txt

# train OUT ARGUMENT...
train() {
    train_out=$1
    shift
    ink train "$train_out" --config config.json --vocabulary chars --text text.txt --batch 2 --warmup 5 \
        --evaluate-every 20 --save-every 7 "$@"
}

# ---- Once through.
train whole.gguf --steps 60 --threads 1 --log whole.csv --plot whole.svg >out 2>err
report "trains" $? "$(cat err)"
grep -q '^step 60, best validation loss [0-9.]* (perplexity' out
report "says what was reached" $? "$(cat out)"
grep -Eq '^step 20 of 60  loss [0-9.]+  validation [0-9.]+ \(best\)  [0-9]+ tokens/s' err
report "a line for each measurement" $? "$(cat err)"
equal "a row for each step" "$(seq 1 60 | tr '\n' ' ')" "$(tail -n +2 whole.csv | cut -d, -f1 | tr '\n' ' ')"
equal "named columns" step,tokens,loss,validation_loss,rate,gradient_norm,tokens_per_second,seconds "$(head -n 1 whole.csv)"
equal "measurements are in their rows" "20 40 60 " "$(tail -n +2 whole.csv | awk -F, '$4 != "" { printf "%d ", $1 }')"
first=$(sed -n 2p whole.csv | cut -d, -f3) last=$(tail -n 1 whole.csv | cut -d, -f3)
awk "BEGIN { exit !($last < $first - 0.5) }"
report "the loss falls" $? "from $first to $last"
ink run whole.gguf "the c" --raw --seed 1 --max-tokens 4 >text 2>err && [ -s text ]
report "the model generates" $? "$(cat err)"
if [ -x "$python" ]; then
    "$python" - whole.svg <<'END'
import sys, xml.dom.minidom
text = open(sys.argv[1]).read()
root = xml.dom.minidom.parseString(text).documentElement
lines = [len(n.getAttribute("points").split()) for n in root.getElementsByTagName("polyline")]
words = [n.firstChild.data for n in root.getElementsByTagName("text")]
sys.exit(not (lines == [60, 3] and "step" in words and "script" not in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")))
END
    report "the plot is one picture of two lines" $? "$(head -c 300 whole.svg)"
fi
train whole.gguf --steps 60 >out 2>err && grep -q 'had come to the last step already' out
report "what is done is not done again" $? "$(cat out err)"

# ---- The same on two threads, and with a log of objects.
train threads.gguf --steps 60 --threads 2 >out 2>err
same "two threads change no bit" whole.gguf threads.gguf
train json.gguf --steps 5 --log log.jsonl >out 2>err
[ "$(grep -c '^{"step": [1-5], "tokens": .*, "loss": .*}$' log.jsonl)" -eq 5 ]
report "a log of objects" $? "$(cat log.jsonl)"

# ---- Samples: shown with each measurement, and nowhere in what is learned.
train sampled.gguf --steps 60 --sample 'the cat' >out 2>err
same "samples change no bit" whole.gguf sampled.gguf
[ "$(grep -c '^sample: the cat' err)" -eq 3 ]
report "a sample at each measurement" $? "$(cat err)"
sed -n '/^step 20 of 60/{n;p;}' err | grep -q '^sample: the cat'
report "behind its line" $? "$(cat err)"

# ---- Two at once: the second is refused, and touches nothing.
if [ -z "${INK_EMULATOR:-}" ]; then
    "$INK_BIN" train twice.gguf --config config.json --vocabulary chars --text text.txt --batch 2 --steps 1000000 \
        --log twice.csv >twice.out 2>twice.err &
    pid=$!
    tries=0
    until [ -s twice.gguf.checkpoint ] || [ $tries -ge 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    fails "a second training of the same is refused" 1 'twice.gguf: another process is at work on it' train twice.gguf \
        --config config.json --vocabulary chars --text text.txt --batch 2 --steps 1000000 --log twice.csv --plot twice.svg
    fails "so is an adapter" 1 'twice.gguf: another process is at work on it' lora whole.gguf twice.gguf --text text.txt
    kill -9 $pid
    wait $pid 2>/dev/null
    rm twice.gguf.checkpoint
    [ -e twice.gguf.lock ] && ink lora whole.gguf twice.gguf --text text.txt --steps 1 --context 8 --validation 0 >out 2>err
    report "but not by one that was killed" $? "$(cat err)"
    [ ! -e twice.gguf.lock ]
    report "whose lock is taken away" $? "$(ls)"
fi

# ---- Killed, again and again: nothing that is there is broken, and the end is the same.
if [ -z "${INK_EMULATOR:-}" ]; then
    n_killed=0 broken=0 steps=4000
    train straight.gguf --steps $steps >out 2>err
    report "without a break" $? "$(cat err)"
    seed=$(cksum <whole.csv | cut -d' ' -f1) # differs from run to run: times are in it
    while [ $n_killed -lt 20 ]; do
        seed=$(((seed * 1103515245 + 12345) % 2147483648))
        # The binary itself, and not a function: that would be a shell, which dies alone.
        "$INK_BIN" train killed.gguf --config config.json --vocabulary chars --text text.txt --batch 2 --warmup 5 \
            --evaluate-every 20 --save-every 7 --steps $steps --log killed.csv --plot killed.svg >out 2>err &
        pid=$!
        sleep "0.0$((10 + seed / 65536 % 40))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        [ $? -eq 137 ] || break # it came to its end before
        n_killed=$((n_killed + 1))
        for file in killed.gguf.first killed.gguf; do # that the checkpoint is whole, going on from it shows
            [ ! -e $file ] || ink show $file >/dev/null 2>err || { cat err; broken=1; }
        done
    done
    report "files are whole after $n_killed kills" $broken
    [ $n_killed -eq 20 ]
    report "killed twenty times" $? "only $n_killed times, before it came to its end"
    train killed.gguf --steps $steps --log killed.csv --plot killed.svg >out 2>err
    report "goes on to the end" $? "$(cat err)"
    same "$n_killed kills change no bit" straight.gguf killed.gguf
    equal "what was being written when they came is gone" "" "$(find . -name 'killed*.tmp')"
    equal "no step is missing in the log, and none twice" "$(seq 1 $steps | cksum)" \
        "$(tail -n +2 killed.csv | cut -d, -f1 | cksum)"
else
    skip "kills" "an emulator is slow"
fi

# ---- A full disk: a limit on the size of files, in blocks of 512 bytes.
# full NAME BLOCKS PATTERN
full() {
    (
        trap '' XFSZ
        ulimit -f "$2"
        train full.gguf --steps 60
    ) >out 2>err
    [ $? -eq 1 ] && grep -q "^inkling: .*$3" err && [ ! -e full.gguf ] && [ -z "$(find . -name 'full*.tmp')" ]
    report "$1" $? "$(cat err; ls)"
}
full "no room for the first weights" 4 full.gguf.first
full "no room for the state" $(($(wc -c <whole.gguf.first) / 512 + 8)) full.gguf.checkpoint
train full.gguf --steps 60 >out 2>err
same "once there is room it goes on" whole.gguf full.gguf

# ---- What is wrong is said before anything long begins.
fails "no model" 2 '--from MODEL, or --config FILE' train x.gguf --text text.txt
fails "no vocabulary" 2 'needs a --vocabulary' train x.gguf --config config.json --text text.txt
fails "no text" 1 'name a --text' train x.gguf --config config.json --vocabulary chars
fails "a text that is not there" 1 'none.txt' train x.gguf --config config.json --vocabulary chars --text none.txt
: >empty.txt
fails "an empty text" 1 'empty.txt: is empty' train x.gguf --config config.json --vocabulary chars --text empty.txt
fails "a folder that is not there" 1 'none/x.gguf' train none/x.gguf --config config.json --vocabulary chars --text text.txt
fails "no such log" 1 'text.txt: is there and is no log' train x.gguf --config config.json --vocabulary chars --text text.txt --log text.txt
fails "two beginnings" 2 'from' train x.gguf --from whole.gguf --config config.json --vocabulary chars --text text.txt
fails "a context beyond the model's" 1 'made for 16' train x.gguf --config config.json --vocabulary chars --text text.txt --context 17
fails "a sample that begins with nothing" 1 'begins with nothing' train x.gguf --config config.json --vocabulary chars --text text.txt --sample ''
echo '{"text": "a"}
{"txt": "b"}' >bad.jsonl
fails "a bad record" 1 'bad.jsonl, line 2: must have one of' train x.gguf --from whole.gguf --text bad.jsonl
fails "other options than the checkpoint's" 1 'was made with other' \
    train whole.gguf --config config.json --vocabulary chars --text text.txt --steps 61 --batch 2
[ ! -e x.gguf ]
report "nothing is left of what failed" $?
finish
