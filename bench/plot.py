# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The plots of a run as SVG: bars for rates and CPU, points for latencies, lines for long links."""

import html
import math
import os

COLORS = {"adit": "#1a66d6", "adit-copy": "#7fb0f0", "direct": "#c4c9d1", "ssh": "#d9822b"}
OTHER = "#8a94a3"
INK, FAINT = "#1f2733", "#d8dde4"
WIDTH, NAME, GAP = 860, 112, 36         # of a picture, a column of names, what is between panels
ROW, HEAD, TOP = 21, 40, 52             # heights
MBIT = 8 * (1 << 30) / 1e6


class Picture:
    """Collects shapes; text() is the file."""

    def __init__(self, title, note, height):
        self.parts, self.height = [], height
        self.text(20, 26, title, size=17, weight=600)
        self.text(20, 44, note, size=12, color="#5a6572")

    def add(self, shape, **values):
        self.parts.append("<%s %s/>" % (shape, " ".join(
            '%s="%s"' % (k.replace("_", "-"), "%.1f" % v if isinstance(v, float) else v)
            for k, v in values.items())))

    def text(self, x, y, text, size=12, anchor="start", color=INK, weight=400):
        self.parts.append('<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" fill="%s" '
                          'font-weight="%d">%s</text>' % (x, y, size, anchor, color, weight,
                                                          html.escape(text)))

    def svg(self):
        return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
                'font-family="system-ui, Helvetica, Arial, sans-serif">\n'
                '<rect width="100%%" height="100%%" fill="#ffffff"/>\n%s\n</svg>\n' % (
                    WIDTH, self.height, WIDTH, self.height, "\n".join(self.parts)))


def short(value):
    """As many digits as can be told apart."""
    if value >= 100:
        return "{:,.0f}".format(value).replace(",", "\u202f")
    return "%.*f" % (1 if value >= 10 else 2 if value >= 1 else 3, value)


def color(peer):
    return COLORS.get(peer, OTHER)


