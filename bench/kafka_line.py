#!/usr/bin/env python3
"""The line over a real Kafka on this machine: a file in, three processes, incidents out.

  throughput  all lines are there at once; the first --warm-up-posts, while the broker compiles itself, do not count:
              then posts/s of --posts until every filter and the fold are done, CPU of each process
  latency     at each --rates: post to alert (append of the post to the channel's acceptance), p50 and p99, after
              --warm-up seconds of the same rate; beside it, where the time goes: mean ms of each step on the way

Beside it, in the same run, what producing the same lines costs alone: kcat with the same acks, idempotence and
compression. Starts and ends one broker and the processes; loopback only.

usage: bench/kafka_line.py [--keng build/release/keng] [--posts 500000] [--warm-up-posts 1000000] [--rates 5000,20000]
       [--seconds 20] [--warm-up 10]
"""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/kafka"))
sys.path.insert(0, str(ROOT / "tests/testkit"))

from broker import KafkaCluster  # noqa: E402
from ports import free_port  # noqa: E402

STAGES = ("alert", "filter", "ingest")
STEPS = {"ingest": ("keng_ingest_commit_seconds",), "filter": ("keng_filters_batch_seconds",),
         "alert": ("keng_alerting_batch_seconds", "keng_kafka_changelog_seconds", "keng_kafka_send_seconds",
                   "keng_post_to_alert_seconds")}
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Line:
    """Topics and processes of one measurement."""

    def __init__(self, args, kafka, name, work):
        self.args, self.kafka, self.folder = args, kafka, work / name
        self.folder.mkdir()
        self.posts = self.folder / "posts.ndjson"
        self.posts.touch()
        self.config = self.folder / "keng.yaml"
        self.rules = self.folder / "rules.yaml"
        self.ports = {stage: free_port() for stage in STAGES}
        extra = f", producer: {json.dumps(args.producer)}" if args.producer else ""
        self.config.write_text(f"""
data_dir: data
rules: [rules.yaml]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
streams: {{posts_partitions: {args.partitions}, kafka: {{bootstrap: "{kafka.bootstrap}", prefix: "{name}."{extra}}}}}
alerts: {{rings_per_cell_hour_max: 100000}}
sources:
  - {{name: bench, type: file, path: posts.ndjson, follow: true, purpose: bench, owner: bench, until: 2099-12-31}}
channels:
  - {{name: file, type: file, path: alerts.jsonl}}
cell_channels: {{"91": [file]}}
""")
        self.processes = {}
        self.make_posts(1, 0, subprocess.DEVNULL)
        (self.folder / "data").mkdir()
        for words in (("topics", "create"), ("keys", "make")):
            subprocess.run([args.keng, *words, "--config", self.config], check=True, stdout=subprocess.DEVNULL)

    def make_posts(self, count, rate, out):
        return subprocess.run([self.args.keng, "bench", "posts", "--posts", str(count), "--rate", str(rate), "--hits",
                               str(self.args.hits), "--home", ROOT, "--rules", self.rules], check=True, stdout=out)

    def start(self, stage):
        log = open(self.folder / f"{stage}.log", "a")
        self.processes[stage] = subprocess.Popen(
            [self.args.keng, stage, "--config", self.config, "--metrics-listen", f"127.0.0.1:{self.ports[stage]}"],
            stdout=log, stderr=log)

    def metrics(self, stage):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[stage]}/metrics", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            if self.processes[stage].poll() is not None:
                raise SystemExit(f"keng {stage} ended; see {self.folder}/{stage}.log")
            return ""

    def total(self, stage, name):
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.metrics(stage).splitlines()
                   if re.match(name + r"[{ ]", line))

    def filtered(self):
        return self.total("filter", "keng_filters_posts_total")

    def is_folded(self):
        hits = self.total("filter", "keng_filters_hits_total")
        return hits <= sum(float(line.rsplit(" ", 1)[1]) for line in self.metrics("alert").splitlines()
                           if re.match(r'keng_alerting_records_total\{outcome="(opened|joined|duplicate)"', line))

    def wait(self, holds, deadline_s):
        end = time.monotonic() + deadline_s
        while not holds():
            if time.monotonic() > end:
                raise SystemExit(f"not done after {deadline_s} s; see {self.folder}")
            time.sleep(0.02)

    def cpu(self):
        used = {stage: cpu_seconds(process.pid) for stage, process in self.processes.items()}
        used["broker"] = sum(cpu_seconds(pid) for pid in self.args.broker_pids)
        return used

    def buckets(self):
        """Upper bound in seconds -> alerts that took no longer, since the start."""
        sums = {}
        for line in self.metrics("alert").splitlines():
            match = re.match(r'keng_post_to_alert_seconds_bucket\{.*le="([^"]+)".*\} (\S+)', line)
            if match:
                bound = float("inf") if match[1] == "+Inf" else float(match[1])
                sums[bound] = sums.get(bound, 0) + float(match[2])
        return sums

    def steps(self):
        """Step on the way -> (count, seconds), since the start."""
        return {f"{stage}.{name}": (self.total(stage, f"{name}_count"), self.total(stage, f"{name}_sum"))
                for stage, names in STEPS.items() for name in names}

    def stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(timeout=60)


