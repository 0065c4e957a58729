# Load and faults, bounded so that they fit into make check.
