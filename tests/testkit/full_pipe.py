"""A standard output that nobody reads, for a program that must not hang on it."""
import fcntl
import os
import pathlib


class FullPipe:
    """A write to `writes` waits from fill() to drain(), in whatever process has it. It begins full."""

    def __init__(self):
        self.reads, self.writes = os.pipe()
        os.set_blocking(self.reads, False)
        self.fill()

    def fill(self):
        fcntl.fcntl(self.writes, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(self.writes, False)
        try:
            while True:
                os.write(self.writes, b"x")
        except BlockingIOError:
            os.set_blocking(self.writes, True)

    def drain(self):
        """Reads what is there and makes room for a MiB."""
        fcntl.fcntl(self.reads, fcntl.F_SETPIPE_SZ, 1 << 20)
        self.read()

    def read(self):
        try:
            while os.read(self.reads, 1 << 16):
                pass
        except BlockingIOError:
            pass

    def close(self):
        for end in (self.reads, self.writes):
            os.close(end)


def waits_in_write(pid):
    """Whether a thread of the process waits in a write to a pipe."""
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/wchan"):
        try:
            if "pipe_write" in path.read_text():
                return True
        except OSError:
            pass  # a thread that ended meanwhile
    return False
