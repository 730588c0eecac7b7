#!/usr/bin/env python3
"""The fault suite: runs the whole line over three real brokers, injects faults drawn from a seed while posts come in, and
then checks against a model that nothing was lost, doubled or left over (README.md here).

usage: chaos.py --keng build/release/keng [--seed 1] [--faults 100] [--minutes M] [--kinds A,B]
                [--keep] [--plan]
Prints a line a step and the figures last; exit status 0 only when every fault has shown and all checks hold. --plan prints
the steps and a digest of the input and does nothing. Talks to loopback only and ends only processes that it started.
"""
import argparse
import collections
import hashlib
import json
import pathlib
import resource
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "testkit"), str(HERE.parent / "kafka")]
import report_text  # noqa: E402
import schedule  # noqa: E402
from broker import KafkaFailure  # noqa: E402
from checks import Checks  # noqa: E402
from faults import KINDS  # noqa: E402
from keng_process import Failure  # noqa: E402
from line import POSTS_PARTITIONS, SOURCES, Line, own_namespace  # noqa: E402
from truth import PHRASES, Truth  # noqa: E402
from wire import WireError  # noqa: E402

SUMMARY_EVERY = 25
IDLE_S = 180
SLICES = 8             # in which the input of a step comes
STORY_EVERY_MIN = 60   # lines
MINUTES_FIRST, MINUTES_A_FAULT = 10, 0.5
TROUBLE = (Failure, KafkaFailure, WireError, OSError)


