#!/usr/bin/env python3
"""A real Apache Kafka (KRaft) of one or three nodes on loopback, for tests and development.

In a test:

    with KafkaCluster(nodes=3) as kafka:      # started and ready; gone, with its data, at the end of the block
        kafka.create_topic("posts", partitions=3)
        kafka.kill(2)
        kafka.restart(2)

From a shell, a cluster that stays until it is told to go:

    broker.py up --folder F [--nodes 3] [--port P] [--security sasl_ssl] [--address-file A] [--while-alive parent|PID]
    broker.py status|down --folder F

Each node has three listeners: CLIENT, which `bootstrap` names, which `security` is about and whose advertised address
can be a fault proxy's; INTERNAL (plain) for replication and for this module; CONTROLLER. So a fault on the way of the
clients is not one between the brokers.

No broker outlives the process that started it: it is killed by the kernel (PR_SET_PDEATHSIG). `up` leaves a keeper
process, which is the parent of the brokers, and `down` ends that one.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "testkit")]
import certificates  # noqa: E402
import jars  # noqa: E402
import wire  # noqa: E402
from ports import free_port  # noqa: E402

CLUSTER_ID = "a2VuZy10ZXN0cy1rYWZrYQ"
READY_S = 120
STOP_S = 20
STARTS_MAX = 3
USER, PASSWORD = "keng", "keng-tests-only"
SECURITY = {None: "PLAINTEXT", "ssl": "SSL", "mtls": "SSL", "sasl_ssl": "SASL_SSL"}
# One heap for all: the 20 MiB messages of the tests want some room. The first compiler alone takes a third off the
# processor time of a start; a benchmark passes a `jvm` of its own.
JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
LOG4J = """log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n
"""


class KafkaFailure(Exception):
    """The cluster is not as asked; the message says where to look."""


def started_ticks(pid):
    """When the process began, in clock ticks since boot; None when there is none. With the pid, a name for good."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2:].split()
    return None if fields[0] == "Z" else int(fields[19])


def cluster_properties(nodes):
    """What all nodes share. Small and quick, and nothing that a test sees goes by itself: topics keep their records
    unless they say otherwise (a corpus of last year would be past the default retention), leaders move when told to."""
    replicas = min(nodes, 3)
    return {
        "auto.create.topics.enable": "false",
        "auto.leader.rebalance.enable": "false",
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 6000,
        "default.replication.factor": replicas,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "log.cleaner.backoff.ms": 200,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "log.cleaner.min.cleanable.ratio": 0.01,
        "log.index.size.max.bytes": 2 << 20,
        "log.initial.task.delay.ms": 500,
        "log.retention.check.interval.ms": 1000,
        "log.retention.ms": -1,
        "log.segment.delete.delay.ms": 1000,
        "message.max.bytes": 20 << 20,
        "min.insync.replicas": max(1, replicas - 1),
        "num.io.threads": 4,
        "num.network.threads": 2,
        "num.partitions": 1,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": replicas,
        "replica.fetch.max.bytes": 20 << 20,
        "replica.fetch.response.max.bytes": 20 << 20,
        "replica.lag.time.max.ms": 5000,
        "transaction.state.log.min.isr": max(1, replicas - 1),
        "transaction.state.log.num.partitions": 2,
        "transaction.state.log.replication.factor": replicas,
    }


