# Text conversations, replayed against the real wire and tunnel code.
