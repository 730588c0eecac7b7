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
import pathlib
import random
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testkit"))

import stories  # noqa: E402
from keng_process import ROOT, Failure, Keng, Receiver  # noqa: E402
from report_text import wards  # noqa: E402

CHUNK_LINES = 600
POINT_TRIES_MAX = 20


def config(receiver_port):
    return f"""
rules: [{HERE}/pack]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
metrics_listen: ""
streams: {{posts_partitions: 2}}
alerts: {{tick_interval: 1s, rings_per_cell_hour_max: 100000}}
sources:
  - {{name: crash, type: file, path: posts.ndjson, follow: true, purpose: crash test, owner: tests, until: 2099-12-31}}
channels:
  - {{name: file, type: file, path: alerts.jsonl}}
  - {{name: hook, type: webhook, url: "http://127.0.0.1:{receiver_port}/alerts", secret_file: secret,
      allow_private: true}}
cell_channels:
  "91": [file, hook]
"""


class CrashTest:
    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.keng = Keng(args.keng, "")
        self.receiver = Receiver(self.keng.folder)
        self.keng.config.write_text("data_dir: data\n" + config(self.receiver.port))
        self.posts = self.keng.folder / "posts.ndjson"
        self.posts.touch()
        self.kills = collections.Counter()
        self.tries = collections.Counter()
        self.lines = 0
        self.wrong = []

    def run(self):
        truth = stories.Input(self.args.seed, wards(), time.time() - 3600)
        plan = collections.deque((HERE / "points.txt").read_text().split() * self.args.rounds)
        self.keng.start()
        while plan or sum(self.kills.values()) < self.args.kills:
            self.append(truth.chunk(CHUNK_LINES), plan)
            while not self.keng.wait_idle(self.lines):
                self.reap("late point")
        self.verify(truth)
        return 1 if self.wrong else 0

    def append(self, chunk, plan):
        """Writes the chunk in three parts with a kill after each."""
        with open(self.posts, "a") as out:
            for start in range(0, len(chunk), 100):
                part = chunk[start:start + 100]
                out.write("".join(line + "\n" for line in part))
                out.flush()
                self.lines += len(part)
                if plan:
                    self.kill_at(plan)
                else:
                    time.sleep(self.rng.expovariate(1 / 0.12))
                    self.keng.kill()
                    self.kills["random"] += 1
                    self.keng.start()

    def kill_at(self, plan):
        point = plan.popleft()
        self.keng.kill()
        self.kills["between"] += 1
        self.keng.start(KENG_CRASH_POINT=point)
        try:
            self.keng.process.wait(timeout=5)
            self.reap(point)
        except subprocess.TimeoutExpired:  # these lines did not lead there; the next ones may
            self.tries[point] += 1
            if self.tries[point] >= POINT_TRIES_MAX:
                raise Failure(f"the crash point {point} never fired")
            plan.append(point)

    def reap(self, point):
        status = self.keng.process.wait()
        if status != -signal.SIGKILL:
            raise Failure(f"keng ended with {status} instead of dying; see {self.keng.log}")
        self.kills[point] += 1
        self.keng.start()

    def check(self, what, found, expected):
        if found != expected:
            self.wrong.append(f"{what}: found {found}, expected {expected}")

    def verify(self, truth):
        status = self.keng.status()
        self.keng.stop()
        refold = self.keng.command("incidents", "verify", check=False)
        self.check(f"a fold from empty ({refold.stdout.strip()} {refold.stderr.strip()})", refold.returncode, 0)
        incidents = self.keng.incidents()
        opened = collections.Counter((incident["topic"], incident["place"]) for incident in incidents)
        self.check("stories opened more than once", [story for story, count in opened.items() if count > 1], [])
        self.check("set of stories", set(opened), truth.ever)
        self.check("posts of each story", {(i["topic"], i["place"]): i["posts"] for i in incidents},
                   truth.posts_by_story())
        self.check_alerts("receiver", self.receiver.alerts(), incidents)
        in_file = [json.loads(line) for line in (self.keng.folder / "alerts.jsonl").read_text().splitlines()]
        self.check_alerts("file", in_file, incidents)

        ingest, filters, alerting = status["ingest"], status["filters"], status["alerting"]
        for outcome in ("lines", "stored", "duplicate"):
            self.check(f"ingest {outcome}", ingest[outcome], truth.counts[outcome])
        self.check("ingest dropped", ingest["dropped"], truth.counts["broken"])
        self.check("filters in", sum(filters["outcomes"].values()), ingest["stored"])
        self.check("alerting in", alerting["joined"] + alerting["opened"] + alerting["duplicate"], filters["hits"])

        print(f"kills: {dict(sorted(self.kills.items()))}")
        for line in self.wrong:
            print("WRONG", line[:2000])
        print(f"seed {self.args.seed}: {sum(self.kills.values())} kills, {self.lines} lines, {len(incidents)} "
              f"incidents, {len(self.wrong)} checks failed")

    def check_alerts(self, name, sendings, incidents):
        alerts = {alert["id"]: alert for alert in sendings}
        opened = collections.Counter(a["subject"] for a in alerts.values() if a["type"].endswith("opened.v1"))
        self.check(f"incidents rung at the {name}", set(opened), {incident["id"] for incident in incidents})
        self.check(f"opened twice at the {name}", [i for i, count in opened.items() if count != 1], [])
        print(f"{name}: {len(alerts)} alerts, {len(sendings) - len(alerts)} sent a second time with the same id")

    def close(self, keep):
        self.keng.close(keep)
        self.receiver.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=1, help="times that each named point is hit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    test = CrashTest(args)
    status = 1
    try:
        status = test.run()
    finally:
        test.close(args.keep or status != 0)
    return status


if __name__ == "__main__":
    sys.exit(main())