def panels(picture_title, note, shown, draw):
    """Two columns of panels; shown: [(title, {peer: value})]; draw(picture, x, y, width, peer, value, all
    values of the panel)."""
    shown = [(title, rows) for title, rows in shown if rows]
    width = (WIDTH - 40 - GAP) / 2 - NAME
    heights = [max(len(rows) for _, rows in shown[i:i + 2]) * ROW + HEAD
               for i in range(0, len(shown), 2)]
    p = Picture(picture_title, note, TOP + sum(heights) + 12)
    for i, (title, rows) in enumerate(shown):
        x, y = 20 + i % 2 * (NAME + width + GAP), TOP + sum(heights[:i // 2]) + 22
        p.text(x, y, title, size=13, weight=600)
        for peer, value in rows.items():
            y += ROW
            ours = peer.startswith("adit")
            p.text(x + NAME - 8, y, peer, anchor="end", weight=600 if ours else 400)
            draw(p, x + NAME, y, width, peer, value, rows.values())
    return p.svg()


def bar(p, x, y, width, peer, value, among):
    length = max(1.0, (width - 52) * value / max(among))
    p.add("rect", x=x, y=y - 12.0, width=length, height=15, rx=2, fill=color(peer))
    p.text(x + length + 5, y, short(value))


def span(p, x, y, width, peer, value, among):
    """p50 and p99 on a logarithmic axis that begins at the best p50."""
    least, most = min(v[0] for v in among), max(v[1] for v in among)

    def at(v):
        return x + 6 + (width - 120) * math.log(v / least) / max(math.log(most / least), 1e-9)

    low, high = map(at, value)
    p.add("line", x1=low, x2=high, y1=y - 4.0, y2=y - 4.0, stroke=color(peer), stroke_width=4,
          stroke_opacity="0.5")
    p.add("circle", cx=low, cy=y - 4.0, r=5, fill=color(peer))
    p.add("circle", cx=high, cy=y - 4.0, r=4, fill="#ffffff", stroke=color(peer), stroke_width=2)
    p.text(max(high, low) + 9, y, "%s – %s" % (short(value[0]), short(value[1])))


def values(medians, case, figure):
    return {peer: m[figure] for peer, m in medians.get(case, {}).items() if m.get(figure)}


def both(medians, case):
    return {peer: (m["p50"], m["p99"]) for peer, m in medians.get(case, {}).items() if m.get("p50")}


def lines(picture_title, note, shown):
    """Panels in a row; shown: [(title, {peer: [(x, y)]})]; x is a round trip, y Mbit/s."""
    shown = [(title, series) for title, series in shown if series]
    width, height, top = (WIDTH - 40) / len(shown) - 70, 200, TOP + 40
    p = Picture(picture_title, note, TOP + height + 100)
    for i, (title, series) in enumerate(shown):
        x0 = 70 + i * (width + 70)
        p.text(x0 - 40, top - 16, title, size=13, weight=600)
        step = round_step(max(y for points in series.values() for _, y in points) / 4)
        most = 4.4 * step
        for part in range(5):
            y = top + height * (1 - part * step / most)
            p.add("line", x1=x0, x2=x0 + width, y1=y, y2=y, stroke=FAINT)
            p.text(x0 - 6, y + 4, "{:,.0f}".format(step * part).replace(",", "\u202f"), size=11,
                   anchor="end")
        for n, (peer, points) in enumerate(series.items()):
            line(p, x0, top, width, height, peer, points, most)
            p.text(x0 + n * 72, top + height + 42, "● " + peer, color=color(peer), weight=600)
    return p.svg()


def round_step(least):
    """The smallest round number that is not below."""
    ten = 10 ** math.floor(math.log10(max(least, 1)))
    return next(f * ten for f in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10) if f * ten >= least * 0.999)


def line(p, x0, top, width, height, peer, points, most):
    at = [(x0 + width * math.log(x / 20) / math.log(10), top + height * (1 - y / most))
          for x, y in points]
    p.add("polyline", points=" ".join("%.1f,%.1f" % xy for xy in at), fill="none",
          stroke=color(peer), stroke_width=3 if peer == "adit" else 2)
    for (x, y), (rtt, _) in zip(at, points):
        p.add("circle", cx=x, cy=y, r=4, fill=color(peer))
        p.text(x, top + height + 18, "%d ms" % rtt, size=11, anchor="middle")


def over_rtt(medians, prefix):
    series = {}
    for rtt in (20, 50, 100, 200):
        for peer, rate in values(medians, "%s-%d" % (prefix, rtt), "rate").items():
            series.setdefault(peer, []).append((rtt, rate * MBIT))
    return series


BULK = [("bulk1-up", "1 stream, client to target"), ("bulk1-down", "1 stream, target to client"),
        ("bulk100-up", "100 streams, client to target"),
        ("bulk100-down", "100 streams, target to client")]
SMALL = [("ask64x64", "64 bytes there and back, 64 connections"),
         ("ask1kx64", "1 KiB there and back, 64 connections"),
         ("ask64x1", "64 bytes there and back, 1 connection"),
         ("connect", "a new connection for each request")]
LATE = [("ask64x1", "1 connection, 64 bytes"), ("beside", "1 connection beside a bulk stream"),
        ("ask64x64", "64 connections, 64 bytes"), ("connect", "a new connection for each")]
LONG = [("long", "1 stream, 500 Mbit/s"), ("long16", "16 streams, 500 Mbit/s"),
        ("fat", "1 stream, no limit")]


def draw(medians):
    """{name: SVG} of what was measured."""
    def rows(cases, figure):
        return [(title, values(medians, case, figure)) for case, title in cases]

    wanted = [
        ("bulk", panels, "Throughput in bulk", "GiB/s; longer is better", rows(BULK, "rate"), bar),
        ("bulk-cpu", panels, "Processor time in bulk",
         "CPU seconds of the programs in the middle for a GiB; shorter is better", rows(BULK, "cpu"), bar),
        ("small", panels, "Small requests", "requests per second; longer is better",
         rows(SMALL, "rate"), bar),
        ("small-cpu", panels, "Processor time of small requests",
         "CPU microseconds of the programs in the middle for a request; shorter is better",
         rows(SMALL, "cpu"), bar),
        ("latency", panels, "Latency", "microseconds, p50 – p99, logarithmic; left is better",
         [(title, both(medians, case)) for case, title in LATE], span),
        ("long", lines, "Long links", "Mbit/s over the round trip; higher is better",
         [(title, over_rtt(medians, prefix)) for prefix, title in LONG]),
    ]
    return {name: how(*rest) for name, how, *rest in wanted if any(r for _, r in rest[2])}


def write(medians, folder):
    """Writes NAME.svg of all there is to draw; returns the names."""
    os.makedirs(folder, exist_ok=True)
    pictures = draw(medians)
    for name, svg in pictures.items():
        with open(os.path.join(folder, name + ".svg"), "w", encoding="utf-8") as f:
            f.write(svg)
    return list(pictures)
