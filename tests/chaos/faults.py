"""The faults, one class a kind. A fault is made from its parameters, which the schedule draws from the seed, and then

    begin(line)   injects it
    tend(line)    is called again and again while it lasts
    prove(line)   says in words what shows that it fired, seen from outside of keng where that is possible; raises NotFired
    heal(line)    ends it; always called
    healed(line)  says what shows that it was over again, or ""; raises NotFired

in this order. `hold` is how long it lasts, in seconds; `touches` what two faults at once must not share; `weight` how often
it is drawn; `shows_in_alerts` that the proof waits for an alert, so that it comes when the other fault of the step is over.
A new fault is one class and its name in KINDS.
"""
import contextlib
import errno
import json
import os
import signal

import wire
from keng_process import Failure
from line import BROKER_SESSION_S, BROKERS, CHANNELS, COUNTS, SESSION_S, process_state

DRAIN_S = 30   # for what a fault needs until it shows
QUIET_S = 10   # after which nobody speaks to a broker
STAGES = tuple(COUNTS)
RETRIES = "keng_stage_retries_total"  # of a process: steps that were refused


class NotFired(Failure):
    """A fault that was injected and of which nothing shows."""


class Fault:
    weight = 1
    hold = (0.3, 2.0)
    touches = frozenset()
    shows_in_alerts = False

    def __init__(self, **params):
        self.params = params
        for name, value in params.items():
            setattr(self, name, value)

    @staticmethod
    def draw(rng):
        """The parameters of one fault of this kind."""
        return {}

    def unavailable(self, line):
        """Why this machine cannot have it, or ""."""
        return ""

    def lines(self, truth):
        """Input of its own, which is appended when it has begun: part of the seed's input, so it depends on nothing
        else. Called before begin()."""
        return []

    def begin(self, line):
        raise NotImplementedError

    def tend(self, line):
        pass

    def prove(self, line):
        raise NotImplementedError

    def heal(self, line):
        pass

    def healed(self, line):
        return ""

    def wait(self, line, what, holds, deadline_s=DRAIN_S):
        try:
            return line.wait(what, holds, deadline_s)
        except Failure as failure:
            raise NotFired(str(failure)) from None

    def need_running(self, line, process):
        """One that gave up at its start, while a broker was away, is started again first."""
        def runs():
            line.check_alive()
            return process.running()
        self.wait(line, f"{process.name} runs", runs)


class BringsStory:
    """A story of its own, so that there is something to deliver. `story` is its topic and place; None when all stories have
    been told."""

    def lines(self, truth):
        line = truth.ring()
        self.story = truth.stories[-1].key if line else None
        return [line] if line else []


# --- processes ---

class Kill(Fault):
    """kill -9 of one process of a stage, of the inbox's owner, or of all of a stage; started again afterwards."""
    stage = ""
    touches = frozenset({"process"})

    @classmethod
    def draw(cls, rng):
        which = [f"{cls.stage}-{index + 1}" for index in range(COUNTS[cls.stage])]
        return {"target": rng.choice(which * 3 + ["all"] + (["owner"] * 6 if cls.stage == "alert" else []))}

    def victims(self, line):
        if self.target == "all":
            return line.of(self.stage)
        return [line.owner()] if self.target == "owner" else [line.processes[self.target]]

    def begin(self, line):
        self.killed = self.victims(line)
        for process in self.killed:
            self.need_running(line, process)
        self.signals = [process.kill() for process in self.killed]
        line.deaths[self.stage] += len(self.killed)

    def prove(self, line):
        if any(status != -signal.SIGKILL for status in self.signals):
            raise NotFired(f"ended with {self.signals}")
        return " ".join(f"{process.name} died of signal 9" for process in self.killed)

    def heal(self, line):
        for process in self.killed:
            process.start()


class KillIngest(Kill):
    stage, weight, hold = "ingest", 8, (0.1, 2.0)


class KillFilter(Kill):
    stage, weight, hold = "filter", 8, (0.1, 2.0)


class KillAlert(Kill):
    stage, weight, hold = "alert", 12, (0.1, 2.0)


