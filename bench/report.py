# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Medians of what was measured, and the text that a reader gets."""

import statistics

import goals

MIB = 1 << 20
MBIT = 1e6 / 8 / (1 << 30)              # of figures in GiB/s

# Figure, heading, divisor, digits, whether a ratio stands beside it.
COLUMNS = {
    "bulk": [("rate", "GiB/s", 1, 2, True), ("cpu", "CPU s/GiB", 1, 3, True),
             ("memory", "memory MiB", MIB, 1, False)],
    "ask": [("rate", "per s", 1, 0, True), ("cpu", "CPU us", 1, 1, True),
            ("p50", "p50 us", 1, 0, True), ("p99", "p99 us", 1, 0, True),
            ("memory", "memory MiB", MIB, 1, False)],
    "beside": [("p50", "p50 us", 1, 0, True), ("p99", "p99 us", 1, 0, True),
               ("beside", "beside GiB/s", 1, 2, False), ("memory", "memory MiB", MIB, 1, False)],
    "stopped": [("each", "grown MiB", MIB, 1, True), ("p50", "p50 us", 1, 0, True),
                ("p99", "p99 us", 1, 0, True), ("memory", "memory MiB", MIB, 1, False)],
    "long": [("rate", "Mbit/s", MBIT, 0, True), ("start", "at first", MBIT, 0, True),
             ("cpu", "CPU s/GiB", 1, 3, False), ("memory", "memory MiB", MIB, 1, False)],
    "share": [("share", "smallest/largest", 1, 2, True), ("rate", "GiB/s", 1, 2, True),
              ("memory", "memory MiB", MIB, 1, False)],
    "agents": [("share", "smaller share", 1, 2, False), ("many", "64 streams GiB/s", 1, 2, False),
               ("one", "1 stream GiB/s", 1, 2, False), ("memory", "memory MiB", MIB, 1, False)],
    "idle": [("conns", "connections", 1, 0, False), ("each", "bytes for each", 1, 0, True),
             ("cpu", "CPU of one core", 1, 4, False), ("memory", "memory MiB", MIB, 1, False)],
    "sessions": [("conns", "sessions", 1, 0, False), ("each", "bytes for each", 1, 0, False),
                 ("cpu", "CPU of one core", 1, 4, False), ("memory", "memory MiB", MIB, 1, False)],
}
COLUMNS["fresh"] = COLUMNS["ask"]


def median(rounds):
    """The median of each figure of the rounds that did not fail."""
    good = [r for r in rounds if "failed" not in r]
    out = {}
    for figure in good[0] if good else ():
        values = [r[figure] for r in good]
        if isinstance(values[0], dict):
            out[figure] = median(values)
        else:
            out[figure] = statistics.median(values)
    return out


def medians(results):
    return {case: {peer: median(rounds) for peer, rounds in peers.items()}
            for case, peers in results.items()}


def spread(rounds, figure):
    """How far apart the rounds are, as a part of their median."""
    values = [r[figure] for r in rounds if figure in r]
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def cells(case, peer, middle, rounds):
    """One line of a table."""
    row = [peer]
    for figure, _, divisor, digits, ratio in COLUMNS[case.kind]:
        value = middle[peer].get(figure)
        row.append("" if value is None else "%.*f" % (digits, value / divisor))
        if ratio:
            base = goals.better(figure, goals.AGAINST[case.kind], middle)
            row.append("%.2f" % (value / base) if value and base else "")
    first = next((c[0] for c in COLUMNS[case.kind] if c[4]), COLUMNS[case.kind][0][0])
    row.append("%.0f %%" % (100 * spread(rounds, first)) if middle[peer] else "")
    return row


def table(case, peers, middle):
    """The lines of a case: who was measured, how much, how far the rounds are apart, what failed."""
    head = [""]
    for _, title, _, _, ratio in COLUMNS[case.kind]:
        head += [title, "ratio"] if ratio else [title]
    rows = [head + ["spread"]]
    notes = []
    for peer, rounds in peers.items():
        failed = [r["failed"] for r in rounds if "failed" in r]
        if failed:
            notes.append("%s: %d of %d rounds failed: %s" % (peer, len(failed), len(rounds),
                                                            failed[0]))
        if middle[peer]:
            rows.append(cells(case, peer, middle, rounds))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    lines = ["%s: %s" % (case.name, case.about)]
    if goals.AGAINST[case.kind]:
        lines.append("  ratio to %s" % " or ".join(goals.AGAINST[case.kind]))
    for r in rows:
        lines.append("  " + r[0].ljust(widths[0]) + "".join(
            "  " + c.rjust(w) for c, w in zip(r[1:], widths[1:])))
    for n in notes:
        lines.append("  " + n)
    return lines


def verdicts(middle, whole):
    """The lines about goals; whole: nothing was left out on purpose."""
    found = goals.judge(middle)
    lines = ["  %-7s  %s" % ("met" if met else "NOT MET", what)
             for what, met in found if met is not None]
    rest = [what for what, met in found if met is None] if whole else []
    if lines or rest:
        lines = ["", "Goals: of %d that were measured, %d are met" % (
            len(lines), sum(met is True for _, met in found))] + lines
    if whole:
        lines += ["  not measured: " + what for what in rest]
    return lines


def text(about, cases, results, missing, whole):
    """All of it. about: lines about the machine; missing: reasons by peer or case; whole: of
    verdicts."""
    middle = medians(results)
    lines = list(about)
    lines += ["%s is left out: %s" % pair for pair in missing.items()]
    for case in cases:
        if results.get(case.name):
            lines += [""] + table(case, results[case.name], middle[case.name])
    return "\n".join(lines + verdicts(middle, whole)) + "\n"
