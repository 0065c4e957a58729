# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Fixtures that every end-to-end test may ask for."""

import pytest

from harness import Site


@pytest.fixture
def site(request):
    """A world for one test; the test fails if it does not end cleanly."""
    with Site(request.node.name) as s:
        yield s


@pytest.fixture(scope="module")
def shared(request):
    """A world for all tests of a file, checked when the last is done."""
    with Site(request.module.__name__) as s:
        yield s
