"""The few requests of Kafka's protocol that the test kit needs to run a cluster: who is alive, who leads, make a topic,
move a leader, who is in which group. Blocking, without a client library and without a JVM, each over a connection of its
own. Loopback, plaintext.

Field layouts: https://kafka.apache.org/protocol (Metadata 1, FindCoordinator 0, CreateTopics 1, DeleteTopics 1,
ListGroups 0, DescribeGroups 4, ElectLeaders 1, AlterPartitionReassignments 0, of which only the last has compact fields).
"""
import dataclasses
import socket
import struct
import time

CLIENT = b"keng-testkit"
UNCHANGED = 84  # ELECTION_NOT_NEEDED: the preferred replica leads already
COORDINATOR_COMES = (14, 15)  # COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE: in a moment


class WireError(Exception):
    """The broker answered with an error code, or not at all."""


@dataclasses.dataclass(frozen=True)
class Partition:
    index: int
    leader: int  # node id, -1 for none
    replicas: tuple
    in_sync: tuple


def string(text):
    if text is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(text.encode())) + text.encode()


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def compact_string(text):
    return varint(len(text.encode()) + 1) + text.encode()


def compact_array(items):
    return varint(len(items) + 1) + b"".join(items)


class Reader:
    """Takes fields off the front of a response."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value, = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def bytes(self, length):
        value = self.data[self.at:self.at + length]
        self.at += length
        return value

    def string(self):
        length = self.take("h")
        return None if length < 0 else self.bytes(length).decode()

    def array(self, read):
        return [read() for _ in range(self.take("i"))]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def compact_string(self):
        length = self.varint() - 1
        return None if length < 0 else self.bytes(length).decode()


def ask(port, key, version, body, timeout_s=10, flexible=""):
    """One request to 127.0.0.1:`port`. `flexible` is "flexible" for a version with tagged fields in its headers."""
    header = struct.pack(">hhih", key, version, 1, len(CLIENT)) + CLIENT + (b"\0" if flexible else b"")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
            stream = connection.makefile("rb")
            length = stream.read(4)
            if len(length) < 4:
                raise WireError(f"127.0.0.1:{port} hung up")
            answer = stream.read(struct.unpack(">i", length)[0])
    except OSError as failure:
        raise WireError(f"127.0.0.1:{port}: {failure}") from failure
    reader = Reader(answer)
    reader.take("i")  # the correlation id
    if flexible:
        reader.varint()
    return reader


def metadata(port, timeout_s=10):
    """(node ids of the living brokers, {topic: [Partition]}) as the broker at `port` sees it."""
    reader = ask(port, 3, 1, struct.pack(">i", -1), timeout_s)

    def broker():
        node = reader.take("i")
        reader.string(), reader.take("i"), reader.string()
        return node

    def partition():
        reader.take("h")
        index, leader = reader.take("i"), reader.take("i")
        replicas = tuple(reader.array(lambda: reader.take("i")))
        return Partition(index, leader, replicas, tuple(reader.array(lambda: reader.take("i"))))

    def topic():
        reader.take("h")
        name = reader.string()
        reader.take("b")
        return name, sorted(reader.array(partition), key=lambda one: one.index)

    brokers = reader.array(broker)
    reader.take("i")  # the controller
    return set(brokers), dict(reader.array(topic))


def find_coordinator(port, group, timeout_s=10):
    """The error code of asking for a group's coordinator; 0 says that groups can be joined."""
    return ask(port, 10, 0, string(group), timeout_s).take("h")


def create_topic(port, name, partitions, replicas, config, timeout_s=30):
    entries = [string(key) + string(str(value)) for key, value in sorted(config.items())]
    topic = string(name) + struct.pack(">ih", partitions, replicas) + array([]) + array(entries)
    reader = ask(port, 19, 1, array([topic]) + struct.pack(">i?", timeout_s * 1000, False), timeout_s + 5)
    for answered, code, message in reader.array(lambda: (reader.string(), reader.take("h"), reader.string())):
        if code != 0:
            raise WireError(f"topic {answered} was not made: error {code} {message or ''}")


