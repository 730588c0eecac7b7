"""The line under test: three brokers behind fault proxies, keng's stages as processes, webhook receivers, source files. It
starts, breaks, mends and looks at them; what to break and when stands in schedule.py and faults.py.

Everything listens on loopback, and only processes started here are signalled. Each keng process has a folder of its own
(<name>/keng.yaml, keng.log, data), as on a machine of its own, and dies with the driver.
"""
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "testkit"), str(HERE.parent / "kafka")]
from broker import KafkaCluster  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from keng_process import ROOT, SECRET, Failure, Receiver  # noqa: E402
from ports import free_port  # noqa: E402
from wire import WireError  # noqa: E402

BROKERS = 3
SOURCES = 4
POSTS_PARTITIONS = 4
PREFIX = "keng."
SESSION_S = 6        # of the consumer groups: a process that is silent for longer loses its partitions
BROKER_SESSION_S = 4
DISK_BYTES = 128 << 20
COUNTS = {"ingest": 2, "filter": 3, "alert": 3}
CHANNELS = ("hook", "pager")
UP_S = 60
STOP_S = 60
COMMAND_S = 120


def config(folder, line, data="data"):
    """keng.yaml of the process whose folder it is. All agree but for their data folder."""
    sources = "\n".join(
        f"  - {{name: s{index}, type: file, path: {line.source_file(index)}, follow: true, purpose: fault suite, "
        f"owner: tests, until: 2099-12-31}}" for index in range(SOURCES))
    channels = "\n".join(
        f'  - {{name: {name}, type: webhook, url: "http://127.0.0.1:{receiver.port}/alerts", timeout: 8s,\n'
        f"      secret_file: {line.folder}/secret, allow_private: true}}" for name, receiver in line.receivers.items())
    return f"""data_dir: {folder / data}
keys_file: {line.folder}/keys.json
rules: [{line.rules}]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
max_age: 87600h
metrics_listen: ""
streams:
  posts_partitions: {POSTS_PARTITIONS}
  disk_free_min: 4MiB
  kafka:
    bootstrap: "{line.cluster.bootstrap}"
    prefix: "{PREFIX}"
    replication: {BROKERS}
    min_insync_replicas: 2
    consumer: {{session.timeout.ms: {SESSION_S * 1000}}}
    settings: {{reconnect.backoff.max.ms: 2000}}
alerts: {{tick_interval: 1s, rings_per_cell_hour_max: 100000}}
sources:
{sources}
channels:
{channels}
cell_channels:
  "91": [{", ".join(CHANNELS)}]
"""


def process_state(pid):
    """The letters of all the threads in /proc, as a set: {"T"} when the process is stopped."""
    states = set()
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        text = task.read_text()
        states.add(text[text.rindex(")") + 2])
    return states


class Process:
    """One keng process of one stage."""

    def __init__(self, line, stage, name):
        self.line, self.stage, self.name = line, stage, name
        self.folder = line.folder / name
        self.folder.mkdir()
        self.log = self.folder / "keng.log"
        self.config = self.folder / "keng.yaml"
        self.port = free_port()
        self.process = None
        self.log_begin = 0
        self.wanted = "down"  # or "up": what it should be; a death while "up" is keng's own

    def start(self):
        self.config.write_text(config(self.folder, self.line))
        command = ["setpriv", "--pdeathsig", "KILL", str(self.line.keng), self.stage, "--config", str(self.config),
                   "--instance", self.name, "--metrics-listen", f"127.0.0.1:{self.port}"]
        self.log_begin = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            cwd=self.folder)
        self.wanted = "up"

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9. Returns the signal that it died of; Failure when it had died before."""
        self.wanted = "down"
        self.process.send_signal(signal.SIGKILL)
        status = self.process.wait(timeout=STOP_S)
        if status != -signal.SIGKILL:
            raise Failure(f"{self.name} ended by itself with {status}: {self.last_words()}")
        return status

    def suspend(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """An ordered stop, which must succeed."""
        self.wanted = "down"
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"{self.name} did not stop within {STOP_S} s of SIGTERM: {self.last_words()}") from None
        if status != 0:
            raise Failure(f"{self.name} did not stop in order, status {status}: {self.last_words()}")

    def last_words(self):
        """The end of its log, for a run whose folder nobody will see."""
        return "; ".join(self.log.read_text(errors="replace").splitlines()[-3:]) + f"; see {self.log}"

    def metrics(self):
        """Name -> sum over the labels; all 0 while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return collections.Counter()
        sums = collections.Counter()
        for match in re.finditer(r"^(\w+)(?:\{[^\n]*\})? (\S+)$", text, re.MULTILINE):
            sums[match.group(1)] += float(match.group(2))
        return sums

    def disk(self):
        return self.folder / "data"

    def log_tail(self, lines=2, bytes_max=600):
        """The end of what it has said since its last start."""
        return "\n".join(self.said().splitlines()[-lines:])[-bytes_max:]

    def said(self):
        try:
            with open(self.log, errors="replace") as log:
                log.seek(self.log_begin)
                return log.read()
        except OSError:
            return ""

    def came_up(self):
        return '"event":"keng.started"' in self.said()


