# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The measured part of doc/performance.md, between two marks, and the pictures beside the page."""

import os

import plot

BEGIN = "<!-- bench/run --page writes what follows -->\n"
END = "<!-- bench/run --page wrote this -->\n"
CAPTIONS = {
    "bulk": "Throughput in bulk", "bulk-cpu": "Processor time in bulk",
    "small": "Small requests and new connections", "latency": "Latency",
    "small-cpu": "Processor time of small requests", "long": "Long links",
}


def check(path):
    """The page as it is, as (before, after the measured part). ValueError if it has no such part."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("%s has no part for what is measured, from %r to %r" % (
            path, BEGIN.strip(), END.strip()))
    return before, after


def indented(text):
    return "".join("    " + line + "\n" if line else "\n" for line in text.rstrip().split("\n"))


def write(path, data):
    """data: what is in the JSON. Replaces the measured part and draws NAME.svg into the folder that is
    called like the page."""
    before, after = check(path)
    folder = os.path.splitext(path)[0]
    pictures = plot.write(data["medians"], folder)
    parts = [BEGIN, "\n", "The command: `%s`\n\n" % data["command"]]
    for name in pictures:
        parts.append("![%s](%s/%s.svg)\n\n" % (CAPTIONS[name], os.path.basename(folder), name))
    parts.append(indented(data["report"]))
    for title, text in (("Where the time goes", data.get("perf")),
                        ("Adit's own functions", data.get("callgrind")),
                        ("Instructions of fixed work", data.get("instructions"))):
        if text:
            parts += ["\n### %s\n\n" % title, indented(text.strip("\n"))]
    parts += ["\n", END]
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + "".join(parts) + after)
