"""Starts, watches and ends one `keng run` for the tests that need the whole program. Loopback only; ends only processes
that it started."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECRET = "whsec_dGVzdHMtb25seS1zZWNyZXQtdGVzdHMtb25seQ=="


class Failure(Exception):
    """Something that the test must not see; the message says what and where to look."""


class Receiver:
    """The webhook receiver of tests/receiver: checks signatures and writes each accepted alert durably."""

    def __init__(self, folder, *more):
        self.folder, self.more = folder, more
        self.port = free_port()
        self.out = folder / "received.jsonl"
        self.log = folder / "receiver.log"
        self.start()

    def start(self):
        """Also again, with the same port and file, after its process has ended."""
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests/receiver/receiver.py"), "--port", str(self.port), "--secret", SECRET,
                 "--out", str(self.out), *self.more], stdout=subprocess.DEVNULL, stderr=log)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise Failure(f"the receiver does not listen; see {self.log}")

    def alerts(self):
        return [json.loads(line) for line in self.out.read_text().splitlines()] if self.out.exists() else []

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Keng:
    """One data folder and the program over it. `config` is the text of keng.yaml without data_dir."""

    def __init__(self, binary, config, folder=None):
        self.binary = binary
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="keng-test-"))
        self.config = self.folder / "keng.yaml"
        self.log = self.folder / "keng.log"
        self.process = None
        (self.folder / "secret").write_text(SECRET)
        (self.folder / "secret").chmod(0o600)
        self.config.write_text("data_dir: data\n" + config)

    def start(self, **environment):
        log = open(self.log, "a")
        self.process = subprocess.Popen([self.binary, "run", "--config", str(self.config)],
                                        env=dict(os.environ, **environment), stdout=log, stderr=log)

    def command(self, *words, check=True):
        done = subprocess.run([self.binary, *words, "--config", str(self.config)], capture_output=True, text=True)
        if check and done.returncode != 0:
            raise Failure(f"keng {' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return done

    def status(self):
        """The counters of the running program, or None while it does not answer."""
        answer = self.command("top", "--once", "--format", "json", check=False)
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def incidents(self):
        listed = self.command("incidents", "list", "--all", "--format", "json").stdout
        return [json.loads(line) for line in listed.splitlines()]

    def wait_idle(self, lines, deadline_s=60):
        """Until `lines` input lines and all that follows from them have been dealt with. False when it died."""
        end = time.monotonic() + deadline_s
        status = None
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            status = self.status()
            if status and status["ingest"]["lines"] >= lines and status["idle"]:
                return True
            time.sleep(0.03)
        raise Failure(f"not idle after {deadline_s} s: {json.dumps(status)}; see {self.log}")

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.returncode != -signal.SIGKILL:
            raise Failure(f"keng ended by itself with status {self.process.returncode}; see {self.log}")

    def stop(self):
        """An ordered stop, which must succeed."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        if status != 0:
            raise Failure(f"keng did not stop in order, status {status}; see {self.log}")

    def close(self, keep=False):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