def produce_alone(args, kafka, lines):
    """Seconds and client CPU of kcat for the same lines: what a plain producer takes."""
    kafka.create_topic("plain", args.partitions, 1, {"max.message.bytes": "17825792"})
    before = os.times()
    begin = time.monotonic()
    subprocess.run(["kcat", "-P", "-b", kafka.bootstrap, "-t", "plain", "-l", "-X", "enable.idempotence=true", "-X",
                    "compression.codec=lz4", "-X", "batch.size=1000000", "-X", "batch.num.messages=10000", "-X",
                    "queue.buffering.max.messages=200000", "-X", "linger.ms=1", lines], check=True)
    seconds = time.monotonic() - begin
    after = os.times()
    kafka.delete_topic("plain")
    return seconds, after.children_user + after.children_system - before.children_user - before.children_system


def throughput(args, kafka, work):
    line = Line(args, kafka, "fast", work)
    lines = args.warm_up_posts + args.posts
    with open(line.posts, "wb") as out:
        line.make_posts(lines, 0, out)
    for stage in STAGES:
        line.start(stage)
    while not all(line.metrics(stage) for stage in STAGES):
        time.sleep(0.1)
    line.wait(lambda: line.filtered() >= args.warm_up_posts, 900)
    done = line.filtered()
    before, begin = line.cpu(), time.monotonic()
    line.wait(lambda: line.filtered() >= lines and line.is_folded(), 900)
    seconds = time.monotonic() - begin
    posts = lines - done
    used = line.cpu()
    line.stop()
    plain_s, plain_cpu = produce_alone(args, kafka, line.posts)
    return {"posts": round(posts), "posts_per_s": round(posts / seconds), "seconds": round(seconds, 2),
            "cpu_us_per_post": {name: round((value - before.get(name, 0)) * 1e6 / posts, 2)
                                for name, value in used.items()},
            "plain_produce_per_s": round(lines / plain_s),
            "plain_produce_cpu_us_per_post": round(plain_cpu * 1e6 / lines, 2),
            "ratio_to_plain_produce": round(plain_s / lines * posts / seconds, 3)}


def quantile(q, before, after):
    """Upper bound of the bucket in seconds, of what came between."""
    counts = {bound: count - before.get(bound, 0) for bound, count in after.items()}
    total = max(counts.values(), default=0)
    return next((bound for bound, count in sorted(counts.items()) if total and count >= q * total), None)


def latency(args, kafka, work, rate):
    line = Line(args, kafka, f"rate{rate}", work)
    for stage in STAGES:
        line.start(stage)
    while not all(line.metrics(stage) for stage in STAGES):
        time.sleep(0.1)
    time.sleep(5)
    posts = rate * (args.warm_up + args.seconds)
    with open(line.posts, "ab") as out:
        writer = threading.Thread(target=line.make_posts, args=(posts, rate, out))
        writer.start()
        time.sleep(args.warm_up)
        before, steps = line.buckets(), line.steps()
        writer.join()
    line.wait(lambda: line.filtered() >= posts and line.is_folded(), 120)
    time.sleep(1)
    after = line.buckets()
    result = {"rate": rate, "posts": rate * args.seconds, "alerts": max(after.values()) - max(before.values()),
              "p50_s_below": quantile(0.5, before, after), "p99_s_below": quantile(0.99, before, after),
              "mean_ms": {step: round(1000 * (seconds - steps[step][1]) / max(1, count - steps[step][0]), 2)
                          for step, (count, seconds) in line.steps().items()}}
    line.stop()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", default=str(ROOT / "build/release/keng"))
    parser.add_argument("--posts", type=int, default=500_000)
    parser.add_argument("--warm-up-posts", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--hits", type=float, default=0.01, help="share of posts that are reports")
    parser.add_argument("--rates", default="5000,20000")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--producer", type=json.loads, default={}, help="librdkafka settings of keng's producers")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keng-bench-") as folder:
        work = pathlib.Path(folder)
        with KafkaCluster(nodes=1, folder=work / "kafka", jvm=("-Xmx1g", "-Xms1g", "-XX:+UseParallelGC")) as kafka:
            args.broker_pids = [process.pid for process in kafka.processes.values()]
            if args.posts:
                print(json.dumps(throughput(args, kafka, work)), flush=True)
            for rate in filter(None, args.rates.split(",")):
                print(json.dumps(latency(args, kafka, work, int(rate))), flush=True)


if __name__ == "__main__":
    main()
