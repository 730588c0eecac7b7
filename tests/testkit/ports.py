"""Ports on loopback for programs that a test starts."""
import contextlib
import random
import socket

FIRST, LAST = 20000, 31999  # below the range that the kernel gives to outgoing connections


def free_port(taken=()):
    """One that stays free until it is bound, but for another test that draws the same; none of `taken`."""
    for _ in range(1000):
        port = random.SystemRandom().randint(FIRST, LAST)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in taken:
                return port
    raise RuntimeError(f"no free port between {FIRST} and {LAST}")
