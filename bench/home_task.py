#!/usr/bin/python3
"""Home Assistant's sentences with the slots that its templates give them, as a task for `inkling eval`.

Each template of ../shared/home/sentences/en is expanded at random over one home; the answer is what its lists, `slots` and
contexts say. This measures phrasing and meaning together, without a sentence of anybody's tests:

    bench/home_task.py ../shared/home/sentences/en >task.jsonl && inkling eval MODEL --task task.jsonl
"""
import argparse
import json
import os
import random
import re

import yaml

import home_coverage as coverage

AREAS = [("Kitchen", "Ground Floor"), ("Living Room", "Ground Floor"), ("Entrance", "Ground Floor"), ("Master Bedroom", "First Floor"),
         ("Nursery", "First Floor"), ("Office", "First Floor"), ("Cellar", None)]
DEVICES = {
    "light": ["Overhead Lamp", "Owl Night Light", "Worktop Strip"], "switch": ["Espresso Machine", "Pond Pump"],
    "fan": ["Tower Fan"], "cover": ["Left Curtain", "Sun Sail", "Attic Hatch"], "lock": ["Front Door", "Bike Shed Lock"],
    "media_player": ["Television", "Kitchen Radio"], "climate": ["Ecobee", "Nursery Radiator"], "vacuum": ["Dusty"],
    "valve": ["Water Main", "Garden Hose"], "scene": ["Movie Night", "Candlelight"], "script": ["Leave Home", "Feed Fish"],
    "sensor": ["Weather Station", "Mia's Phone", "Tank Gauge"], "person": ["Anna", "Tom"], "weather": ["Bergen"],
    "todo": ["Chores", "Packing"], "input_boolean": ["Guest Mode"]}
SENSES = {
    "battery": "Remote Battery", "battery_charging": "Tablet", "carbon_monoxide": "CO Alarm", "cold": "Freezer",
    "connectivity": "Router", "door": "Balcony Door", "garage_door": "Garage Door Contact", "gas": "Gas Detector",
    "heat": "Oven", "light": "Daylight Sensor", "lock": "Lock Sensor", "moisture": "Leak Sensor",
    "motion": "Stairs Motion Sensor", "occupancy": "Bed Occupancy", "opening": "Mailbox", "plug": "Charger",
    "power": "Pump", "presence": "Keys", "problem": "Boiler", "running": "Washing Machine", "safety": "Stove",
    "smoke": "Smoke Detector", "sound": "Noise Sensor", "tamper": "Tamper Switch", "update": "Hub",
    "vibration": "Vibration Sensor", "window": "Roof Window"}
TEXTS = {
    "timer_name": ["pizza", "laundry", "green tea", "nap"], "message": ["dinner is ready", "we leave in five minutes"],
    "timer_command": ["turn off the espresso machine", "open the left curtain"], "zone": ["work", "school", "home"],
    "shopping_list_item": ["oat milk", "two lemons", "bread"], "todo_list_item": ["call the plumber", "sunscreen"],
    "search_query": ["pink moon", "the beatles", "slow jazz"]}
EXCLUDED = ("binary_sensor", "cover", "lock", "scene", "script", "sensor", "valve", "person", "weather", "todo", "vacuum", "climate")


def home():
    place = random.Random(1)
    devices = [{"name": name, "domain": domain, "area": place.choice(AREAS)[0]}
               for domain, names in DEVICES.items() for name in names]
    devices += [{"name": name, "domain": "binary_sensor", "area": place.choice(AREAS)[0]} for name in SENSES.values()]
    return {"floors": [{"name": "Ground Floor"}, {"name": "First Floor"}],
            "areas": [{"name": name, "floor": floor} for name, floor in AREAS], "devices": devices}


class Meaning(coverage.Expander):
    """An expander that leaves slots in the text, between marks; `names` are the devices that {name} may be."""

    def begin(self, names):
        self.names = names

    def value(self, name):
        name, _, slot = name.partition(":")
        slot = slot or name
        if name == "name":
            return self.note("name", self.draw.choice(self.names))
        if name == "area":
            return self.note("area", self.draw.choice(AREAS)[0])
        if name == "floor":
            return self.note("floor", self.draw.choice(["Ground Floor", "First Floor"]))
        if name in TEXTS:
            return self.note(slot, self.draw.choice(TEXTS[name]))
        listed = self.lists[name]
        if "range" in listed:
            low, high = listed["range"]["from"], listed["range"]["to"]
            return self.note(slot, self.draw.randint(max(low, 1), high))
        value = self.draw.choice(listed["values"])
        if isinstance(value, dict):
            return self.note(slot, value["out"], self.expand(value["in"]))
        return self.note(slot, value, value)

    def note(self, slot, value, text=None):
        return "\x01%s\x02%s" % (json.dumps([slot, value]), text if text is not None else " %s " % value)


def read_slots(text):
    """The text without its marks, and the slots; those of branches that were not taken are gone with them."""
    return re.sub("\x01[^\x02]*\x02", "", text), dict(json.loads(note) for note in re.findall("\x01([^\x02]*)\x02", text))


def names_for(intent, block):
    """Of the block's contexts; None: the home has none."""
    wanted = block.get("requires_context", {})
    if intent.startswith("HassClimate"):
        return DEVICES["climate"]
    domain, sense = wanted.get("domain"), wanted.get("device_class")
    domains = block.get("name_domains") or ([domain] if isinstance(domain, str) else domain)
    if domain == "binary_sensor":
        return [SENSES[sense]] if sense in SENSES else None
    if not domains:
        domains = [d for d in DEVICES if d not in EXCLUDED]
    return [name for d in domains for name in DEVICES.get(d, [])] or None


def tidy(text):
    return re.sub(r"\s+", " ", re.sub(r"\s+('s|%)", r"\1", text)).strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--samples", type=int, default=3, help="of each template (3)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    draw, seen, rooms = random.Random(args.seed), set(), home()
    with open(os.path.join(args.folder, "../../intents.yaml"), encoding="utf-8") as file:
        intents = yaml.safe_load(file)
    for intent, block, rules, lists in coverage.blocks(args.folder):
        names = names_for(intent, block)
        combination = intents[intent]["slot_combinations"].get(block["combination"], {})
        here = block.get("requires_context", {}).get("area") or combination.get("context_area")
        expander = Meaning(lists, rules, draw)
        for template in block["sentences"]:
            for _ in range(args.samples):
                expander.begin(names or [""])
                text, found = read_slots(expander.expand(template))
                text, slots = tidy(text), {**block.get("slots", {}), **found}
                if text in seen or (slots.get("name") == ""):
                    continue
                if block.get("inferred_domain"):
                    slots["domain"] = block["inferred_domain"]
                line = {"home": rooms} if not seen else {}
                seen.add(text)
                line["sentence"] = text
                if here:
                    line["area"] = draw.choice(AREAS)[0]
                    slots.setdefault("area", line["area"])
                print(json.dumps({**line, "answer": {"intent": intent, "slots": slots}}))


if __name__ == "__main__":
    main()
