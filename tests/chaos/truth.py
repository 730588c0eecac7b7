"""The input of the fault suite and, written from the definitions alone, what must come of it.

Whatever order faults bring about, the same must come out, and the input is made so that the definitions alone say what:

  - A story is a topic in a ward. Texts are random, no two are near-duplicates, so that the place alone decides.
  - The first report of a story, its anchor, stays for ever. A report that is deleted or edited later stands in the anchor's
    source behind it and has an id of the anchor's partition, so that no order of partitions, and no repetition of what a
    dying process had begun, shows the story without the anchor: it is never empty and opens once.
  - Some stories have one report, which is deleted: their incident ends as retracted.
  - Every state of a post carries a version that grows with the time at which it was written. So a state that comes late,
    from a second owner of a source or from a zombie, is known to be old. (Without versions the order of arrival counts,
    which a fault may change.)
  - Lines come again in their own source, behind newer states too. In any other source, which may be read before or long
    after, comes what shows no story without its anchor: lines of posts that never change, and states in which a post that
    may change or go reports its story. When it has changed since, such a line is old and must pass nothing.

The same arguments give the same bytes. Shares no code with keng: even the partitioner is written from Kafka's definition.
"""
import collections
import dataclasses
import datetime
import json
import random

from report_text import filler, report

PHRASES = {
    "flooding": "ngập lút bánh", "road-damage": "ổ voi giữa lộ", "bridge": "cầu sập nhịp giữa",
    "pavement": "vỉa hè bịt kín", "rubbish": "rác chất đống", "water-outage": "nước máy tắt hẳn",
    "power-outage": "điện phụt tắt", "pollution": "khói khét lẹt", "erosion": "bờ kè sụp xuống",
    "traffic-accident": "xe tông lật nhào", "fire": "lửa bốc ngùn ngụt", "epidemic": "sốt phát ban hàng loạt",
    "online-fraud": "lừa chuyển khoản sạch", "animals": "rắn lục bò khắp", "other": "loa phường hú suốt",
}
BEGIN = datetime.datetime(2025, 9, 1, tzinfo=datetime.timezone.utc)
RECENT = 60          # lines of a source that may come again
GONE_EVERY = 6       # each so manieth story is one that goes
GONE_AFTER = 15      # lines of its source that a story that goes stands at least
FIT_TRIES = 10000    # ids that are looked at for one of a given partition


def murmur2(data):
    """Kafka's hash of a key (org.apache.kafka.common.utils.Utils.murmur2), unsigned."""
    m, mask = 0x5bd1e995, 0xffffffff
    h = 0x9747b28c ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions):
    return (murmur2(key.encode()) & 0x7fffffff) % partitions


@dataclasses.dataclass
class Story:
    topic: str
    ward: str
    ward_name: str
    source: int = -1
    partition: int = -1

    @property
    def key(self):
        return self.topic, self.ward


@dataclasses.dataclass
class Post:
    identity: str
    source: int
    story: object = None     # the Story that its newest state reports
    deleted: str = ""        # the version of its deletion
    texts: list = dataclasses.field(default_factory=list)  # of all its states, the newest last
    lines: list = dataclasses.field(default_factory=list)  # of its states, those that may come again in any source


