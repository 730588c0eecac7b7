"""The stages of keng as processes over a Kafka cluster, for the tests that need the whole line. Loopback only; ends only
processes that it started."""
import collections
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

from keng_process import SECRET, Failure
from ports import free_port

STOP_S = 40


def until(what, holds, deadline_s):
    """Polls `holds` and returns what it returns as soon as that is true; Failure when the time is over."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.1)
    raise Failure(f"{what}: not within {deadline_s} s")


class Process:
    """One process of a stage; `name` is its instance among those of the stage."""

    def __init__(self, line, stage, name, config, stdout=None):
        self.line, self.stage, self.name, self.stdout = line, stage, name, stdout
        self.log = line.folder / f"{stage}-{name}.log"
        self.config = config
        self.process = None
        self.start()

    def start(self):
        if self.stage == "run":  # metrics_listen of the configuration counts; an instance cannot be named
            words = [self.line.binary, "run", "--config", str(self.config)]
        else:
            self.metrics_port = free_port()
            words = [self.line.binary, self.stage, "--config", str(self.config), "--instance", self.name,
                     "--metrics-listen", f"127.0.0.1:{self.metrics_port}"]
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(words, stdout=self.stdout or log, stderr=log, stdin=subprocess.DEVNULL)

    def alive(self):
        return self.process.poll() is None

    def threads(self):
        """The names of its threads, of 15 characters at most: what it works on at the moment."""
        names = []
        for path in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/comm"):
            try:
                names.append(path.read_text().strip())
            except OSError:
                pass  # a thread that ended meanwhile
        return names

    def events(self, name):
        """The lines of its log with this message."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if f'"{name}"' in line:
                found.append(json.loads(line))
        return found

    def metrics(self):
        """{name and labels as they are written: value}; empty when it does not answer."""
        try:
            text = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).read().decode()
        except OSError:
            return {}
        rows = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
        return {key: float(value) for key, value in rows}

    def metric(self, name):
        """The sum over all labels."""
        return sum(value for key, value in self.metrics().items() if re.split(r"[{ ]", key)[0] == name)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if not self.alive():
            raise Failure(f"{self.stage} {self.name} ended by itself with {self.process.returncode}; see {self.log}")
        self.process.kill()
        self.process.wait()

    def stop(self):
        """An ordered stop, which must succeed."""
        self.process.terminate()
        self.wait_stopped()

    def wait_stopped(self):
        status = self.process.wait(timeout=STOP_S)
        if status != 0:
            raise Failure(f"{self.stage} {self.name} did not stop in order, status {status}; see {self.log}")


class Line:
    """A folder, a configuration and the processes over it. `config` is the text of keng.yaml without data_dir and
    streams; `kafka` the entries of streams.kafka."""

    def __init__(self, binary, kafka, config, streams="posts_partitions: 4"):
        self.binary = binary
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="keng-line-"))
        (self.folder / "secret").write_text(SECRET)
        (self.folder / "secret").chmod(0o600)
        self.kafka = kafka
        self.config = self.folder / "keng.yaml"
        self.processes = []
        self.write_config(config, streams)

    def write_config(self, config, streams="posts_partitions: 4", name="keng.yaml"):
        """The configuration under another name is one beside the line's own: for a machine that is set up wrongly."""
        path = self.folder / name
        path.write_text(f"data_dir: data\nstreams:\n  {{{streams}, kafka: {{{self.kafka}}}}}\n{config}")
        return path

    def start(self, stage, name="one", config=None, stdout=None):
        """Its standard output goes to its log, as its errors do, or to the file number `stdout`."""
        process = Process(self, stage, name, config or self.config, stdout)
        self.processes.append(process)
        return process

    def stop(self, *processes):
        """All at once; a group waits for its session timeout only once then."""
        for process in processes:
            process.process.terminate()
        for process in processes:
            process.wait_stopped()

    def command(self, *words, check="check", config=None, deadline_s=120):
        done = subprocess.run([self.binary, *words, "--config", str(config or self.config)], capture_output=True,
                              text=True, timeout=deadline_s, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise Failure(f"keng {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def status(self):
        return json.loads(self.command("top", "--once", "--format", "json").stdout)

    def incidents(self):
        listed = self.command("incidents", "list", "--all", "--format", "json").stdout
        return [json.loads(line) for line in listed.splitlines()]

    def tap(self, stream):
        """All records of a stream, as `keng tap` shows them."""
        lines = self.command("tap", stream, "--newest", "1000000").stdout
        return [json.loads(line) for line in lines.splitlines()]

    def check_alive(self):
        for process in self.processes:
            if process.process.returncode not in (None, 0, -signal.SIGKILL) or (
                    process.process.poll() not in (None, 0, -signal.SIGKILL)):
                raise Failure(f"{process.stage} {process.name} ended with {process.process.returncode}; "
                              f"see {process.log}")

    def wait_idle(self, lines, deadline_s=60):
        """Until `lines` input lines have been read and all that follows from them is done. Returns the status."""
        last = None

        def holds():
            nonlocal last
            self.check_alive()
            answer = self.command("top", "--once", "--format", "json", check="")
            if answer.returncode != 0:
                last = answer.stderr
                return None
            last = json.loads(answer.stdout)
            return last if last["ingest"]["lines"] >= lines and last["idle"] else None
        try:
            return until("idle", holds, deadline_s)
        except Failure as failure:
            raise Failure(f"{failure}; the last status is {last}") from failure

    def close(self, keep=""):
        for process in self.processes:
            if process.alive():
                process.process.kill()
                process.process.wait()
        if keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def judge_alerts(sendings, incidents):
    """(what is wrong, a line each; how often an alert was sent once more): every incident rang once at the receiver, by
    itself or in a digest."""
    sent = {alert["id"]: alert for alert in sendings}
    alerts = {}
    for alert in sent.values():
        for one in alert["data"]["alerts"] if alert["type"].endswith("digest.v1") else [alert]:
            alerts[one["id"]] = one
    opened = collections.Counter(a["subject"] for a in alerts.values() if a["type"].endswith("opened.v1"))
    known = {incident["id"] for incident in incidents}
    wrong = [f"incident {one} never rang" for one in sorted(known - set(opened))]
    wrong += [f"incident {one} rang and is not listed" for one in sorted(set(opened) - known)]
    wrong += [f"incident {one} was opened {count} times" for one, count in opened.items() if count != 1]
    return wrong, len(sendings) - len(sent)
