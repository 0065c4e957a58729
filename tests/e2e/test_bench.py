# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The benchmark runs: not how fast, but that every figure of a report comes from finished work."""

import json
import os
import shutil
import subprocess
import sys
import xml.dom.minidom

import pytest

from harness import SLOW, need

pytestmark = need("aditd", "adit")

SOURCE = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                      "..", "..")
BUILD = os.environ.get("ADIT_BUILD_DIR") or os.environ.get("top_builddir") or ""
LOAD = os.path.join(BUILD, "bench", "adit-load")


def bench(tmp_path, *args, status=0):
    """bench/run with very little work; returns (what it printed, what it wrote, its complaints)."""
    if not os.access(LOAD, os.X_OK):
        pytest.skip("bench/adit-load is not built")
    out = tmp_path / "out.json"
    done = subprocess.run(
        [os.path.join(SOURCE, "bench", "run"), "--quick", "--rounds", "1", "--scale", "0.01",
         "--build", BUILD, "--out", str(out), *args],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60 * SLOW)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout, json.loads(out.read_text()) if out.exists() else None, done.stderr


def test_bulk_through_adit_and_directly(tmp_path):
    text, data, _ = bench(tmp_path, "direct", "adit:bulk1")
    assert set(data["rounds"]) == {"bulk1-up", "bulk1-down"}
    for case in ("bulk1-up", "bulk1-down"):
        assert case + ":" in text
        direct, adit = data["medians"][case]["direct"], data["medians"][case]["adit"]
        assert direct["rate"] > 0 and direct["cpu"] == 0 and direct["memory"] == 0
        assert adit["rate"] > 0 and adit["cpu"] > 0 and adit["memory"] > 1 << 20


def test_requests_new_connections_and_idle_ones(tmp_path):
    _, data, _ = bench(tmp_path, "adit", "ask64x1", "connect", "beside", "idle")
    adit = {case: peers["adit"] for case, peers in data["medians"].items()}
    assert set(adit) == {"ask64x1", "connect", "beside", "idle"}
    for case in ("ask64x1", "connect", "beside"):
        assert 0 < adit[case]["p50"] <= adit[case]["p99"] * 1.02
    assert adit["connect"]["cpu"] > 0 and adit["beside"]["beside"] > 0
    assert adit["idle"]["conns"] == 10 and set(adit["idle"]["grown"]) == {"aditd", "adit"}


def test_shares_long_links_and_sessions(tmp_path):
    """A rate on the link holds for what goes through it, and the relay is none of the programs."""
    text, data, _ = bench(tmp_path, "adit", "direct:long-20", "long-20", "share-up", "agents-down",
                          "stopped-down", "sessions", "tunnels")
    got = data["medians"]
    assert got["long-20"]["direct"]["cpu"] == 0
    for peer in ("direct", "adit"):
        assert 0 < got["long-20"][peer]["rate"] * 8 * (1 << 30) < 1e9
    assert 0 < got["share-up"]["adit"]["share"] <= 1
    assert 0 < got["agents-down"]["adit"]["share"] <= 0.5
    assert got["stopped-down"]["adit"]["p50"] > 0
    assert got["sessions"]["adit"]["conns"] == 5 and got["sessions"]["adit"]["each"] > 0
    assert got["tunnels"]["adit"]["conns"] == 2
    assert "sessions: bytes for each session, aditd" in text


def test_plots_and_page(tmp_path):
    """Bars and points for what was measured, lines with what an older run had; the page keeps the rest."""
    sys.dont_write_bytecode = True
    page = tmp_path / "page.md"
    shutil.copy(os.path.join(SOURCE, "doc", "performance.md"), page)
    before = page.read_text()
    bench(tmp_path, "adit:bulk1-down", "direct:bulk1-down", "adit:ask64x1")
    out = tmp_path / "out.json"
    data = json.loads(out.read_text())
    assert {f.name for f in (tmp_path / "out").iterdir()} == {
        n + ".svg" for n in ("bulk", "bulk-cpu", "small", "small-cpu", "latency")}
    for rtt in (20, 200):
        data["medians"]["long-%d" % rtt] = {"adit": {"rate": 0.05}, "direct": {"rate": 0.06}}
    data["report"] += "and <angles> & more\n"
    out.write_text(json.dumps(data))
    run = [os.path.join(SOURCE, "bench", "run"), "--plots", str(out), "--page"]
    subprocess.run(run + [str(page)], check=True, capture_output=True, timeout=60 * SLOW)
    after = page.read_text()
    assert after[:after.index("<!--")] == before[:before.index("<!--")]
    assert after[after.rindex("<!--"):] == before[before.rindex("<!--"):]
    assert "    and <angles> & more\n" in after and "](page/long.svg)" in after
    for name in os.listdir(tmp_path / "page"):
        svg = xml.dom.minidom.parse(str(tmp_path / "page" / name))
        assert any("adit" in "".join(c.data for c in t.childNodes)
                   for t in svg.getElementsByTagName("text")), name
    done = subprocess.run(run + [str(out)], check=False, capture_output=True, text=True)
    assert done.returncode == 2 and "out.json" in done.stderr


FRAMES = os.path.join(BUILD, "bench", "adit-frames")


@pytest.mark.skipif(not shutil.which("valgrind") or not os.access(FRAMES, os.X_OK) or
                    os.environ.get("sanitizers", "no") not in ("", "no"),
                    reason="needs valgrind and a build without sanitizers")
def test_instructions_are_counted():
    """All works have a bound and a plausible number; whether it is kept, check.sh asks."""
    done = subprocess.run([os.path.join(SOURCE, "bench", "run"), "--build", BUILD, "--callgrind"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=120 * SLOW)
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [r[0] for r in rows] == ["request", "alone", "frame", "open", "ping", "alone-kept", "frame-kept",
                                     "ping-kept"], done.stderr
    assert all(100 < int(r[1]) < 1000000 and 100 < int(r[2]) for r in rows)


def test_unfinished_work_is_no_figure(tmp_path):
    """A client whose connection breaks says so and prints no result."""
    if not os.access(LOAD, os.X_OK):
        pytest.skip("bench/adit-load is not built")
    target = subprocess.Popen([LOAD, "target"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    port = target.stdout.readline().split()[1]
    client = subprocess.Popen([LOAD, "client", "--to", port, "--times", "1", "--get", str(1 << 50)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "ready\n"
    client.stdin.write("\n")
    client.stdin.flush()
    target.stdin.close()
    assert target.wait(10 * SLOW) == 0
    out, said = client.communicate(timeout=10 * SLOW)
    target.stdout.close()
    assert client.returncode == 1 and out == "" and "adit-load: " in said


def test_unknown_words(tmp_path):
    _, data, said = bench(tmp_path, "bulk7", status=1)
    assert data is None and "bulk7" in said and "bulk1-up" in said