def delete_topic(port, name, timeout_s=30):
    reader = ask(port, 20, 1, array([string(name)]) + struct.pack(">i", timeout_s * 1000), timeout_s + 5)
    reader.take("i")
    for answered, code in reader.array(lambda: (reader.string(), reader.take("h"))):
        if code != 0:
            raise WireError(f"topic {answered} was not deleted: error {code}")


def reorder_replicas(port, wanted, timeout_s=30):
    """`wanted`: {topic: {partition: [node, ...]}}. The first node of a list becomes the preferred leader; with the same
    nodes in another order nothing is copied."""
    topics = []
    for name, partitions in sorted(wanted.items()):
        rows = [struct.pack(">i", index) + compact_array([struct.pack(">i", node) for node in nodes]) + b"\0"
                for index, nodes in sorted(partitions.items())]
        topics.append(compact_string(name) + compact_array(rows) + b"\0")
    body = struct.pack(">i", timeout_s * 1000) + compact_array(topics) + b"\0"
    reader = ask(port, 45, 0, body, timeout_s + 5, flexible="flexible")
    reader.take("i")
    code, message = reader.take("h"), reader.compact_string()
    if code != 0:
        raise WireError(f"the replicas were not reordered: error {code} {message or ''}")
    for _ in range(reader.varint() - 1):
        name = reader.compact_string()
        for _ in range(reader.varint() - 1):
            index, code, message = reader.take("i"), reader.take("h"), reader.compact_string()
            reader.varint()
            if code != 0:
                raise WireError(f"the replicas of {name}/{index} were not reordered: error {code} {message or ''}")
        reader.varint()


def elect_preferred(port, wanted, timeout_s=30):
    """`wanted`: {topic: [partition, ...]}. Returns the error codes other than 0 and UNCHANGED, by (topic, partition)."""
    topics = [string(name) + array([struct.pack(">i", index) for index in partitions])
              for name, partitions in sorted(wanted.items())]
    reader = ask(port, 43, 1, struct.pack(">b", 0) + array(topics) + struct.pack(">i", timeout_s * 1000), timeout_s + 5)
    reader.take("i")
    code = reader.take("h")
    if code != 0:
        raise WireError(f"no election: error {code}")
    failed = {}
    for _ in range(reader.take("i")):
        name = reader.string()
        for _ in range(reader.take("i")):
            index, code, _ = reader.take("i"), reader.take("h"), reader.string()
            if code not in (0, UNCHANGED):
                failed[name, index] = code
    return failed


@dataclasses.dataclass(frozen=True)
class Member:
    member_id: str
    instance: str  # group.instance.id, "" for none
    partitions: tuple  # (topic, partition), as assigned; () while the group is not stable


def list_groups(port, timeout_s=10):
    """The names of the groups that the broker at `port` coordinates."""
    end = time.monotonic() + timeout_s
    while True:
        reader = ask(port, 16, 0, b"", timeout_s)
        code = reader.take("h")
        if code not in COORDINATOR_COMES or time.monotonic() >= end:
            break
        time.sleep(0.1)
    if code != 0:
        raise WireError(f"no list of groups: error {code}")
    return [name for name, _ in reader.array(lambda: (reader.string(), reader.string()))]


def assignment(data):
    """The partitions of a member, from what the group's leader wrote for it (ConsumerProtocolAssignment 0)."""
    if not data:
        return ()
    reader = Reader(data)
    reader.take("h")
    topics = reader.array(lambda: (reader.string(), reader.array(lambda: reader.take("i"))))
    return tuple(sorted((topic, partition) for topic, partitions in topics for partition in partitions))


def describe_group(port, group, timeout_s=10):
    """(state, [Member]) of a group. The broker at `port` coordinates it."""
    reader = ask(port, 15, 4, array([string(group)]) + b"\0", timeout_s)
    reader.take("i")  # throttled for so long

    def member():
        member_id, instance = reader.string(), reader.string()
        reader.string(), reader.string()  # client id and host
        reader.bytes(max(0, reader.take("i")))
        return Member(member_id, instance or "", assignment(reader.bytes(max(0, reader.take("i")))))

    reader.take("i")  # one group
    code, _, state = reader.take("h"), reader.string(), reader.string()
    reader.string(), reader.string()
    if code != 0:
        raise WireError(f"group {group} is not described: error {code}")
    return state, sorted(reader.array(member), key=lambda one: (one.instance, one.member_id))
