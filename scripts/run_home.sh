#!/bin/sh
# What `make run` shows: sentences about a sample home, each answered by a process of its own, then a prompt for others.
#
#   run_home.sh INKLING
set -eu
inkling=$1
echo 'A sample home: models/home/sample.json. Sentences, and what a model in the binary makes of them:'
while read -r sentence; do
    printf '\n> %s\n' "$sentence"
    "$inkling" run home "$sentence"
done <<'END'
turn off the kitchen lights
set the bedside lamp to 40 percent please
is the garage door open
lock the front door
uh add oat milk to chores
twenty minute timer for the pizza
who wrote war and peace
END
printf '\nNow yours; Ctrl-D ends. (%s run home --help: your own home, spoken answers)\n' "$inkling"
exec "$inkling" run home
