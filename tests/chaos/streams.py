"""What stands in the streams, read with kcat, so that nothing of keng is in between."""
import collections
import json

import kcat
from keng_process import Failure
from line import POSTS_PARTITIONS, PREFIX


class Record(collections.namedtuple("Record", "partition offset key value")):
    """`value` is None for a tombstone."""
    __slots__ = ()


def read(line, stream):
    """All records that are there, in the order of each partition."""
    try:
        data = kcat.run(line.cluster.client_config() | {"check.crcs": "true"}, "-C", "-t", PREFIX + stream, "-o", "beginning",
                        "-e", "-q", "-f", "%p %o %K %S\n%k%s")
    except kcat.KcatFailure as failure:
        raise Failure(str(failure)) from None
    records, at = [], 0
    while at < len(data):
        head = data.index(b"\n", at)
        partition, offset, key_size, size = map(int, data[at:head].split())
        value_at = head + 1 + max(0, key_size)
        at = value_at + max(0, size)
        records.append(Record(partition, offset, data[head + 1:value_at].decode(errors="replace"),
                              None if size < 0 else data[value_at:at].decode(errors="replace")))
    return records


class Posts:
    """`posts`: one record a state that was stored, of which compaction keeps the newest of each id."""

    def __init__(self, line):
        records = read(line, "posts")
        ends = {record.partition: record.offset + 1 for record in records}
        self.appended = sum(ends.values())
        self.newest = {record.key: record for record in records}
        self.partitions = POSTS_PARTITIONS

    def state(self, identity):
        """The newest record as an object; {} when there is none or a tombstone."""
        record = self.newest.get(identity)
        return json.loads(record.value) if record is not None and record.value else {}


class Texts:
    """`texts`: the newest record of each id."""

    def __init__(self, line):
        self.newest = {record.key: record for record in read(line, "texts")}

    def text(self, identity):
        record = self.newest.get(identity)
        return json.loads(record.value)["text"] if record is not None and record.value else None


class Inbox:
    """`inbox`: how many records of each type, and who owned it."""

    def __init__(self, line):
        self.types = collections.Counter()
        self.hits = collections.Counter()  # (post, rule, version) -> records
        self.epochs = {}                   # epoch -> owner, in the order in which they came
        for record in read(line, "inbox"):
            value = json.loads(record.value)
            self.types[value["type"]] += 1
            if value["type"] == "hit":
                self.hits[value["post"], value["rule"], value.get("version", "")] += 1
            elif value["type"] == "epoch":
                self.epochs.setdefault(value["epoch"], value.get("owner", ""))

    @property
    def takeovers(self):
        return len(self.epochs)


def source_counters(line):
    """Source -> its newest record in `control`."""
    found = {}
    for record in read(line, "control"):
        if record.key.startswith("ingest/") and record.value:
            found[record.key.removeprefix("ingest/")] = json.loads(record.value)
    return found
