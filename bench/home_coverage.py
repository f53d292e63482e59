#!/usr/bin/python3
"""How much of the phrasing of Home Assistant's sentences the grammar of models/home has.

Each sentence template of ../shared/home/sentences/en is expanded at random, values as {slot}; lines
"INTENT<tab>sentence" go to standard output, for `home_sentences models/home covers`:

    bench/home_coverage.py ../shared/home/sentences/en | build/release/home_sentences models/home covers
"""
import argparse
import glob
import os
import random
import re

import yaml

# Lists whose values are words of the sentence are expanded; others stand for a slot.
SLOTS = {"timer_name": "label", "area": "area", "floor": "floor", "name": "name", "brightness": "brightness",
         "temperature": "temperature", "position": "position", "volume": "volume_level", "message": "message",
         "timer_command": "conversation_command", "zone": "state", "shopping_list_item": "item",
         "todo_list_item": "item", "search_query": "search_query"}
LISTS = {"HassListAddItem", "HassListCompleteItem"}


class Expander:
    def __init__(self, lists, rules, draw):
        self.lists, self.rules, self.draw = lists, rules, draw

    def expand(self, text):
        words, rest = self.choice(text, 0, "")
        assert rest == len(text), text[rest:]
        return words

    def choice(self, text, at, end):
        """Alternatives to `end`; one of them, or with ';' all of them in any order."""
        parts, permute = [], False
        while True:
            words, at = self.sequence(text, at)
            parts.append(words)
            if at < len(text) and text[at] in "|;":
                permute = permute or text[at] == ";"
                at += 1
                continue
            break
        if end:
            assert text[at] == end, text[at:]
            at += 1
        if permute:
            self.draw.shuffle(parts)
            return " ".join(parts), at
        return self.draw.choice(parts), at

    def sequence(self, text, at):
        out = ""
        while at < len(text) and text[at] not in "|;)]":
            c = text[at]
            if c in "([":
                words, at = self.choice(text, at + 1, ")" if c == "(" else "]")
                out += words if c == "(" or self.draw.random() < 0.5 else ""
            elif c == "<":
                end = text.index(">", at)
                out += self.expand(self.rules[text[at + 1:end]])
                at = end + 1
            elif c == "{":
                end = text.index("}", at)
                out += self.value(text[at + 1:end])
                at = end + 1
            else:
                out += c
                at += 1
        return out, at

    def value(self, name):
        name, _, slot = name.partition(":")
        if name in SLOTS:
            return " {%s} " % SLOTS[name]
        values = self.lists[name]
        if "values" in values:
            value = self.draw.choice(values["values"])
            return self.expand(value["in"] if isinstance(value, dict) else value)
        return " {%s} " % (slot or name)


def clean(text):
    text = re.sub(r"([%°])", r" \1 ", text.lower())
    return " ".join(re.sub(r"[,?!]|\.(?!\d)", " ", text).split())


def blocks(folder):
    """(intent, block, rules, lists) of both forms of files: DOMAIN_INTENT.yaml, and INTENT/COMBINATION.yaml."""
    with open(os.path.join(folder, "_common.yaml"), encoding="utf-8") as file:
        common = yaml.safe_load(file)
    rules = {"percent": "([ ]%| percent)", **common["expansion_rules"]}
    for path in sorted(glob.glob(os.path.join(folder, "*_*.yaml")) + glob.glob(os.path.join(folder, "*", "*.yaml"))):
        if path.endswith("_common.yaml"):
            continue
        with open(path, encoding="utf-8") as file:
            data = yaml.safe_load(file)
        intents = data.get("intents") or {os.path.basename(os.path.dirname(path)): data}
        for intent, body in intents.items():
            for block in body["data"]:
                block["combination"] = None if "intents" in data else os.path.basename(path)[:-len(".yaml")]
                yield (intent, block, {**rules, **data.get("expansion_rules", {}), **block.get("expansion_rules", {})},
                       {**common["lists"], **data.get("lists", {}), **block.get("lists", {})})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--samples", type=int, default=30, help="of each template (30)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    for intent, block, rules, lists in blocks(args.folder):
        expander = Expander(lists, rules, draw)
        for template in block["sentences"]:
            for sentence in sorted({clean(expander.expand(template)) for _ in range(args.samples)}):
                if intent in LISTS:
                    sentence = sentence.replace("{name}", "{list}")
                print("%s\t%s" % (intent, sentence))


if __name__ == "__main__":
    main()
