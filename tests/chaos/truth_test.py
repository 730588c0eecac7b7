#!/usr/bin/env python3
"""The truth of the fault suite against a small line of its own that does to the input what faults do: sources stand still
and are read again from an earlier point, partitions overtake each other, and what was written is written again later."""
import collections
import hashlib
import json
import pathlib
import random
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "testkit")]
import report_text  # noqa: E402
import truth  # noqa: E402
from truth import PHRASES, Truth, murmur2, partition_of  # noqa: E402

SOURCES, PARTITIONS = 4, 3


def make(seed, count=6000, story_every=40):
    model = Truth(seed, report_text.wards(), SOURCES, PARTITIONS, story_every)
    lines = model.lines(count)
    lines.append(model.ring())
    return model, lines + model.drained()


def stalled_reading(rng, files):
    """The lines of all sources in an order that faults allow: each source's in order, but read again from an earlier point
    now and then, and any source far ahead of the others."""
    at = [0] * len(files)
    while any(place < len(file) for place, file in zip(at, files)):
        source = rng.choice([one for one, place in enumerate(at) if place < len(files[one])])
        for _ in range(rng.choice([1, 5, 300])):
            if at[source] < len(files[source]):
                yield files[source][at[source]]
                at[source] += 1
        if rng.random() < 0.2:
            at[source] = max(0, at[source] - rng.randrange(60))


def as_inbox(rng, lines):
    """(post id, version, story or None, "delete" or "") of what the filters write: partitions in order, repeated and
    merged at random."""
    partitions = [[] for _ in range(PARTITIONS)]
    for line in lines:
        try:
            post = json.loads(line)
        except ValueError:
            continue
        if not isinstance(post.get("text", ""), str):
            continue
        partitions[partition_of(post["id"], PARTITIONS)].append(post)
    return map(meaning, stalled_reading(rng, partitions))


def meaning(post):
    text = post.get("text", "")
    topics = [topic for topic, phrase in PHRASES.items() if phrase in text]
    story = None
    if topics:
        wards = [code for code, name in WARDS if f"{name}, An Giang" in text]
        story = (topics[0], max(wards, key=lambda code: len(NAMES[code])))
    return post["id"], post["version"], story, "delete" if post["kind"] == "delete" else ""


WARDS = report_text.wards()
NAMES = dict(WARDS)


class NaiveFold:
    """Newest state of each post; a story opens when it has its first post and ends when it has none."""

    def __init__(self):
        self.posts, self.members = {}, collections.defaultdict(set)
        self.opened, self.ended = collections.Counter(), collections.Counter()

    def take(self, identity, version, story, deleted):
        known, before = self.posts.get(identity, ("", None))
        if version <= known:
            return
        self.posts[identity] = (version, None if deleted else story)
        # The new place is taken before the old one is left, as a hit and its edit are one write.
        if self.posts[identity][1] is not None:
            if not self.members[story]:
                self.opened[story] += 1
            self.members[story].add(identity)
        if before is not None and before != self.posts[identity][1]:
            self.members[before].discard(identity)
            if not self.members[before]:
                self.ended[before] += 1


class TruthTest(unittest.TestCase):
    def test_murmur2_is_kafkas(self):
        # org.apache.kafka.common.utils.UtilsTest.testMurmur2
        for key, value in {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
                           "a-little-bit-longer-string": -1486304829, "abc": 479470107,
                           "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971}.items():
            self.assertEqual(murmur2(key.encode()), value & 0xffffffff, key)

    def test_whatever_order_faults_make_the_stories_are_the_same(self):
        for seed in range(4):
            model, lines = make(seed)
            files = [[text for source, text in lines if source == one] for one in range(SOURCES)]
            fold = NaiveFold()
            rng = random.Random(seed)
            for record in as_inbox(rng, stalled_reading(rng, files)):
                fold.take(*record)
            kept = {story: len(members) for story, members in fold.members.items() if members}
            self.assertEqual(kept, model.posts_by_story(), f"seed {seed}")
            self.assertEqual({story for story, count in fold.opened.items() if count != 1}, set(), f"seed {seed}")
            self.assertEqual(set(fold.ended), model.gone_stories(), f"seed {seed}")
            self.assertEqual(set(fold.opened), set(kept) | model.gone_stories(), f"seed {seed}")

    def test_every_kind_of_line_is_made(self):
        model, lines = make(1)
        kinds = collections.Counter()
        seen, newest = set(), {}
        for source, text in lines:
            try:
                post = json.loads(text)
            except ValueError:
                kinds["broken"] += 1
                continue
            if "version" not in post:
                kinds["broken"] += 1
                continue
            kinds["repeated"] += text in seen
            seen.add(text)
            kinds[post["kind"]] += 1
            kinds["edit"] += "edited_at" in post
            kinds["out of order"] += post["version"] < newest.get(post["id"], "") and text not in seen - {text}
            kinds["old from another source"] += (post["version"] < newest.get(post["id"], "")
                                                 and source != model.posts[post["id"]].source)
            newest[post["id"]] = max(post["version"], newest.get(post["id"], ""))
        for kind in ("broken", "repeated", "post", "delete", "edit", "out of order", "old from another source"):
            self.assertGreater(kinds[kind], 10, kinds)
        self.assertEqual(kinds["broken"], sum(counts["broken"] for counts in model.counts))
        self.assertEqual(len(lines), model.lines_total())
        self.assertGreater(len(model.gone), 10)

    def test_the_seed_gives_the_same_bytes(self):
        def digest(seed):
            return hashlib.sha256(json.dumps(make(seed, 2000)[1]).encode()).hexdigest()
        self.assertEqual(digest(3), digest(3))
        self.assertNotEqual(digest(3), digest(4))

    def test_stories_run_out_and_lines_go_on(self):
        model = Truth(1, WARDS[:1], SOURCES, PARTITIONS, story_every=5)
        lines = model.lines(500) + model.drained()
        self.assertEqual(len(model.stories) + len(model.gone), len(PHRASES))
        self.assertIsNone(model.ring())
        self.assertEqual(len(lines), model.lines_total())

    def test_phrases_are_those_of_the_pack(self):
        pack = (HERE / "pack/reports.yaml").read_text()
        for topic, phrase in truth.PHRASES.items():
            self.assertIn(f"topic: {topic}\n", pack)
            self.assertIn(f"any: [{phrase}]\n", pack)


if __name__ == "__main__":
    unittest.main()