class Stop(Fault):
    """SIGSTOP for longer than the session: the others take over, and then the zombie goes on where it stood."""
    stage = ""
    hold = (SESSION_S + 1.5, SESSION_S + 3.0)
    touches = frozenset({"process", "broker", "net", "groups"})

    @classmethod
    def draw(cls, rng):
        which = [f"{cls.stage}-{index + 1}" for index in range(COUNTS[cls.stage])]
        return {"target": rng.choice(["owner", "owner", *which] if cls.stage == "alert" else which)}

    def begin(self, line):
        self.process = line.owner() if self.target == "owner" else line.processes[self.target]
        self.need_running(line, self.process)
        self.held = line.holders().get(self.process.name, [])
        self.process.suspend()
        self.wait(line, "stopped", lambda: process_state(self.process.process.pid) == {"T"}, 5)

    def prove(self, line):
        states = process_state(self.process.process.pid)
        if states != {"T"}:
            raise NotFired(f"{self.process.name}: threads in states {states}")
        # Nobody has been told by itself that it is gone: only the session's end shows it.
        self.wait(line, f"{self.process.name} is put out of its groups",
                  lambda: self.process.name not in line.holders())
        return f"{self.process.name} in state T and put out of its groups; it held {len(self.held)} partitions"

    def heal(self, line):
        self.process.resume()

    def healed(self, line):
        self.wait(line, f"{self.process.name} goes on",
                  lambda: not self.process.running() or "T" not in process_state(self.process.process.pid), 5)
        return ""


class StopIngest(Stop):
    stage, weight = "ingest", 2


class StopFilter(Stop):
    stage, weight = "filter", 2


class StopAlert(Stop):
    stage, weight = "alert", 4


class RebalanceStorm(Fault):
    """Members that come and go quickly: started one after the other, some ended by kill -9, some in order."""
    weight, hold = 3, (4.0, 6.0)
    touches = frozenset({"process", "groups", "broker", "net"})

    @staticmethod
    def draw(rng):
        return {"stage": rng.choice(STAGES), "count": rng.choice([2, 3]),
                "ends": [rng.choice(["kill", "stop"]) for _ in range(3)]}

    def begin(self, line):
        self.extras, self.seen = [], set()
        for _ in range(self.count):
            self.extras.append(line.extra(self.stage))

    def look(self, line):
        with contextlib.suppress(Exception):
            self.seen |= set(line.holders()) & {extra.name for extra in self.extras}

    def tend(self, line):
        self.look(line)

    def prove(self, line):
        def all_seen():
            self.look(line)
            return len(self.seen) == self.count
        self.wait(line, f"{self.count} members of {self.stage} more, seen {sorted(self.seen)}", all_seen)
        return f"members {' '.join(sorted(self.seen))} came"

    def heal(self, line):
        for extra, end in zip(self.extras, self.ends):
            if not extra.running() and not (extra.process.returncode == 1 and not extra.came_up()):
                line.crashes.append(f"{extra.name} ended by itself with {extra.process.returncode}: {extra.log_tail()}")
            elif not extra.running():
                line.given_up[extra.name] += 1
            elif end == "kill":
                extra.kill()
                line.deaths[self.stage] += 1
            else:
                try:
                    extra.stop()
                except Failure as failure:
                    line.told_after_stop.append(str(failure))


# --- brokers ---

def led_by(line, node):
    """{(topic, partition)} that `node` leads."""
    _, topics = wire.metadata(line.cluster.any_port())
    return {(name, one.index) for name, partitions in topics.items() for one in partitions if one.leader == node}


class BrokerFault(Fault):
    touches = frozenset({"broker", "net", "groups"})

    @staticmethod
    def draw(rng):
        return {"node": rng.randrange(BROKERS) + 1}

    def moved_away(self, line):
        self.wait(line, f"others lead what broker {self.node} led",
                  lambda: not led_by(line, self.node) & self.led)
        return f"{len(self.led)} partitions have another leader"


class BrokerKill(BrokerFault):
    """kill -9 of a broker; started again, and the replicas catch up before the next one."""
    weight, hold = 3, (1.0, 4.0)

    def begin(self, line):
        self.led = led_by(line, self.node)
        process = line.cluster.processes[self.node]
        line.cluster.kill(self.node)
        self.status = process.returncode

    def prove(self, line):
        if self.status != -signal.SIGKILL:
            raise NotFired(f"broker {self.node} ended with {self.status}")
        return f"broker {self.node} died of signal 9, {self.moved_away(line)}"

    def heal(self, line):
        line.cluster.restart(self.node)
        line.cluster.wait_in_sync()