def make_truth(seed, steps):
    """Stories are told slowly enough to last for the run."""
    wards = report_text.wards()
    every = max(STORY_EVERY_MIN, schedule.lines_total(steps) * 5 // (4 * len(wards) * len(PHRASES)))
    return Truth(seed, wards, SOURCES, POSTS_PARTITIONS, every)


def plan(seed, steps):
    truth, digest = make_truth(seed, steps), hashlib.sha256()
    for step in steps:
        print(step)
        for kind, params in step.faults:
            for source, text in KINDS[kind](**params).lines(truth):
                digest.update(f"{source} {text}\n".encode())
        for source, text in truth.lines(step.lines):
            digest.update(f"{source} {text}\n".encode())
    print(f"seed {seed}: {sum(len(step.faults) for step in steps)} faults, {truth.lines_total()} lines, "
          f"input {digest.hexdigest()[:16]}")


class Chaos:
    def __init__(self, args, line, steps):
        self.args, self.line, self.steps = args, line, steps
        self.truth = make_truth(args.seed, steps)
        self.fired = collections.Counter()
        self.unavailable = collections.Counter()
        self.wrong = []
        self.injected = 0
        self.began = time.monotonic()

    def run(self):
        minutes = self.args.minutes or MINUTES_FIRST + MINUTES_A_FAULT * self.args.faults
        self.line.append(self.truth.lines(200))
        reported = 0
        for number, step in enumerate(self.steps, 1):
            if time.monotonic() - self.began > minutes * 60:
                self.wrong.append(f"only {self.injected} of {self.args.faults} faults in {minutes:.0f} minutes")
                break
            self.step(number, step)
            if self.injected // SUMMARY_EVERY > reported:
                reported = self.injected // SUMMARY_EVERY
                self.summary()
        self.finish()
        return 1 if self.wrong else 0

    # --- a step ---

    def step(self, number, step):
        started = time.monotonic()
        faults = []
        for kind, params in step.faults:
            fault = KINDS[kind](**params)
            own_lines = fault.lines(self.truth)
            why = fault.unavailable(self.line)
            if why:
                self.unavailable[kind] += 1
                print(f"NOT AVAILABLE here: {kind}: {why}", flush=True)
            elif self.tried(kind, "begin", fault.begin):
                faults.append((kind, fault))
            else:
                self.tried(kind, "heal", fault.heal)
            self.injected += 1
            self.line.append(own_lines)
        self.feed(step, [fault for _, fault in faults])
        proofs = []
        for kind, fault in sorted(faults, key=lambda one: one[1].shows_in_alerts):
            proof = self.tried(kind, "prove", fault.prove)
            self.tried(kind, "heal", fault.heal)
            if proof:
                after = self.tried(kind, "healed", fault.healed)
                proofs.append(f"{kind}: {proof}{', ' + after if after and after is not True else ''}")
                self.fired[kind] += 1
        print(f"{number:4} {time.monotonic() - self.began:6.1f} s {'; '.join(proofs)} "
              f"({time.monotonic() - started:.1f} s)", flush=True)
        crashes = len(self.line.crashes)
        self.line.check_alive()
        for crash in self.line.crashes[crashes:]:
            print(f"CRASH {crash}", flush=True)
        time.sleep(step.pause_s)

    def tried(self, kind, what, call):
        """What the call returns, True for nothing; False when it failed, which is noted."""
        try:
            return call(self.line) or True
        except TROUBLE as failure:
            self.wrong.append(f"{kind}: {what}: {failure}")
            print(f"WRONG {self.wrong[-1]}", flush=True)
            return False

    def feed(self, step, faults):
        lines = self.truth.lines(step.lines)
        size = -(-len(lines) // SLICES)
        end = time.monotonic() + step.hold_s
        for at in range(SLICES):
            self.line.append(lines[at * size:(at + 1) * size])
            for fault in faults:
                fault.tend(self.line)
            time.sleep(max(0, (end - time.monotonic()) / (SLICES - at)))

    def summary(self):
        alerts = {name: len({alert["id"] for alert in receiver.alerts()})
                  for name, receiver in self.line.receivers.items()}
        print(f"==== {self.injected} faults, {sum(self.fired.values())} fired, {self.truth.lines_total()} lines, alerts "
              f"{alerts}, deaths {dict(self.line.deaths)}, given up at their start {dict(self.line.given_up)}, crashes {len(self.line.crashes)}, wrong {len(self.wrong)}, "
              f"{time.monotonic() - self.began:.0f} s", flush=True)

    # --- the end ---

    def finish(self):
        self.line.append(self.truth.drained())
        self.line.heal()
        status = None
        checks = None
        try:
            status = self.wait_idle()
            self.check_rules()
            self.line.check_alive()
            self.line.stop()
            checks = Checks(self.line, self.truth, status)
            checks.run()
            self.wrong += checks.wrong
        except TROUBLE as failure:
            self.wrong.append(str(failure))
        if self.line.given_up:
            print(f"started again after they gave up at their start: {dict(self.line.given_up)}")
        self.wrong += self.line.crashes + self.line.told_after_stop
        self.report(checks)

    def check_rules(self):
        """Every filter that runs has the rules in force. The extra ones of a storm are gone, and known to be behind."""
        told = self.line.command("rules", "status", "--format", "json", check="").stdout
        states = {one["instance"]: one["state"] for one in map(json.loads, told.splitlines()) if "instance" in one}
        for process in self.line.of("filter"):
            found = [state for instance, state in states.items() if instance.endswith(f"filter-{process.name}")]
            if found != ["current"]:
                self.wrong.append(f"{process.name} does not run the rules in force: {found}; {told[-1000:]}")

    def wait_idle(self):
        end = time.monotonic() + IDLE_S
        status = None
        while time.monotonic() < end:
            status = self.line.status() or status
            if status and status["idle"] and status["ingest"]["lines"] == self.truth.lines_total():
                print(f"idle {IDLE_S - (end - time.monotonic()):.1f} s after the last fault", flush=True)
                return status
            self.line.check_alive()
            time.sleep(0.5)
        self.wrong.append(f"not idle within {IDLE_S} s: {json.dumps(status)}, {self.truth.lines_total()} lines came in")
        if status is None:
            raise Failure("keng top never answered")
        return status

    def report(self, checks):
        for note in checks.notes if checks else []:
            print(note)
        for kind in KINDS:
            if self.fired[kind] or self.unavailable[kind]:
                missing = f", {self.unavailable[kind]} NOT AVAILABLE on this machine" if self.unavailable[kind] else ""
                print(f"  {kind:16} {self.fired[kind]} fired{missing}")
        for wrong in self.wrong:
            print("WRONG", wrong[:3000])
        by_kind = ", ".join(f"{kind} {count}" for kind, count in sorted(self.fired.items()))
        told = (f"{checks.incident_count} incidents, {checks.alerts} alerts, {checks.again} second sendings over "
                f"{checks.takeovers} moves, {checks.difference} conservation difference, " if checks else "")
        print(f"seed {self.args.seed}: {sum(self.fired.values())} faults ({by_kind}), {self.truth.lines_total()} lines, "
              f"{told}{len(self.wrong)} checks failed", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", default=str(HERE.parent.parent / "build/release/keng"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--minutes", type=float, help="fail when it takes longer (default: 10 and half a one a fault)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="only faults of these kinds")
    parser.add_argument("--keep", action="store_true", help="keep the folder also when all is well")
    parser.add_argument("--plan", action="store_true", help="print what would be done")
    args = parser.parse_args()
    kinds = args.kinds.split(",")
    if set(kinds) - set(KINDS):
        parser.error(f"kinds are {', '.join(KINDS)}")
    steps = schedule.make(args.seed, args.faults, kinds)
    if args.plan:
        plan(args.seed, steps)
        return 0
    no_disks = own_namespace()
    # Whoever crashes leaves a core in its folder, where the system writes them to the working one.
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="keng-chaos-"))
    print(f"seed {args.seed}, {args.faults} faults, in {folder}", flush=True)
    if no_disks:
        print(f"NOT AVAILABLE here: small disks, so no disk_full: {no_disks}", flush=True)
    status = 1
    try:
        with Line(args.keng, folder, args.seed, no_disks) as line:
            status = Chaos(args, line, steps).run()
    except TROUBLE as failure:
        print(f"WRONG {failure}\nseed {args.seed}: the run broke off", flush=True)
    finally:
        if args.keep or status != 0:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
