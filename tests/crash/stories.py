"""The input of the crash test and, written from the definition alone, what must come out of it.

Order: posts of different ids may overtake each other (two partitions), so a deletion or an edit only meets posts of chunks
that have passed the filters, and the first report of each story stays, so that no story is ever empty in any order.

A story is a topic in a place: every report names one topic word and one ward, all within the joining window. The filler is
random, so that no two texts are near-duplicates and the place alone decides. The model shares no code with keng.
"""
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testkit"))
from report_text import filler, report  # noqa: E402

TOPICS = {"flooding": "ngập lút bánh", "road-damage": "ổ voi giữa lộ", "rubbish": "rác chất đống"}


class Story:
    def __init__(self, topic, ward_code, ward_name):
        self.topic, self.ward_code, self.ward_name = topic, ward_code, ward_name

    def text(self, rng):
        return report(rng, TOPICS[self.topic], self.ward_name)


class Input:
    """Lines for the file source, and the running truth of what they mean."""

    def __init__(self, seed, wards, start):
        self.rng = random.Random(seed)
        self.stories = [Story(topic, code, name) for code, name in wards for topic in TOPICS]
        self.rng.shuffle(self.stories)
        self.begun = 0        # stories that have been reported; the rest is for later chunks
        self.start = start
        self.next_id = 0
        self.last_line = None
        self.live = {}      # post id -> (topic, ward code) it reports now, or None
        self.changeable = []  # ids of earlier chunks that may be deleted or edited
        self.fresh = []       # ids of this chunk
        self.ever = set()     # stories of which a report was made
        self.counts = {"lines": 0, "broken": 0, "duplicate": 0, "stored": 0}

    def _stamp(self):
        self.start += 0.05
        import datetime
        moment = datetime.datetime.fromtimestamp(self.start, datetime.timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def _post(self, post_id, text, **more):
        return json.dumps({"id": post_id, "source": "test:crash", "url": f"https://example.org/{post_id}",
                           "author": f"author-{self.rng.randrange(500)}", "created_at": self._stamp(),
                           "kind": "post", "text": text, "lang": "vi", **more}, ensure_ascii=False)

    def chunk(self, count):
        """The next lines. The chunks before must have passed the filters."""
        self.changeable += self.fresh
        self.fresh = []
        self.last_line = None
        return list(self._lines(count))

    def _take_changeable(self):
        return self.changeable.pop(self.rng.randrange(len(self.changeable)))

    def _lines(self, count):
        for _ in range(count):
            self.counts["lines"] += 1
            new_story = self.counts["lines"] % 50 == 1 and self.begun < len(self.stories)
            roll = 0.2 if new_story else self.rng.random()
            if roll < 0.01:
                self.counts["broken"] += 1
                yield '{"id": "broken", "source": '
            elif roll < 0.03 and self.changeable:
                post_id = self._take_changeable()
                self.live.pop(post_id)
                self.counts["stored"] += 1
                yield json.dumps({"id": post_id, "source": "test:crash", "kind": "delete",
                                  "deleted_at": self._stamp()})
            elif roll < 0.05 and self.changeable:
                post_id = self._take_changeable()
                self.live[post_id] = None
                self.counts["stored"] += 1
                yield self._post(post_id, filler(self.rng, 20), edited_at=self._stamp(), version=f"{self.start:.3f}")
            elif roll < 0.30:
                # Every fiftieth line begins a new story, so that something rings however long the run is.
                if new_story:
                    self.begun += 1
                    story = self.stories[self.begun - 1]
                else:
                    story = self.rng.choice(self.stories[:self.begun])
                post_id = self._new_id()
                key = (story.topic, story.ward_code)
                self.live[post_id] = key
                if key in self.ever:
                    self.fresh.append(post_id)
                self.ever.add(key)
                self.counts["stored"] += 1
                self.last_line = self._post(post_id, story.text(self.rng))
                yield self.last_line
            elif roll < 0.33 and self.last_line:
                self.counts["duplicate"] += 1
                yield self.last_line
            else:
                self.counts["stored"] += 1
                yield self._post(self._new_id(), filler(self.rng, 30))

    def _new_id(self):
        self.next_id += 1
        return f"test:{self.next_id}"

    def posts_by_story(self):
        posts = {}
        for story in self.live.values():
            if story is not None:
                posts[story] = posts.get(story, 0) + 1
        return posts