class BrokerStop(BrokerFault):
    """SIGSTOP of a broker until the controller has given it up; its connections stay open and say nothing."""
    weight, hold = 2, (BROKER_SESSION_S + 1.0, BROKER_SESSION_S + 3.0)

    def begin(self, line):
        self.led = led_by(line, self.node)
        line.cluster.suspend(self.node)

    def prove(self, line):
        states = process_state(line.cluster.processes[self.node].pid)
        if states != {"T"}:
            raise NotFired(f"broker {self.node}: threads in states {states}")
        return f"broker {self.node} in state T, {self.moved_away(line)}"

    def heal(self, line):
        line.cluster.resume(self.node)
        line.cluster.wait_ready()
        line.cluster.wait_in_sync()


class LeadersMove(Fault):
    weight, hold = 6, (0.2, 1.0)
    touches = frozenset({"broker"})

    def begin(self, line):
        self.moves = line.cluster.move_leaders()

    def prove(self, line):
        if not self.moves:
            raise NotFired("no leader moved")
        return f"{len(self.moves)} leaders moved"


# --- the way between keng and the brokers ---

class NetFault(Fault):
    """Of the connections to one broker, or to all."""
    counter = ""
    touches = frozenset({"net", "broker"})

    @classmethod
    def draw(cls, rng):
        return {"node": rng.choice([0, 1, 1, 2, 2, 3, 3])} | cls.more(rng)

    @staticmethod
    def more(rng):
        return {}

    def fired(self):
        return sum(proxy.fired.get(self.counter, 0) for proxy in self.proxies)

    def begin(self, line):
        self.put_upon([line.proxies[self.node]] if self.node else list(line.proxies.values()))

    def put_upon(self, proxies):
        self.proxies = proxies
        self.before = self.fired()
        for proxy in proxies:
            self.inject(proxy)

    def prove(self, line):
        try:
            self.show(line, QUIET_S if self.node else DRAIN_S)
        except NotFired:
            if not self.node:
                raise
            # A broker that was away leads nothing, and nobody may have a word for it.
            self.node = 0
            self.put_upon(list(line.proxies.values()))
            self.show(line, DRAIN_S)
        where = f"on the way to broker {self.node}" if self.node else "on all ways"
        return f"{self.fired() - self.before} times {self.counter} {where}"

    def show(self, line, deadline_s):
        self.wait(line, f"{self.counter} of the connections to {'broker %d' % self.node if self.node else 'all brokers'}",
                  lambda: self.fired() > self.before, deadline_s)

    def heal(self, line):
        for proxy in self.proxies:
            proxy.clear()


class NetReset(NetFault):
    weight, hold, counter = 5, (0.0, 0.5), "reset"

    def inject(self, proxy):
        proxy.reset()


class NetCut(NetFault):
    """Connections that end inside of a frame."""
    weight, hold, counter = 6, (0.5, 2.0), "cut"

    @staticmethod
    def more(rng):
        return {"within": rng.choice([40, 400, 4000, 40000]), "times": rng.randrange(1, 5)}

    def inject(self, proxy):
        proxy.cut(self.within, self.times)


class NetStall(NetFault):
    """No byte passes and no FIN; longer than the session now and then."""
    weight, hold, counter = 5, (1.0, 4.0), "stall"

    def inject(self, proxy):
        proxy.stall()


class NetStallLong(NetStall):
    weight, hold = 1, (SESSION_S + 1.0, SESSION_S + 3.0)
    touches = frozenset({"net", "broker", "groups"})


class NetStrand(BringsStory, NetFault):
    """The connections to a broker that are open lose all bytes from here on and never see a FIN; whoever needs one has to
    give it up and open another. A story that comes then rings all the same. Some wait for one another, so that it would
    take minutes with librdkafka's own 60 s for each."""
    weight, hold, counter = 2, (0.5, 2.0), "strand"
    touches = frozenset({"net", "broker", "groups", "process", "receiver"})

    @classmethod
    def draw(cls, rng):
        return {"node": rng.randrange(BROKERS) + 1}

    def inject(self, proxy):
        proxy.strand()

    def healed(self, line):
        if self.story is None:
            return ""
        self.wait(line, f"the alert of {' in '.join(self.story)}, over new connections", lambda: line.has_rung(self.story), 120)
        return "and its story rang over new ones"


class NetDrip(NetFault):
    weight, hold, counter = 4, (1.0, 3.0), "drip"

    @staticmethod
    def more(rng):
        return {"rate": rng.choice([500, 5000, 50000])}

    def inject(self, proxy):
        proxy.drip(self.rate)


