# The protocol, pure: bytes and time in, bytes and events out.
