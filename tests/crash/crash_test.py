#!/usr/bin/env python3
"""Kills `keng run` at random moments and at every named durable point, again and again, and then checks:

  - incidents are byte for byte a fold of the same inbox from empty (`keng incidents verify`);
  - as a set of stories they are what stories.py computes from the input alone;
  - every alert was delivered to the webhook receiver and to the alert file, and no incident was opened twice;
  - conservation: the counters of every stage agree with the input and with each other.

usage: crash_test.py --keng build/release/keng [--kills 40] [--seed 1] [--keep]
Prints its seed first and the figures last; exit status 0 only when all of it holds. Talks to loopback only and ends only
processes that it started.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import stories

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WARDS = [("30307", "phường Long Xuyên"), ("30316", "phường Châu Đốc"), ("30376", "phường Tân Châu"),
         ("30301", "phường Mỹ Thới"), ("30292", "phường Bình Đức")]
SECRET = "whsec_Y3Jhc2gtdGVzdC1zZWNyZXQtY3Jhc2gtdGVzdA=="


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Run:
    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="keng-crash-"))
        self.posts = self.folder / "posts.ndjson"
        self.posts.touch()
        self.alerts = self.folder / "alerts.jsonl"
        self.received = self.folder / "received.jsonl"
        self.port = free_port()
        self.receiver = None
        self.keng = None
        self.kills = collections.Counter()
        self.write_config()

    def write_config(self):
        (self.folder / "secret").write_text(SECRET)
        (self.folder / "secret").chmod(0o600)
        (self.folder / "keng.yaml").write_text(f"""
data_dir: data
rules: [{HERE}/pack]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
max_age: 100000d
metrics_listen: ""
streams: {{posts_partitions: 2}}
alerts: {{tick_interval: 1s, rings_per_cell_hour_max: 100000}}
sources:
  - {{name: crash, type: file, path: posts.ndjson, follow: true, purpose: crash test, owner: tests, until: 2099-12-31}}
channels:
  - {{name: file, type: file, path: alerts.jsonl}}
  - {{name: hook, type: webhook, url: "http://127.0.0.1:{self.port}/alerts", secret_file: secret, allow_private: true}}
cell_channels:
  "91": [file, hook]