class NetDelay(NetFault):
    weight, hold, counter = 3, (1.0, 3.0), "delay"

    @staticmethod
    def more(rng):
        return {"seconds": rng.choice([0.05, 0.3, 1.0])}

    def inject(self, proxy):
        proxy.delay(self.seconds)


class NetRefuse(NetFault):
    """What is open is reset, and new connections are for a while."""
    weight, hold, counter = 4, (1.0, 3.0), "refuse"

    def inject(self, proxy):
        proxy.refuse()
        proxy.reset()


# --- receivers ---

class ReceiverFault(BringsStory, Fault):
    touches = frozenset({"receiver"})

    @classmethod
    def draw(cls, rng):
        return {"channel": rng.choice(CHANNELS)} | cls.more(rng)

    @staticmethod
    def more(rng):
        return {}


class ReceiverFails(ReceiverFault):
    """500, 429, no answer at all, or a good answer that comes late. Shows when an alert comes, so brokers are in reach."""
    weight, hold = 6, (1.0, 3.0)
    touches = frozenset({"receiver", "net", "broker"})
    shows_in_alerts = True

    @staticmethod
    def more(rng):
        return {"mode": rng.choice(["500", "500", "429", "stall", "slow"])}

    def met(self, line):
        log = line.receivers[self.channel].log
        text = log.read_text() if log.exists() else ""
        return sum(one.startswith("failing ") and one.endswith(f": {self.mode}") for one in text.splitlines())

    def begin(self, line):
        self.before = self.met(line)
        (line.folder / self.channel / "mode").write_text(self.mode)

    def prove(self, line):
        self.wait(line, f"a delivery meets {self.channel} in mode {self.mode}", lambda: self.met(line) > self.before, 60)
        return f"{self.met(line) - self.before} deliveries met {self.channel} in mode {self.mode}"

    def heal(self, line):
        (line.folder / self.channel / "mode").write_text("")


class ReceiverKill(ReceiverFault):
    weight, hold = 3, (0.5, 2.0)

    def begin(self, line):
        receiver = line.receivers[self.channel]
        receiver.process.send_signal(signal.SIGKILL)
        self.status = receiver.process.wait()

    def prove(self, line):
        if self.status != -signal.SIGKILL:
            raise NotFired(f"the receiver ended with {self.status}")
        return f"{self.channel} died of signal 9"

    def heal(self, line):
        line.receivers[self.channel].start()


# --- the disk ---

class DiskFull(Fault):
    """The disks of all alerting processes have no byte left, however their files shrink and grow meanwhile. These have
    room inside for a while, so the inbox's owner is also started again: to open its state it must write, or who takes
    over from it."""
    weight, hold = 2, (1.0, 3.0)
    touches = frozenset({"process", "groups", "net", "broker"})

    def unavailable(self, line):
        return line.no_disks

    def begin(self, line):
        self.processes = line.of("alert")
        self.refusals_of_disk = 0
        self.fillers = [open(process.disk() / "filler", "ab", buffering=0) for process in self.processes]
        self.before = {process.name: (process.log_begin, self.meetings(process)) for process in self.processes}
        owner = line.owner()
        self.tend(line)
        owner.kill()
        line.deaths["alert"] += 1
        self.tend(line)
        owner.start()

    def tend(self, line):
        for filler in self.fillers:
            try:
                while True:
                    filler.write(bytes(65536))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                self.refusals_of_disk += 1
            with contextlib.suppress(OSError):  # the rest, smaller than a piece
                while True:
                    filler.write(b"\0" * 512)

    @staticmethod
    def meetings(process):
        """How often it has said so since it was started."""
        return process.said().count(os.strerror(errno.ENOSPC))

    def has_met(self, process):
        begin, before = self.before[process.name]
        return (self.meetings(process) > (before if process.log_begin == begin else 0)
                and process.metrics()[RETRIES] > 0)

    def prove(self, line):
        if not self.refusals_of_disk:
            raise NotFired("the disks took everything")

        def met():
            self.tend(line)
            return [process for process in self.processes if self.has_met(process)]
        process = self.wait(line, "the inbox's owner meets its full disk", met)[0]
        return f"ENOSPC on the disk of {process.name}, which says so and counts it in {RETRIES}"

    def heal(self, line):
        for process, filler in zip(self.processes, self.fillers):
            filler.close()
            (process.disk() / "filler").unlink()

    def healed(self, line):
        rooms = [os.statvfs(process.disk()) for process in self.processes]
        return f"{min(room.f_bavail * room.f_frsize for room in rooms) >> 20} MiB free again"