class KafkaCluster:
    """`nodes` brokers that are controllers too, with the ids 1, 2, ...

    folder     data, configuration and logs (node1/broker.log). None: a temporary one that close() removes.
    ports      the CLIENT ports, in the order of the ids. None: free ones, others when they are taken at the start.
    overrides  broker properties over cluster_properties().
    security   None, "ssl" (the server's certificate), "mtls" (the client's too) or "sasl_ssl" (SCRAM-SHA-256, also
               SCRAM-SHA-512 and PLAIN; `user` and `password`). `client_config()` has what a client needs.
    jvm        flags of the JVM in place of JVM.
    loggers    {logger: level} of the brokers' logs over "only warnings".

    To be used from one thread at a time. Whatever waits raises KafkaFailure after its deadline in seconds.
    """

    def __init__(self, nodes=1, folder=None, ports=None, overrides=None, security=None, jvm=JVM, loggers=None):
        if security not in SECURITY:
            raise ValueError(f"security is one of {list(SECURITY)}")
        if ports and len(ports) != nodes:
            raise ValueError("as many ports as nodes")
        self.ids = list(range(1, nodes + 1))
        self.temporary = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="keng-kafka-")).resolve()
        self.given_ports = list(ports) if ports else None
        self.overrides = dict(overrides or {})
        self.security = security
        self.jvm = list(jvm)
        self.loggers = dict(loggers or {})
        self.advertised = {}
        self.processes = {}
        self.suspended = set()
        # The kernel's "parent" of PR_SET_PDEATHSIG is a thread; this one lives as long as the cluster.
        self.starter = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-starter")
        secrets = self.folder / "certificates"
        self.user, self.password = (USER, PASSWORD) if security == "sasl_ssl" else (None, None)
        self.ca_file = secrets / "ca.pem" if security else None
        self.client_cert = secrets / "client.pem" if security == "mtls" else None
        self.client_key = secrets / "client.key" if security == "mtls" else None
        self.choose_ports()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close(keep="keep")
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.close(keep="keep" if kind else "")

    # --- addresses ---

    def choose_ports(self):
        taken = set(self.given_ports or ())
        self.client_ports, self.internal_ports, self.controller_ports = {}, {}, {}
        for node in self.ids:
            for ports in (self.client_ports, self.internal_ports, self.controller_ports):
                ports[node] = free_port(taken)
                taken.add(ports[node])
        if self.given_ports:
            self.client_ports = dict(zip(self.ids, self.given_ports))

    @property
    def bootstrap(self):
        """host:port of each node as it is advertised, with commas between."""
        return ",".join(f"127.0.0.1:{self.advertised.get(node, self.client_ports[node])}" for node in self.ids)

    def client_config(self):
        """The librdkafka settings that reach this cluster."""
        config = {"bootstrap.servers": self.bootstrap}
        if self.security:
            config |= {"security.protocol": SECURITY[self.security].lower(), "ssl.ca.location": str(self.ca_file)}
        if self.security == "sasl_ssl":
            config |= {"sasl.mechanism": "SCRAM-SHA-256", "sasl.username": self.user, "sasl.password": self.password}
        if self.security == "mtls":
            config |= {"ssl.certificate.location": str(self.client_cert), "ssl.key.location": str(self.client_key)}
        return config

    def advertise_through(self, node, proxy_port):
        """Clients are told to reach `node` at 127.0.0.1:`proxy_port`, which forwards to client_ports[node]. From the
        node's next start on: call it before start(), or restart(node) after it. Brokers do not go through the proxy."""
        self.advertised[node] = proxy_port

    # --- life ---

    def node_folder(self, node):
        return self.folder / f"node{node}"

    def log_file(self, node):
        return self.node_folder(node) / "broker.log"

    def properties(self, node):
        protocol = SECURITY[self.security]
        voters = ",".join(f"{one}@127.0.0.1:{self.controller_ports[one]}" for one in self.ids)
        advertised = self.advertised.get(node, self.client_ports[node])
        settings = {
            "process.roles": "broker,controller",
            "node.id": node,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INTERNAL",
            "listener.security.protocol.map": f"CLIENT:{protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": f"CLIENT://127.0.0.1:{self.client_ports[node]},"
                         f"INTERNAL://127.0.0.1:{self.internal_ports[node]},"
                         f"CONTROLLER://127.0.0.1:{self.controller_ports[node]}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{advertised},"
                                    f"INTERNAL://127.0.0.1:{self.internal_ports[node]}",
            "log.dirs": self.node_folder(node) / "data",
        }
        if self.security:
            settings |= self.security_properties()
        return cluster_properties(len(self.ids)) | settings | self.overrides

    def security_properties(self):
        secrets, prefix = self.folder / "certificates", "listener.name.client."
        settings = {
            prefix + "ssl.keystore.type": "PEM",
            prefix + "ssl.keystore.location": secrets / "server.store.pem",
            prefix + "ssl.truststore.type": "PEM",
            prefix + "ssl.truststore.location": secrets / "ca.pem",
            prefix + "ssl.client.auth": "required" if self.security == "mtls" else "none",
        }
        if self.security == "sasl_ssl":
            scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            settings |= {
                prefix + "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
                prefix + "scram-sha-256.sasl.jaas.config": scram,
                prefix + "scram-sha-512.sasl.jaas.config": scram,
                prefix + "plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
                                                   f'user_{USER}="{PASSWORD}";',
            }
        return settings

    def java(self, main, *words):
        log4j = self.folder / "log4j.properties"
        return ["java", *self.jvm, *self.archive_flags, f"-Dlog4j.configuration=file:{log4j}", "-cp", f"{self.libs}/*",
                main, *map(str, words)]

    def choose_archive(self):
        archive = jars.class_archive(write_archive)
        return [f"-XX:SharedArchiveFile={archive}"] if archive else []

    def configure(self, node):
        folder = self.node_folder(node)
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{key}={value}" for key, value in sorted(self.properties(node).items())]
        (folder / "server.properties").write_text("\n".join(lines) + "\n")

    def format(self):
        """Makes the storage of the nodes that have none, all at once: each costs the start of a JVM."""
        running = []
        for node in self.ids:
            if (self.node_folder(node) / "data/meta.properties").exists():
                continue
            words = ["format", "-t", CLUSTER_ID, "-c", self.node_folder(node) / "server.properties"]
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512") if self.security == "sasl_ssl" else ():
                words += ["--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]"]
            running.append(subprocess.Popen(self.java("kafka.tools.StorageTool", *words), stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True))
        for process in running:
            said, _ = process.communicate(timeout=READY_S)
            if process.returncode != 0:
                raise KafkaFailure(f"the storage was not made: {said[-2000:]}")

    def prepare(self):
        self.libs = jars.libs()
        self.archive_flags = self.choose_archive()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j.properties").write_text(LOG4J + "".join(
            f"log4j.logger.{logger}={level}\n" for logger, level in sorted(self.loggers.items())))
        if self.security:
            certificates.make(self.folder / "certificates")
        for node in self.ids:
            self.configure(node)
        self.format()

    def launch(self, node):
        self.configure(node)
        command = ["setpriv", "--pdeathsig", "KILL", *self.java("kafka.Kafka",
                                                                self.node_folder(node) / "server.properties")]
        with open(self.log_file(node), "ab") as log:
            self.processes[node] = self.starter.submit(
                subprocess.Popen, command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True).result()

    def start(self):
        """All nodes, and wait_ready(). With ports of its own choice it tries others when some are taken."""
        for attempt in range(1, STARTS_MAX + 1):
            try:
                self.prepare()
                for node in self.ids:
                    if not self.running(node):
                        self.launch(node)
                return self.wait_ready()
            except KafkaFailure:
                taken = any("Address already in use" in self.log_tail(node) for node in self.ids)
                if not taken or self.given_ports or attempt == STARTS_MAX:
                    raise
                self.end_all(signal.SIGKILL)
                for node in self.ids:
                    self.log_file(node).unlink(missing_ok=True)
                self.choose_ports()

    def running(self, node):
        return node in self.processes and self.processes[node].poll() is None

    def log_tail(self, node):
        try:
            return self.log_file(node).read_text(errors="replace")[-3000:]
        except OSError:
            return ""

    def wait_until(self, what, holds, deadline_s):
        """Polls `holds`, which may raise WireError; KafkaFailure when a node ends by itself or the time is over."""
        end = time.monotonic() + deadline_s
        last = ""
        while time.monotonic() < end:
            for node, process in self.processes.items():
                if process.poll() is not None:
                    raise KafkaFailure(f"node {node} ended with {process.returncode}; {self.log_file(node)} ends with:\n"
                                       f"{self.log_tail(node)}")
            try:
                if holds():
                    return
            except wire.WireError as failure:
                last = str(failure)
            time.sleep(0.05)
        raise KafkaFailure(f"{what}: not within {deadline_s} s ({last}); see {self.folder}/node*/broker.log")

    def alive(self):
        """The ids of the nodes that run and are not suspended."""
        return [node for node in self.ids if self.running(node) and node not in self.suspended]

    def wait_ready(self, deadline_s=READY_S):
        """Until each node that runs knows all the others that run, and consumer groups can be joined."""
        def holds():
            alive = set(self.alive())
            return bool(alive) and all(
                alive <= wire.metadata(self.internal_ports[node])[0]
                and wire.find_coordinator(self.internal_ports[node], "keng-testkit") == 0 for node in sorted(alive))
        self.wait_until("ready", holds, deadline_s)

    def wait_in_sync(self, deadline_s=READY_S):
        """Until every partition of every topic has a leader and all its replicas in sync. REQUIRES: all nodes run."""
        def holds():
            _, topics = wire.metadata(self.any_port())
            return all(one.leader > 0 and set(one.in_sync) == set(one.replicas)
                       for partitions in topics.values() for one in partitions)
        self.wait_until("in sync", holds, deadline_s)

    def end_all(self, how):
        for node, process in self.processes.items():
            if process.poll() is None:
                process.send_signal(how)
                if node in self.suspended:
                    process.send_signal(signal.SIGCONT)
        end = time.monotonic() + STOP_S
        for process in self.processes.values():
            try:
                process.wait(timeout=max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                # The last ones of a quorum wait for a controller that is gone already.
                process.kill()
                process.wait()
        self.processes.clear()
        self.suspended.clear()

    def stop(self):
        """An orderly end of all nodes, forced after STOP_S. The data stays."""
        self.end_all(signal.SIGTERM)

    def close(self, keep=""):
        """The end without ceremony; a temporary folder goes, unless `keep` is "keep"."""
        self.end_all(signal.SIGKILL)
        self.starter.shutdown()
        if self.temporary and not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self.temporary:
            print(f"kept: {self.folder}", file=sys.stderr)

    # --- faults ---

    def kill(self, node):
        """kill -9. The process is gone on return."""
        if not self.running(node):
            raise KafkaFailure(f"node {node} does not run")
        process = self.processes.pop(node)
        process.kill()
        process.wait()
        self.suspended.discard(node)

    def stop_node(self, node):
        """An orderly end of one node: its leaders move first."""
        if not self.running(node):
            raise KafkaFailure(f"node {node} does not run")
        process = self.processes.pop(node)
        process.terminate()
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, node, deadline_s=READY_S):
        """Starts a node again, after an orderly end if it runs, with its data and ports, and waits until it is ready."""
        if self.running(node):
            self.stop_node(node)
        self.launch(node)
        self.wait_ready(deadline_s)

    def suspend(self, node):
        """SIGSTOP: the sockets stay open and say nothing."""
        self.processes[node].send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.processes[node].pid, os.WSTOPPED)  # the signal has reached every thread
        self.suspended.add(node)

    def resume(self, node):
        self.processes[node].send_signal(signal.SIGCONT)
        self.suspended.discard(node)

    # --- topics ---

    def any_port(self):
        """The INTERNAL port of some node that answers."""
        alive = self.alive()
        if not alive:
            raise KafkaFailure("no node runs")
        return self.internal_ports[alive[0]]

    def create_topic(self, name, partitions=1, replicas=None, config=None, deadline_s=30):
        """Returns when every living node knows a leader for each partition. `config`: topic properties; without one of
        its own the topic has a `min.insync.replicas` that lets one of its replicas be away."""
        replicas = replicas or min(3, len(self.ids))
        config = {"min.insync.replicas": max(1, replicas - 1)} | (config or {})
        wire.create_topic(self.any_port(), name, partitions, replicas, config)

        def holds():
            for node in self.alive():
                known = wire.metadata(self.internal_ports[node])[1].get(name, [])
                if len(known) != partitions or any(one.leader < 1 for one in known):
                    return False
            return True
        self.wait_until(f"topic {name}", holds, deadline_s)

    def delete_topic(self, name):
        wire.delete_topic(self.any_port(), name)

    def leaders(self, topic):
        """Node ids in the order of the partitions; -1 for a partition without."""
        return [one.leader for one in wire.metadata(self.any_port())[1].get(topic, [])]

    def groups(self):
        """{group: (state, [wire.Member])} of the consumer groups, as the living coordinators see them."""
        found = {}
        for node in self.alive():
            port = self.internal_ports[node]
            found |= {name: wire.describe_group(port, name) for name in wire.list_groups(port)}
        return found

    def move_leaders(self, topics=None, deadline_s=30):
        """Gives each partition of `topics` (default: all that are not Kafka's own) another leader: the next of its
        replicas that is in sync and runs. Returns {(topic, partition): (old, new)} of those that moved, which lacks the
        partitions with nobody to move to."""
        _, known = wire.metadata(self.any_port())
        order, moves = {}, {}
        for name, partitions in known.items():
            if name.startswith("__") if topics is None else name not in topics:
                continue
            for one in partitions:
                if one.leader not in one.replicas:
                    continue
                at = one.replicas.index(one.leader)
                nodes = one.replicas[at + 1:] + one.replicas[:at + 1]
                able = [node for node in nodes[:-1] if node in one.in_sync and node in self.alive()]
                if able:
                    order.setdefault(name, {})[one.index] = able[:1] + [node for node in nodes if node != able[0]]
                    moves[name, one.index] = (one.leader, able[0])
        if not moves:
            return {}
        wire.reorder_replicas(self.any_port(), order)

        def holds():
            # Asked again each time: an election is refused while the new order is not yet known.
            wire.elect_preferred(self.any_port(), {name: list(rows) for name, rows in order.items()})
            now = wire.metadata(self.any_port())[1]
            return all(now[name][index].leader == new for (name, index), (_, new) in moves.items())
        self.wait_until("leaders moved", holds, deadline_s)
        return moves


