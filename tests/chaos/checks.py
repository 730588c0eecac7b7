"""What must hold when all faults are over and all that came in has been dealt with."""
import collections
import json

import streams
from line import CHANNELS
from truth import partition_of

SHOWN = 5  # of a long difference
WINDOW_MAX = 64  # deliveries that a channel may have in flight
HIT_OUTCOMES = ("opened", "joined", "duplicate", "superseded", "elsewhere")


def shown(items):
    items = sorted(map(str, items))
    return ", ".join(items[:SHOWN]) + (f" and {len(items) - SHOWN} more" if len(items) > SHOWN else "")


class Checks:
    """`wrong` names what does not hold; it is empty when all does. `status`: of keng top, when idle. REQUIRES: the stages
    have ended, the brokers and receivers have not."""

    def __init__(self, line, truth, status):
        self.line, self.truth, self.status = line, truth, status
        self.wrong, self.notes = [], []
        self.difference = 0  # of all conservation sums
        self.alerts = self.again = self.incident_count = self.takeovers = 0

    def run(self):
        self.incidents = self.read_incidents()
        self.inbox = streams.Inbox(self.line)
        self.takeovers = self.inbox.takeovers
        self.check_stories()
        for channel in CHANNELS:
            self.check_alerts(channel, self.line.receivers[channel].alerts())
        self.check_conservation()
        self.check_texts()
        verified = self.line.command("incidents", "verify", check="")
        self.equal(f"a fold of the inbox from empty ({verified.stdout.strip()} {verified.stderr.strip()[-500:]})",
                   verified.returncode, 0)

    def equal(self, what, found, expected):
        if found != expected:
            self.wrong.append(f"{what}: found {found}, expected {expected}")

    def none(self, what, items):
        if items:
            self.wrong.append(f"{what}: {len(items)}: {shown(items)}")

    def same(self, what, found, expected):
        """Of two dictionaries or sets."""
        if isinstance(found, dict):
            found, expected = set(found.items()), set(expected.items())
        self.none(f"{what}: there and not in the model", found - expected)
        self.none(f"{what}: in the model and not there", expected - found)

    def conserved(self, what, found, expected):
        self.difference += abs(found - expected)
        self.equal(what, found, expected)

    # --- stories and alerts ---

    def read_incidents(self):
        told = self.line.command("incidents", "list", "--all", "--format", "json").stdout
        return [json.loads(text) for text in told.splitlines()]

    def check_stories(self):
        gone = self.truth.gone_stories()
        by_story = collections.defaultdict(list)
        for incident in self.incidents:
            by_story[incident["topic"], incident["place"]].append(incident)
        self.incident_count = len(self.incidents)
        self.none("stories opened more than once", [story for story, all_of in by_story.items() if len(all_of) > 1])
        staying = {story: sum(one["posts"] for one in all_of) for story, all_of in by_story.items() if story not in gone}
        self.same("stories and their posts", staying, self.truth.posts_by_story())
        self.same("stories of which all posts were deleted", {story for story in by_story if story in gone}, gone)
        self.none("deleted stories that are not withdrawn", [
            (story, one["state"], one["posts"]) for story in gone for one in by_story.get(story, [])
            if one["state"] != "retracted" or one["posts"] != 0])

    def check_alerts(self, channel, sendings):
        """`sendings`: what the receiver has taken, in order."""
        times = collections.Counter(alert["id"] for alert in sendings)
        alerts = {alert["id"]: alert for alert in sendings}
        opened = collections.Counter(alert["subject"] for alert in alerts.values()
                                     if alert["type"] == "vn.keng.alert.opened.v1")
        gone = self.truth.gone_stories()
        stays = {one["id"] for one in self.incidents if (one["topic"], one["place"]) not in gone}
        goes = {one["id"] for one in self.incidents} - stays
        self.none(f"alerts lost at {channel}: incidents that never rang", stays - set(opened))
        self.none(f"opened twice at {channel}", [subject for subject, count in opened.items() if count > 1])
        self.none(f"unknown incidents that rang at {channel}", set(opened) - stays - goes)
        withdrawn = {alert["subject"] for alert in alerts.values() if alert["type"] == "vn.keng.alert.retracted.v1"}
        self.none(f"rung at {channel}, deleted and never withdrawn", (goes & set(opened)) - withdrawn)
        self.none(f"withdrawn at {channel} and not deleted", withdrawn & stays)
        again = sum(count - 1 for count in times.values())
        self.alerts += len(alerts)
        self.again += again
        # What can be sent twice at a takeover is the window of deliveries that was in flight.
        if again > WINDOW_MAX * self.takeovers:
            self.wrong.append(f"{again} second sendings at {channel} in {self.takeovers} takeovers")
        self.none(f"sent again more often at {channel} than the inbox had owners",
                  [identity for identity, count in times.items() if count - 1 > self.takeovers])
        self.notes.append(f"{channel}: {len(alerts)} alerts, {again} sent a second time")

    # --- conservation ---

    def check_conservation(self):
        truth, status = self.truth, self.status
        posts = streams.Posts(self.line)
        stored = 0
        counters = streams.source_counters(self.line)
        for source, counts in enumerate(truth.counts):
            found = counters.get(f"s{source}", {"lines": 0, "stored": 0, "duplicate": 0, "dropped": {}})
            dropped = sum(found["dropped"].values())
            self.conserved(f"lines of s{source}", found["lines"], counts["lines"])
            self.conserved(f"dropped of s{source}", dropped, counts["broken"])
            self.conserved(f"outcomes of s{source}", found["stored"] + found["duplicate"] + dropped, found["lines"])
            stored += found["stored"]
        self.conserved("lines in all", status["ingest"]["lines"], truth.lines_total())
        # Each outdated state has led to one record more, which a filter has appended.
        outcomes = status["filters"]["outcomes"]
        restored = outcomes["outdated"]
        repeated_posts = posts.appended - stored - restored
        if repeated_posts < 0:
            self.difference -= repeated_posts
            self.wrong.append(f"{stored} posts were stored, {restored} restored and only {posts.appended} records were "
                              "ever in posts")
        self.conserved("filter outcomes", sum(outcomes.values()), posts.appended)
        self.equal("newer states that could not be appended again", outcomes["unrestored"], 0)

        hits = self.inbox.types["hit"]
        repeated_hits = hits - status["filters"]["hits"]
        if repeated_hits < 0:
            self.difference -= repeated_hits
            self.wrong.append(f"{status['filters']['hits']} hits were counted and {hits} are in the inbox")
        alerting = status["alerting"]
        self.conserved("alerting outcomes of hits", sum(alerting.get(name, 0) for name in HIT_OUTCOMES), hits)
        self.conserved("opened", alerting.get("opened", 0), self.incident_count)
        # Whatever was written a second time has changed nothing.
        effective = alerting.get("opened", 0) + alerting.get("joined", 0)
        if effective > len(self.inbox.hits):
            self.wrong.append(f"{effective} hits opened or joined, of {len(self.inbox.hits)} different ones")
        self.notes.append(f"repeats: {repeated_posts} records in posts, {repeated_hits} hits in the inbox; "
                          f"{restored} newer states appended again")

        valid = set(truth.posts)
        self.none("posts that nobody wrote", set(posts.newest) - valid)
        self.none("posts lost", valid - set(posts.newest) - truth.deleted_ids())
        self.none("posts in another partition than Kafka's", [
            record.key for record in posts.newest.values()
            if partition_of(record.key, posts.partitions) != record.partition])
        self.check_post_texts(posts)

    # --- texts ---

    def check_post_texts(self, posts):
        deleted, old = [], []
        for identity, post in self.truth.posts.items():
            state = posts.state(identity)
            if post.deleted and "text" in state:
                deleted.append(identity)
            elif not post.deleted and state and state["text"] != post.texts[-1]:
                old.append(identity)
        self.none("texts of deleted posts that are the newest record in posts", deleted)
        self.none("old states that are the newest record in posts", old)

    def check_texts(self):
        texts = streams.Texts(self.line)
        deleted = self.truth.deleted_ids()
        self.none("texts of deleted posts in texts", [one for one in deleted if texts.text(one) is not None])
        self.none("older texts in texts", [
            identity for identity, post in self.truth.posts.items()
            if not post.deleted and texts.text(identity) in post.texts[:-1]])
        self.none("reports without a text", [
            identity for identity, post in self.truth.posts.items()
            if post.story is not None and texts.text(identity) is None])
