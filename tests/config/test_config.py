# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""What --check says: every wrong file is refused with file, line and reason, every good one taken."""

import os
import re

import pytest

from configcase import Case, cases


def refused(case):
    file, line, text = case.expected()
    place = "%s:%d: " % (file, line) if line > 0 else "%s: " % file
    got = case.check()
    said = got.stderr.strip()
    assert got.returncode == 78, "exit status %d: %s" % (got.returncode, said)
    assert said.startswith("%s: %s" % (case.program, place)), said
    assert text in said, said
    assert "\n" not in said, "more than one line"
    assert got.stdout == ""


@pytest.mark.parametrize("name", cases("bad"))
def test_bad(name, tmp_path):
    refused(Case("bad", name, tmp_path, "aditd"))


@pytest.mark.parametrize("name", cases("bad-agent"))
def test_bad_agent(name, tmp_path):
    refused(Case("bad-agent", name, tmp_path, "adit"))


def taken(case):
    got = case.check()
    assert got.returncode == 0, got.stderr
    assert got.stderr == ""
    assert got.stdout.startswith("configuration is good: ")


@pytest.mark.parametrize("name", cases("good"))
def test_good(name, tmp_path):
    taken(Case("good", name, tmp_path, "aditd"))


@pytest.mark.parametrize("name", cases("good-agent"))
def test_good_agent(name, tmp_path):
    taken(Case("good-agent", name, tmp_path, "adit"))


def test_there_are_enough():
    assert len(cases("bad")) + len(cases("bad-agent")) >= 100


def test_unreadable(tmp_path):
    case = Case("good", "empty", tmp_path, "aditd")
    os.unlink(tmp_path / "aditd.conf")
    got = case.check()
    assert got.returncode == 78
    assert got.stderr == ("aditd: aditd.conf: No such file or directory; "
                          "'aditd init DIR --host NAME' writes one, -c names one\n")
    os.mkdir(tmp_path / "aditd.conf")
    got = case.check()
    assert got.returncode == 78
    assert got.stderr == "aditd: aditd.conf: is not a regular file\n"


def test_large(tmp_path):
    case = Case("good", "empty", tmp_path, "aditd")
    (tmp_path / "aditd.conf").write_text("# " + "x" * 1024 * 1024 + "\n")
    got = case.check()
    assert got.returncode == 78
    assert re.search(r"is larger than \d+ bytes", got.stderr)


def test_words_of_the_check(tmp_path):
    got = Case("good", "empty", tmp_path, "aditd").check()
    assert re.fullmatch(r"configuration is good: 3 plugins \(transport-tcp, auth-token, route-port\), "
                        r"(1 worker|\d+ workers)\n", got.stdout)
