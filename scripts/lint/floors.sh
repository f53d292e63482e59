#!/bin/sh
# A file includes its own folder or floors above it in this list, never one below and never a sibling on the same line.
# Three more rules: format and text see of the floors above them only base and tensor; learn, shrink and serve see each
# other only through inkling.h; cli is an application, which sees the library as others do, through inkling.h. What it
# needs beyond that is in `cli_needs`, and who may look inside in `cli_insider`, with the reasons.
#
#   floors.sh [SOURCE_ROOT]
set -eu
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$root"

find src -name '*.[ch]' -o -name '*.def' | LC_ALL=C sort | xargs awk '
    BEGIN {
        n = split("base,tensor,kernel,quant,array,device,format text,model,runtime,learn shrink convert serve home,cli", lines, ",")
        for (i = 1; i <= n; i++) {
            m = split(lines[i], names, " ")
            for (j = 1; j <= m; j++)
                floor[names[j]] = i
        }
        narrow["format"] = narrow["text"] = " base tensor "
        # JSON, read and written: conversations, reports.
        cli_needs["text/json.h"] = cli_needs["text/value.h"] = 1
        # `inkling template FILE.jinja` renders without a model, which ink_chat_render needs.
        cli_needs["text/chat.h"] = 1
        # The assistant for homes is a part of the library that is not public yet.
        cli_needs["home/assistant.h"] = cli_needs["home/home.h"] = 1
        # What a machine can do, and what a step costs, is measured on kernels and tables.
        # A synthetic model is made from the tables that others are read with.
        cli_insider = "^src/cli/(bench|roofline|synthesize|synthetic)[a-z_]*[.]"
    }
    FNR == 1 {
        split(FILENAME, parts, "/")
        here = parts[2]
        if (!(here in floor)) {
            print FILENAME ": src/" here " is not a floor"
            bad++
        }
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        path = $0
        sub(/^[^"]*"/, "", path)
        sub(/".*/, "", path)
        where = FILENAME ":" FNR ": "
        if (path == "inkling.h")
            next
        if (path !~ /\//) {
            print where "write \"" here "/" path "\": includes name their folder"
            bad++
            next
        }
        there = path
        sub(/\/.*/, "", there)
        if (path ~ /(^|\/)\.\.?\//) {
            print where path ": no relative includes"
            bad++
        } else if (!(there in floor)) {
            print where path ": " there " is not a floor"
            bad++
        } else if (there != here && floor[there] >= floor[here]) {
            print where here " must not see " there
            bad++
        } else if (there != here && (here in narrow) && index(narrow[here], " " there " ") == 0) {
            print where here " must know only" narrow[here] "and itself, not " there
            bad++
        } else if (here == "cli" && there != here && there != "base" && !(path in cli_needs) && FILENAME !~ cli_insider) {
            print where "cli must know only inkling.h, base and what `cli_needs` of floors.sh lists, not " path
            bad++
        }
    }
    END { exit bad != 0 }
'
echo "floors: ok"
