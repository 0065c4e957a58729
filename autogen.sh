#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes configure and the Makefile.in from their sources; nothing else.
set -e
cd "$(dirname "$0")"
autoreconf -fi