""")

    def start_receiver(self):
        self.receiver = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/receiver/receiver.py"), "--port", str(self.port), "--secret", SECRET,
             "--out", str(self.received)], stdout=subprocess.DEVNULL, stderr=open(self.folder / "receiver.log", "w"))

    def start_keng(self, crash_point=None):
        environment = dict(os.environ)
        if crash_point:
            environment["KENG_CRASH_POINT"] = crash_point
        log = open(self.folder / "keng.log", "a")
        self.keng = subprocess.Popen([self.args.keng, "run", "--config", str(self.folder / "keng.yaml")],
                                     env=environment, stdout=log, stderr=log)

    def status(self):
        """Counters of the running process, or None while it is not up."""
        answer = subprocess.run([self.args.keng, "top", "--once", "--format", "json", "--config",
                                 str(self.folder / "keng.yaml")], capture_output=True, text=True)
        if answer.returncode != 0:
            return None
        return json.loads(answer.stdout)

    def kill(self, why):
        if self.keng.poll() is None:
            self.keng.send_signal(signal.SIGKILL)
        self.keng.wait()
        if self.keng.returncode == -signal.SIGKILL:
            self.kills[why] += 1
        else:
            raise SystemExit(f"keng ended by itself with status {self.keng.returncode}; see {self.folder}/keng.log")

    def wait_idle(self, lines, deadline_s=60):
        """Until everything that was written has gone through to delivered alerts. Keng must be running."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if self.keng.poll() is not None:
                return False
            status = self.status()
            if status and status["ingest"]["lines"] >= lines and status["idle"]:
                return True
            time.sleep(0.05)
        raise SystemExit(f"not idle after {deadline_s} s: {json.dumps(self.status())}; see {self.folder}")

    def main(self):
        truth = stories.Input(self.args.seed, WARDS, time.time() - 3600)
        points = (HERE / "points.txt").read_text().split()
        self.start_receiver()
        self.start_keng()
        plan = collections.deque(points * max(1, self.args.rounds))
        lines = 0
        while sum(self.kills.values()) < self.args.kills or plan:
            chunk = truth.chunk(300)
            with open(self.posts, "a") as out:
                for start in range(0, len(chunk), 100):
                    out.write("".join(line + "\n" for line in chunk[start:start + 100]))
                    out.flush()
                    lines += len(chunk[start:start + 100])
                    self.one_kill(plan)
            while not self.wait_idle(lines):
                self.keng.wait()
                self.kills["point"] += self.keng.returncode == -signal.SIGKILL
                self.start_keng()
        # Half of the alerts wait for a receiver that is down: it comes back and nothing is lost.
        return self.verify(truth, lines)

    def one_kill(self, plan):
        if plan:
            point = plan.popleft()
            self.kill("between")
            self.start_keng(point)
            try:
                self.keng.wait(timeout=8)
                if self.keng.returncode != -signal.SIGKILL:
                    raise SystemExit(f"keng ended with {self.keng.returncode} instead of dying at {point}")
                self.kills[point] += 1
                self.start_keng()
            except subprocess.TimeoutExpired:
                plan.append(point)  # this chunk did not lead there; another will
                self.attempts = getattr(self, "attempts", collections.Counter())
                self.attempts[point] += 1
                if self.attempts[point] > 20:
                    raise SystemExit(f"the crash point {point} never fired")
        else:
            time.sleep(self.rng.expovariate(1 / 0.12))
            self.kill("random")
            self.start_keng()

    def verify(self, truth, lines):
        assert self.wait_idle(lines)
        status = self.status()
        self.keng.send_signal(signal.SIGTERM)
        if self.keng.wait(timeout=60) != 0:
            raise SystemExit(f"keng did not stop in order: {self.keng.returncode}")
        config = ["--config", str(self.folder / "keng.yaml")]
        wrong = []

        def check(what, found, expected):
            if found != expected:
                wrong.append(f"{what}: found {found}, expected {expected}")

        refold = subprocess.run([self.args.keng, "incidents", "verify", *config], capture_output=True, text=True)
        check("a fold from empty", refold.returncode, 0)
        listed = subprocess.run([self.args.keng, "incidents", "list", "--all", "--format", "json", *config],
                                capture_output=True, text=True, check=True)
        incidents = [json.loads(line) for line in listed.stdout.splitlines()]
        found = collections.Counter((incident["topic"], incident["place"]) for incident in incidents)
        check("stories opened more than once", [story for story, count in found.items() if count > 1], [])
        check("set of stories", set(found), truth.ever)
        posts = {(incident["topic"], incident["place"]): incident["posts"] for incident in incidents}
        check("posts of each story", posts, truth.posts_by_story())

        ids = {incident["id"] for incident in incidents}
        for name, file in (("receiver", self.received), ("file", self.alerts)):
            alerts = {}
            sendings = 0
            for line in file.read_text().splitlines():
                alert = json.loads(line)
                sendings += 1
                alerts[alert["id"]] = alert
            opened = collections.Counter(a["subject"] for a in alerts.values() if a["type"].endswith("opened.v1"))
            check(f"incidents rung at the {name}", set(opened), ids)
            check(f"opened twice at the {name}", [i for i, n in opened.items() if n != 1], [])
            print(f"{name}: {len(alerts)} alerts, {sendings - len(alerts)} sent a second time with the same id")

        ingest = status["ingest"]
        check("lines", ingest["lines"], truth.counts["lines"])
        check("stored", ingest["stored"], truth.counts["stored"])
        check("duplicate", ingest["duplicate"], truth.counts["duplicate"])
        check("dropped", ingest["dropped"], truth.counts["broken"])
        filters = status["filters"]
        check("filters in", sum(filters["outcomes"].values()), ingest["stored"])
        alerting = status["alerting"]
        check("alerting in", alerting["joined"] + alerting["opened"] + alerting["duplicate"], filters["hits"])
        print(f"kills: {dict(self.kills)}")
        for line in wrong:
            print("WRONG", line[:2000])
        print(f"seed {self.args.seed}: {sum(self.kills.values())} kills, {lines} lines, {len(incidents)} incidents, "
              f"{len(wrong)} checks failed")
        return 1 if wrong else 0

    def close(self, failed):
        for process in (self.keng, self.receiver):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        if failed or self.args.keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=1, help="times that each named point is hit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    print(f"seed {args.seed}")
    run = Run(args)
    status = 1
    try:
        status = run.main()
    finally:
        run.close(status != 0)
    return status


if __name__ == "__main__":
    sys.exit(main())
