#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# The integrity test without a tunnel: its own ends agree about every kind of ending.
exec "$top_builddir/tests/integrity/integrity" --direct --streams 500 --max-size 4MiB \
	--total-budget 200MB --parallel 32