class Line:
    """Use as a context: all processes and mounts are gone at its end. `no_disks` says why small
    disks cannot be mounted, "" when they can."""

    def __init__(self, keng, folder, seed, no_disks=""):
        self.keng, self.folder, self.no_disks = pathlib.Path(keng).resolve(), folder, no_disks
        self.rules = HERE / "pack"
        (folder / "secret").write_text(SECRET)
        (folder / "secret").chmod(0o600)
        (folder / "sources").mkdir()
        self.cluster = KafkaCluster(BROKERS, folder=folder / "kafka", overrides={
            "broker.session.timeout.ms": BROKER_SESSION_S * 1000, "group.min.session.timeout.ms": 1000},
            loggers={"kafka.coordinator.group": "INFO"})
        self.proxies, self.receivers, self.processes, self.mounts = {}, {}, {}, []
        self.seed = seed
        self.extras_made = 0
        self.lines_written = 0
        self.held = {}  # source -> lines kept back
        self.deaths = collections.Counter()  # of each stage, by the driver's hand
        self.given_up = collections.Counter()  # starts that ended with status 1, by process
        self.crashes = []                    # processes that ended by themselves
        self.told_after_stop = []            # ordered stops that were none

    def __enter__(self):
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # --- life ---

    def open(self):
        self.cluster.choose_ports()
        for node in self.cluster.ids:
            self.proxies[node] = FaultProxy(self.cluster.client_ports[node], seed=f"{self.seed}/{node}")
            self.cluster.advertise_through(node, self.proxies[node].port)
        ports = dict(self.cluster.client_ports)
        self.cluster.start()
        if self.cluster.client_ports != ports:  # others had taken them meanwhile
            for node, proxy in self.proxies.items():
                proxy.upstream_port = self.cluster.client_ports[node]
        for name in CHANNELS:
            place = self.folder / name
            place.mkdir()
            self.receivers[name] = Receiver(place, "--mode-file", str(place / "mode"))
        for index in range(SOURCES):
            self.source_file(index).touch()
        control = self.folder / "driver"
        control.mkdir()
        self.config = control / "keng.yaml"
        self.config.write_text(config(control, self))
        self.command("keys", "make")
        self.command("topics", "create")
        # All brokers learn of them within moments.
        self.wait("the topics are there", lambda: self.command("topics", "check", check="").returncode == 0, 30)
        for stage, count in COUNTS.items():
            for index in range(1, count + 1):
                self.add(stage, f"{stage}-{index}")
        for process in self.processes.values():
            process.start()
        for process in self.processes.values():
            self.wait(f"{process.name} is up", lambda one=process: one.metrics() or self.must_run(one), UP_S)

    def must_run(self, process):
        if not process.running():
            raise Failure(f"{process.name} ended with {process.process.returncode} at its start:\n{process.log_tail()}")

    def add(self, stage, name):
        process = Process(self, stage, name)
        if stage == "alert" and not self.no_disks:
            process.disk().mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "keng-chaos", str(process.disk())],
                           check=True)
            self.mounts.append(process.disk())
        self.processes[name] = process
        return process

    def extra(self, stage):
        """One more process of a stage, with a name that was never there."""
        self.extras_made += 1
        process = Process(self, stage, f"{stage}-extra-{self.extras_made}")
        process.start()
        return process

    def close(self):
        for process in self.processes.values():
            if process.running():
                process.process.kill()
                process.process.wait()
        for receiver in self.receivers.values():
            receiver.stop()
        self.cluster.close(keep="keep")  # the folder is the driver's
        for proxy in self.proxies.values():
            proxy.close()
        for mount in self.mounts:
            subprocess.run(["umount", "--lazy", str(mount)], check=False)

    def stop(self):
        """Ordered stops along the line. Whoever does not is named in told_after_stop."""
        for stage in ("ingest", "filter", "alert"):
            for process in self.of(stage):
                if process.running():
                    try:
                        process.stop()
                    except Failure as failure:
                        self.told_after_stop.append(str(failure))

    # --- looking ---

    def of(self, stage):
        return [process for process in self.processes.values() if process.stage == stage]

    def source_file(self, index):
        return self.folder / "sources" / f"s{index}.ndjson"

    def wait(self, what, holds, deadline_s):
        """Polls until `holds` gives something true and returns it; Failure after the deadline."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            try:
                if found := holds():
                    return found
            except (WireError, OSError):
                pass
            time.sleep(0.1)
        raise Failure(f"{what}: not within {deadline_s} s")

    def command(self, *words, check="check"):
        """Runs keng over the line's configuration."""
        try:
            done = subprocess.run([str(self.keng), *words, "--config", str(self.config)], capture_output=True, text=True,
                                  timeout=COMMAND_S, cwd=self.folder)
        except subprocess.TimeoutExpired:
            raise Failure(f"keng {' '.join(words)} took longer than {COMMAND_S} s") from None
        if check and done.returncode != 0:
            raise Failure(f"keng {' '.join(words)} ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-2000:]}")
        return done

    def status(self):
        """keng top, or None while it cannot be told."""
        told = self.command("top", "--once", "--format", "json", check="")
        try:
            return json.loads(told.stdout) if told.returncode == 0 else None
        except ValueError:
            return None

    def holders(self):
        """Instance -> [(topic, partition)], as the groups' coordinators see it: for all that are members. The instance's
        name is what stands before the first dot of the group's instance id."""
        found = collections.defaultdict(list)
        for _, members in self.cluster.groups().values():
            for member in members:
                found[member.instance.split(".")[0]] += member.partitions
        return dict(found)

    def owner(self, deadline_s=30):
        """The alerting process that holds the inbox."""
        def holds():
            return [name for name, partitions in self.holders().items()
                    if (PREFIX + "inbox", 0) in partitions and name in self.processes]
        return self.processes[self.wait("somebody owns the inbox", holds, deadline_s)[0]]

    def has_rung(self, story):
        """Whether all receivers have an alert of this story, a topic and a place."""
        return all(any((alert["data"]["topic"], alert["data"]["place"]) == story for alert in receiver.alerts())
                   for receiver in self.receivers.values())

    def check_alive(self):
        """Starts again whoever ended by himself, as a supervisor would. That is a crash, unless the process gave up
        with status 1 before it had started, which it may while the brokers are out of reach."""
        for process in self.processes.values():
            if process.wanted == "up" and not process.running():
                status = process.process.returncode
                if status == 1 and not process.came_up():
                    self.given_up[process.name] += 1
                else:
                    self.crashes.append(f"{process.name} ended by itself with {status}: {process.log_tail()}")
                process.start()

    # --- doing ---

    def append(self, lines):
        """Writes (source, text) to the source files, but keeps back what is for a source on hold."""
        by_source = collections.defaultdict(list)
        for source, text in lines:
            (self.held[source] if source in self.held else by_source[source]).append(text)
        for source, texts in sorted(by_source.items()):
            with open(self.source_file(source), "ab") as out:
                out.write("".join(text + "\n" for text in texts).encode())
            self.lines_written += len(texts)

    def hold(self, source):
        self.held[source] = []

    def release(self, source):
        self.append([(source, text) for text in self.held.pop(source)])

    def heal(self):
        """No fault of any kind from here on. What a fault left is for its own heal(); this is the end of the run."""
        for proxy in self.proxies.values():
            proxy.clear()
        for node in self.cluster.ids:
            if node in self.cluster.suspended:
                self.cluster.resume(node)
            if not self.cluster.running(node):
                self.cluster.launch(node)
        self.cluster.wait_ready()
        for name, receiver in self.receivers.items():
            (self.folder / name / "mode").write_text("")
            if receiver.process.poll() is not None:
                receiver.start()
        for process in self.processes.values():
            if process.running():
                process.resume()
            else:
                process.start()


def own_namespace():
    """Runs this program again where mounts are private and end with it. Returns "" when small disks can be mounted, else
    why not."""
    if os.environ.get("KENG_CHAOS_NAMESPACE"):
        return os.environ["KENG_CHAOS_NAMESPACE"].removeprefix("mounts")
    why = "unshare is missing"
    for words in (["--mount"], ["--map-root-user", "--mount"]):
        try:
            tried = subprocess.run(["unshare", *words, "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True,
                                   text=True)
        except OSError as failure:
            why = str(failure)
            break
        if tried.returncode == 0:
            os.environ["KENG_CHAOS_NAMESPACE"] = "mounts"
            os.execvp("unshare", ["unshare", *words, sys.executable, *sys.argv])
        why = tried.stderr.strip()
    return why