class TrainingCluster(KafkaCluster):
    """One start and orderly end, at which the JVM writes down the classes that it used."""

    def __init__(self, archive):
        super().__init__()
        self.archive = archive

    def choose_archive(self):
        return [f"-XX:ArchiveClassesAtExit={self.archive}"]


def write_archive(path):
    with TrainingCluster(path) as kafka:
        kafka.stop()


# --- the command line: a keeper process for each folder ---

def state_file(folder):
    return folder / "keeper.json"


def keeper(folder):
    """The state that the living keeper of `folder` wrote, or None. Never somebody else's process: pid, start time and
    command line must all be the keeper's."""
    try:
        state = json.loads(state_file(folder).read_text())
        words = pathlib.Path(f"/proc/{state['pid']}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, KeyError):
        return None
    ours = started_ticks(state["pid"]) == state["started_ticks"] and b"keep" in words and str(folder).encode() in words
    return state if ours else None


def write_state(folder, state):
    fresh = folder / "keeper.json.new"
    fresh.write_text(json.dumps(state, indent=1) + "\n")
    fresh.rename(state_file(folder))


def keep(args):
    """The keeper: starts the cluster, says so in keeper.json, waits for SIGTERM or the end of the watched process."""
    state = {"pid": os.getpid(), "started_ticks": started_ticks(os.getpid()), "state": "starting"}
    write_state(args.folder, state)
    reader, writer = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(writer, b"x"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ports = [args.port + step for step in range(args.nodes)] if args.port else None
    cluster = KafkaCluster(args.nodes, args.folder, ports, security=args.security)
    try:
        watched = [reader] + ([os.pidfd_open(args.watch)] if args.watch else [])
        cluster.start()
        config = cluster.client_config()
        pids = {node: process.pid for node, process in cluster.processes.items()}
        write_state(args.folder, state | {"state": "up", "nodes": args.nodes, "bootstrap": cluster.bootstrap,
                                          "client_config": config, "broker_pids": pids})
        select.select(watched, [], [])
        cluster.stop()
    except (KafkaFailure, jars.JarsMissing, OSError, RuntimeError) as failure:
        write_state(args.folder, state | {"state": "failed", "why": str(failure)})
        return 1
    finally:
        cluster.close()
    state_file(args.folder).unlink(missing_ok=True)
    return 0


def told(state):
    print(f"bootstrap: {state['bootstrap']}")
    print(f'keng.yaml: streams: {{kafka: {{bootstrap: "{state["bootstrap"]}"}}}}')
    for key, value in state["client_config"].items():
        if key != "bootstrap.servers":
            print(f"librdkafka: {key}={value}")


def make_empty(folder):
    """Removes what an earlier run left. A keeper whose watched process has just ended is given the time to go."""
    end = time.monotonic() + STOP_S + 5
    while (state := keeper(folder)) is not None:
        if time.monotonic() > end:
            raise KafkaFailure(f"{folder} is in use by process {state['pid']}")
        time.sleep(0.1)
    for path in folder.glob("node*"):
        shutil.rmtree(path)


def up(args):
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.data == "fresh":
        make_empty(args.folder)
        if args.address_file:
            args.address_file.unlink(missing_ok=True)
    state = keeper(args.folder)
    if state is None:
        made = len(list(args.folder.glob("node*/data/meta.properties")))
        if made not in (0, args.nodes):
            raise KafkaFailure(f"{args.folder} holds a cluster of {made}; remove the folder for another")
        state_file(args.folder).unlink(missing_ok=True)
        words = [sys.executable, __file__, "keep", "--folder", args.folder, "--nodes", args.nodes]
        words += ["--port", args.port] if args.port else []
        words += ["--security", args.security] if args.security else []
        if args.while_alive:
            words += ["--watch", os.getppid() if args.while_alive == "parent" else int(args.while_alive)]
        with open(args.folder / "keeper.log", "ab") as log:
            process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        end = time.monotonic() + STARTS_MAX * READY_S
        while process.poll() is None and (state is None or state["state"] == "starting"):
            if time.monotonic() > end:
                process.kill()
                process.wait()
                raise KafkaFailure(f"not up in time; see {args.folder}")
            time.sleep(0.05)
            state = keeper(args.folder)
        if process.poll() is not None:
            with contextlib.suppress(OSError, ValueError):
                state = json.loads(state_file(args.folder).read_text())
            raise KafkaFailure(f"not up: {(state or {}).get('why', '')} see {args.folder}/keeper.log")
    elif state["state"] != "up" or state["nodes"] != args.nodes:
        raise KafkaFailure(f"a cluster is {state['state']} in {args.folder} with {state.get('nodes', '?')} nodes")
    if args.address_file:
        fresh = args.address_file.with_suffix(".new")
        fresh.write_text(state["bootstrap"] + "\n")
        fresh.rename(args.address_file)
    told(state)
    return 0


def down(args):
    state = keeper(args.folder)
    if state is None:
        print("not up")
        return 0
    ended = os.pidfd_open(state["pid"])
    signal.pidfd_send_signal(ended, signal.SIGTERM)
    if not select.select([ended], [], [], STARTS_MAX * READY_S)[0]:
        raise KafkaFailure(f"the keeper, process {state['pid']}, does not end")
    print("down")
    return 0


def status(args):
    state = keeper(args.folder)
    if state is None or state["state"] != "up":
        print("not up" if state is None else state["state"])
        return 1
    told(state)
    print(f"processes: {' '.join(str(pid) for pid in state['broker_pids'].values())}, kept by {state['pid']}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["up", "down", "status", "keep"])
    parser.add_argument("--folder", type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--nodes", type=int, default=1, choices=[1, 3])
    parser.add_argument("--port", type=int, help="of the first node, the others follow; default: free ones")
    parser.add_argument("--security", choices=[name for name in SECURITY if name])
    parser.add_argument("--address-file", type=lambda text: pathlib.Path(text).resolve(),
                        help="where to write the bootstrap address")
    parser.add_argument("--data", choices=["kept", "fresh"], default="kept",
                        help="fresh: begin with nothing, in a folder that no other run uses")
    parser.add_argument("--while-alive", help="end when this process has ended: a pid, or `parent`")
    parser.add_argument("--watch", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        return {"up": up, "down": down, "status": status, "keep": keep}[args.command](args)
    except (KafkaFailure, jars.JarsMissing, wire.WireError) as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