# --- rules and input ---

class Publish(Fault):
    """Rules that differ from those in force by one that matches nothing."""
    weight, hold = 4, (0.2, 1.0)
    touches = frozenset({"net", "broker", "groups"})

    @staticmethod
    def draw(rng):
        return {"number": rng.randrange(10**6)}

    def version(self, line):
        told = line.command("rules", "status", "--format", "json", check="")
        for text in told.stdout.splitlines():
            with contextlib.suppress(ValueError):
                found = json.loads(text)
                if "current" in found:
                    return found["current"]
        return None

    def begin(self, line):
        pack = line.folder / "published"
        pack.mkdir(exist_ok=True)
        for name in ("pack.yaml", "reports.yaml"):
            (pack / name).write_bytes((line.rules / name).read_bytes())
        (pack / "nothing.yaml").write_text(f"""rules:
  - id: chaos-nothing
    topic: drugs
    title: {{vi: Không, en: Nothing}}
    place: required
    any: [kẻng số {self.number} đánh]
    tests: {{match: [{{text: "kẻng số {self.number} đánh ở phường Long Xuyên, An Giang"}}], no_match: [kẻng thôi]}}
""")
        self.before = self.version(line)
        line.command("rules", "publish", "--rules", str(pack))
        self.after = self.version(line)

    def prove(self, line):
        if self.after is None or self.after == self.before:
            raise NotFired(f"the published version stayed {self.before}")
        return f"{self.after} is in force after {self.before}"


class Burst(Fault):
    """Many lines at once, with all the repetitions and late originals that so many have."""
    weight, hold = 3, (0.2, 1.0)
    touches = frozenset({"input"})

    @staticmethod
    def draw(rng):
        return {"count": rng.choice([500, 1000, 2000])}

    def lines(self, truth):
        self.made = truth.lines(self.count)
        texts = [text for _, text in self.made]
        self.repeated = len(texts) - len(set(texts))
        return self.made

    def begin(self, line):
        pass

    def prove(self, line):
        if len(self.made) != self.count:
            raise NotFired("no lines")
        return f"{self.count} lines at once, {self.repeated} of them repeated"


class TornLine(Fault):
    """A writer that stops in the middle of a line and ends it later."""
    weight, hold = 2, (0.5, 2.0)
    touches = frozenset({"input", "torn"})

    @staticmethod
    def draw(rng):
        return {"part": rng.random()}

    def lines(self, truth):
        self.source, self.text = truth.lines(1)[0]
        return []

    def begin(self, line):
        data = self.text.encode() + b"\n"
        at = min(len(data) - 1, max(1, int(len(data) * self.part)))
        self.rest = data[at:]
        self.path = line.source_file(self.source)
        line.hold(self.source)
        with open(self.path, "ab") as out:
            out.write(data[:at])
        self.torn_at = self.path.stat().st_size

    def prove(self, line):
        if self.path.stat().st_size != self.torn_at or self.path.read_bytes()[-1:] == b"\n":
            raise NotFired("the line was ended before its time")
        return f"{self.path.name} ended inside of a line, {len(self.rest)} bytes short"

    def heal(self, line):
        with open(self.path, "ab") as out:
            out.write(self.rest)
        line.lines_written += 1
        line.release(self.source)


KINDS = {
    "kill_ingest": KillIngest, "kill_filter": KillFilter, "kill_alert": KillAlert,
    "stop_ingest": StopIngest, "stop_filter": StopFilter, "stop_alert": StopAlert,
    "rebalance_storm": RebalanceStorm,
    "broker_kill": BrokerKill, "broker_stop": BrokerStop, "leaders_move": LeadersMove,
    "net_reset": NetReset, "net_cut": NetCut, "net_stall": NetStall, "net_stall_long": NetStallLong,
    "net_strand": NetStrand, "net_drip": NetDrip, "net_delay": NetDelay, "net_refuse": NetRefuse,
    "receiver_fails": ReceiverFails, "receiver_kill": ReceiverKill,
    "disk_full": DiskFull, "publish": Publish, "burst": Burst, "torn_line": TornLine,
}
