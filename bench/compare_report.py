"""Tables and a chart of what bench/compare measured."""
import html
import statistics

COLORS = ["#0b6e4f", "#c8553d", "#4a6fa5", "#8a7ca8", "#b08900"]


def value_of(sample):
    """What counts of a sample: tokens a second, of a start the seconds."""
    return sample["seconds"] if sample["test"] == "start" else sample["tokens_per_second"]


def value_text(sample):
    return "%.3f s, %.0f MB" % (sample["seconds"], sample["peak_bytes"] / 1e6) if sample["test"] == "start" else \
        "%.2f tokens/s" % sample["tokens_per_second"]


def grouped(results):
    """{(model, cache, threads, test): {engine: [sample]}}, in the order measured."""
    groups = {}
    for sample in results["samples"]:
        key = (sample["model"], sample["cache"], sample["threads"], sample["test"])
        groups.setdefault(key, {}).setdefault(sample["engine"], []).append(sample)
    return groups


def engines_of(results):
    return list(dict.fromkeys(sample["engine"] for sample in results["samples"]))


def median(samples, value=value_of):
    return statistics.median(value(sample) for sample in samples)


def cell(test, samples):
    values = sorted(value_of(sample) for sample in samples)
    form = "%.2f s (%.2f–%.2f)" if test == "start" else "%.1f (%.1f–%.1f)"
    text = form % (statistics.median(values), values[0], values[-1])
    if test == "start":
        text += ", %.0f MB" % (median(samples, lambda s: s["peak_bytes"]) / 1e6)
    return text


def ratio(test, engines):
    """How many times as fast as the best of the others Inkling is; None alone."""
    own, others = engines.get("inkling"), [median(s) for name, s in engines.items() if name != "inkling"]
    if not own or not others:
        return None
    return min(others) / median(own) if test == "start" else median(own) / max(others)


def part_of_read_limit(test, engines):
    """Of decoding: what is read for a token, by what could be read meanwhile; medians over samples."""
    own = engines.get("inkling")
    if not own or not test.startswith("decode"):
        return None
    return statistics.median(s["tokens_per_second"] * s["bytes_per_token"] / s["read_bytes_per_second"] for s in own)


def table(results):
    names, lines = engines_of(results), []
    lines.append("| model | cache | threads | test | %s | Inkling / best peer | Inkling of the read limit | samples |"
                 % " | ".join(names))
    lines.append("|" + " --- |" * (len(names) + 7))
    for (model, cache, threads, test), engines in grouped(results).items():
        times, part = ratio(test, engines), part_of_read_limit(test, engines)
        lines.append("| %s | %s | %d | %s | %s | %s | %s | %d |" % (
            model, cache, threads, test, " | ".join(cell(test, engines[n]) if n in engines else "–" for n in names),
            "%.2f ×" % times if times else "–", "%.0f %%" % (100 * part) if part else "–",
            min(len(samples) for samples in engines.values())))
    return "\n".join(lines) + "\n"


def chart(results):
    """Bars of medians with a line from lowest to highest, each group scaled to its largest."""
    names, parts, y = engines_of(results), [], 34
    for i, name in enumerate(names):
        parts.append('<rect x="%d" y="8" width="12" height="12" fill="%s"/><text x="%d" y="18">%s</text>' % (
            10 + 150 * i, COLORS[i % len(COLORS)], 28 + 150 * i, html.escape(name)))
    for (model, cache, threads, test), engines in grouped(results).items():
        largest = max(value_of(s) for samples in engines.values() for s in samples)
        unit = "s, shorter is better" if test == "start" else "tokens/s"
        parts.append('<text x="10" y="%d" font-weight="bold">%s, %s, %d threads, cache %s (%s)</text>' % (
            y + 12, html.escape(model), test, threads, cache, unit))
        y += 18
        for name, samples in engines.items():
            low, mid, high = (f(value_of(s) for s in samples) * 460 / largest for f in (min, statistics.median, max))
            parts.append('<rect x="10" y="%d" width="%.1f" height="12" fill="%s"/>' % (
                y, mid, COLORS[names.index(name) % len(COLORS)]))
            parts.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#222"/>' % (10 + low, 10 + high, y + 6, y + 6))
            parts.append('<text x="480" y="%d">%s</text>' % (y + 11, html.escape(cell(test, samples))))
            y += 15
        y += 8
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="720" height="%d" font-family="sans-serif" font-size="12">'
            '<rect width="100%%" height="100%%" fill="#fff"/>\n%s\n</svg>\n' % (y, "\n".join(parts)))


def write(out, results):
    machine = results["machine"]
    reads = [s["read_bytes_per_second"] for s in results["samples"]]
    with open(out + ".md", "w", encoding="utf-8") as file:
        file.write("%s, %d processors, %s. Medians (lowest–highest): tokens a second; of a start the seconds until the "
                   "process has loaded the model, read four tokens, generated one and ended, and its most memory.\n\n"
                   % (machine["processor"], machine["processors"], machine["system"]))
        if reads:
            file.write("Read limit beside the samples: %.1f to %.1f GB/s.\n\n" % (min(reads) / 1e9, max(reads) / 1e9))
        file.write(table(results))
        for failure in results["failures"]:
            file.write("\nFailed: %s, %s, %s: %s\n" % (failure["engine"], failure["model"], failure["test"],
                                                       failure["message"]))
    with open(out + ".svg", "w", encoding="utf-8") as file:
        file.write(chart(results))
