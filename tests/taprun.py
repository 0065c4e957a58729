# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Runs one pytest file and prints its results as TAP, for automake's harness.

Results go to the descriptor that was standard output at the start, one line as each test ends, so
that a killed run still shows how far it came. A test that fails prints its report as comments.
"""

import os
import sys

import pytest


class Tap:
    def __init__(self, out):
        self.out = out
        self.count = 0

    def say(self, text):
        os.write(self.out, (text + "\n").encode("utf-8", "backslashreplace"))

    def comment(self, text):
        for line in str(text).splitlines():
            self.say("# " + line)

    def result(self, good, name, note=""):
        self.count += 1
        name = name.replace("#", "no.")
        self.say("%s %d - %s%s" % ("ok" if good else "not ok", self.count, name, note))

    def pytest_internalerror(self, excrepr):
        self.result(False, "pytest runs")
        self.comment(excrepr)

    def pytest_collectreport(self, report):
        if report.failed:
            self.result(False, "collecting " + report.nodeid)
            self.comment(report.longreprtext)

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split("::", 1)[-1]
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self.result(True, name, " # SKIP " + " ".join(str(reason).split()))
        elif report.failed:
            self.result(False, name if report.when == "call" else report.when + " of " + name)
            self.comment(report.longreprtext)
            for title, text in report.sections:
                self.comment("--- " + title)
                self.comment(text)
        elif report.when == "call":
            self.result(True, name)
            if report.duration > 1:
                self.comment("%.1f s" % report.duration)


def main(argv):
    tap = Tap(os.dup(1))
    # pytest's own report is not TAP; it goes nowhere. The tests' output is captured by pytest.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    where = os.path.dirname(os.path.abspath(argv[0])) if argv else "."
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", where]
    status = pytest.main(options + argv, plugins=[tap])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        if tap.count == 0:
            tap.result(False, "pytest runs (status %d)" % status)
    tap.say("1..%d" % tap.count)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