class Truth:
    """lines() makes input; the rest says what it means. `wards`: (code, name); `sources` and `partitions`: how many."""

    def __init__(self, seed, wards, sources, partitions, story_every=100):
        self.rng = random.Random(f"input/{seed}")
        self.sources, self.partitions, self.story_every = sources, partitions, story_every
        self.unborn = [Story(topic, code, name) for code, name in wards for topic in PHRASES]
        self.rng.shuffle(self.unborn)
        self.stories, self.gone = [], []
        self.posts = {}
        self.changeable = []       # posts that may be deleted or edited
        self.going = collections.deque()  # (line of its source from which on, post): stories that go
        self.recent = [collections.deque(maxlen=RECENT) for _ in range(sources)]
        self.anywhere = collections.deque(maxlen=RECENT)  # lines that may come again in any source
        self.passed = collections.deque(maxlen=RECENT)    # of these, lines of posts that have changed since
        self.waiting = [collections.deque() for _ in range(sources)]  # lines that follow one another
        self.counts = [collections.Counter() for _ in range(sources)]  # lines, broken
        self.lines_made = self.ids_made = self.versions_made = 0

    # --- making lines ---

    def lines(self, count):
        """The next `count` lines as (source, text without the end of line)."""
        return [self.line() for _ in range(count)]

    def ring(self):
        """A line that begins a new story, which nothing before it belongs to; None when all stories have been told."""
        if not self.unborn:
            return None
        return self.done(*self.begin_story(goes=False))

    def line(self):
        if self.lines_made % self.story_every == 0 and self.unborn:
            self.lines_made += 1
            goes = (len(self.stories) + len(self.gone)) % GONE_EVERY == GONE_EVERY - 1
            return self.done(*self.begin_story(goes))
        self.lines_made += 1
        for source, waiting in enumerate(self.waiting):
            if waiting:
                return self.done(source, waiting.popleft())
        if self.going and self.counts[self.going[0][1].source]["lines"] >= self.going[0][0]:
            post = self.going.popleft()[1]
            return self.done(post.source, self.delete(post))
        return self.done(*self.any_line())

    def done(self, source, text):
        self.counts[source]["lines"] += 1
        return source, text

    def any_line(self):
        source = self.rng.randrange(self.sources)
        roll = self.rng.random()
        if roll < 0.01:
            self.counts[source]["broken"] += 1
            return source, self.rng.choice(['{"id": "broken", "source": ', '{"id": "test:none", "text": 7}', "kẻng \u0001"])
        if roll < 0.03 and self.changeable:
            post = self.take_changeable()
            return post.source, self.delete(post)
        if roll < 0.045 and self.changeable:
            post = self.take_changeable()
            post.story = None
            return post.source, self.state(post, filler(self.rng, 20), edited="edited")
        if roll < 0.06 and self.changeable:
            post = self.rng.choice(self.changeable)
            return post.source, self.may_come_anywhere(post, self.state(post, self.text_of(post.story), edited="edited"))
        if roll < 0.07 and self.stories:
            return self.late_original(source)
        if roll < 0.10 and self.recent[source]:
            return source, self.rng.choice(self.recent[source])
        if roll < 0.12 and self.anywhere:
            return source, self.rng.choice(self.anywhere)
        if roll < 0.135 and self.passed:
            return source, self.rng.choice(self.passed)
        if roll < 0.35 and self.stories:
            return self.report(source)
        post = self.new_post(source)
        return source, self.may_come_anywhere(post, self.state(post, filler(self.rng, 30)))

    def begin_story(self, goes):
        story = self.unborn.pop()
        story.source = self.rng.randrange(self.sources)
        post = self.new_post(story.source)
        story.partition = partition_of(post.identity, self.partitions)
        post.story = story
        if goes:
            self.gone.append(story)
            self.going.append((self.counts[story.source]["lines"] + GONE_AFTER, post))
        else:
            self.stories.append(story)
        return story.source, self.may_come_anywhere(post, self.state(post, self.text_of(story)))

    def report(self, source):
        """One more report of a story that stays; some of them will change."""
        story = self.rng.choice(self.stories)
        if self.rng.random() < 0.5:
            post = self.new_post(story.source, story.partition)
            self.changeable.append(post)
            post.story = story
            return post.source, self.may_come_anywhere(post, self.state(post, self.text_of(story)))
        post = self.new_post(source)
        post.story = story
        return post.source, self.may_come_anywhere(post, self.state(post, self.text_of(story)))

    def late_original(self, source):
        """The edit of a post first and the post itself behind it. Either may be the report."""
        post = self.new_post(source)
        story = self.rng.choice(self.stories)
        texts = [filler(self.rng, 25), self.text_of(story)]
        self.rng.shuffle(texts)
        original = self.state(post, texts[0])
        post.story = story if PHRASES[story.topic] in texts[1] else None
        self.waiting[source].append(original)
        return source, self.state(post, texts[1], edited="edited")

    def may_come_anywhere(self, post, line):
        self.anywhere.append(line)
        post.lines.append(line)
        return line

    def take_changeable(self):
        at = self.rng.randrange(len(self.changeable))
        self.changeable[at], self.changeable[-1] = self.changeable[-1], self.changeable[at]
        return self.changeable.pop()

    def text_of(self, story):
        return report(self.rng, PHRASES[story.topic], story.ward_name)

    def new_post(self, source, partition=None):
        for _ in range(FIT_TRIES):
            self.ids_made += 1
            identity = f"test:{self.ids_made}"
            if partition is None or partition_of(identity, self.partitions) == partition:
                self.posts[identity] = Post(identity, source)
                return self.posts[identity]
        raise ValueError(f"no id of partition {partition}")

    def stamp(self):
        """(version, time) of a new state."""
        self.versions_made += 1
        moment = BEGIN + datetime.timedelta(milliseconds=50 * self.versions_made)
        return f"{self.versions_made:09d}", moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def state(self, post, text, edited=""):
        """The line with a new state of the post."""
        version, moment = self.stamp()
        self.passed.extend(post.lines)
        post.texts.append(text)
        fields = {"id": post.identity, "source": "test:chaos", "url": f"https://example.org/{post.identity[5:]}",
                  "author": f"author-{self.rng.randrange(500)}", "created_at": moment, "kind": "post", "text": text,
                  "lang": "vi", "version": version}
        if edited:
            fields["edited_at"] = moment
        line = json.dumps(fields, ensure_ascii=False)
        self.recent[post.source].append(line)
        return line

    def delete(self, post):
        version, moment = self.stamp()
        self.passed.extend(post.lines)
        post.story, post.deleted = None, version
        return json.dumps({"id": post.identity, "source": "test:chaos", "kind": "delete", "deleted_at": moment,
                           "version": version})

    # --- what it means. REQUIRES: drained() has been called, and its lines are part of the input ---

    def drained(self):
        """The lines that are owed: the originals behind their edits, the deletions of the stories that go."""
        owed = [self.done(source, waiting.popleft()) for source, waiting in enumerate(self.waiting)
                for _ in range(len(waiting))]
        while self.going:
            post = self.going.popleft()[1]
            owed.append(self.done(post.source, self.delete(post)))
        return owed

    def lines_total(self):
        return sum(counts["lines"] for counts in self.counts)

    def posts_by_story(self):
        """(topic, ward) -> posts that report it in the end, of the stories that stay."""
        posts = collections.Counter(post.story.key for post in self.posts.values() if post.story is not None)
        return dict(posts)

    def gone_stories(self):
        return {story.key for story in self.gone}

    def deleted_ids(self):
        return {post.identity for post in self.posts.values() if post.deleted}

    def dead_texts(self):
        """Post id -> texts that must stand in no stream of record any more: of deleted posts, and older states."""
        return {post.identity: set(post.texts if post.deleted else post.texts[:-1]) for post in self.posts.values()
                if post.deleted or len(post.texts) > 1}
