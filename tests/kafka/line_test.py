#!/usr/bin/env python3
"""The stages of keng as processes over a real broker, as an operator runs them: made, scaled out and in, killed, stopped
in mid-step, taken over, told what to do. The input is stories.py, from which alone it is computed what must come out.

usage: line_test.py --keng build/release/keng [--seed 1] [name of a test ...]
Prints its seed first. All tests share one broker, each with topics of its own prefix.
"""
import argparse
import collections
import json
import pathlib
import re
import signal
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "testkit"))
sys.path.insert(0, str(HERE.parent / "crash"))
import kcat  # noqa: E402
import report_text  # noqa: E402
import stories  # noqa: E402
import wire  # noqa: E402
from broker import KafkaCluster  # noqa: E402
from full_pipe import FullPipe, waits_in_write  # noqa: E402
from keng_line import Line, judge_alerts, until  # noqa: E402
from keng_process import ROOT, Receiver  # noqa: E402

PACK = ROOT / "tests/crash/pack"
# Kafka gives a silent member's partitions to the others after the session timeout: 10 s by keng's own setting.
TAKEOVER_S = 30
IDLE_S = 90


class Feeder:
    """Writes lines to the files of the sources, `rate` a second, in a thread. A post's lines go to one file."""

    def __init__(self, paths, lines, rate):
        self.paths, self.lines, self.rate = paths, lines, rate
        self.written = 0
        self.hurry = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def path_of(self, line):
        number = re.match(r'{"id": "test:(\d+)"', line)
        return self.paths[int(number.group(1)) % len(self.paths) if number else 0]

    def run(self):
        step = max(1, self.rate // 20)
        for start in range(0, len(self.lines), step):
            parts = collections.defaultdict(str)
            for line in self.lines[start:start + step]:
                parts[self.path_of(line)] += line + "\n"
            for path, text in parts.items():
                with open(path, "a") as out:
                    out.write(text)
            self.written += len(self.lines[start:start + step])
            if not self.hurry.is_set():
                time.sleep(0.05)

    def wait_written(self, count):
        until(f"{count} lines written", lambda: self.written >= count, 60)

    def finish(self):
        """Writes the rest at once."""
        self.hurry.set()
        self.thread.join()


class LineTest(unittest.TestCase):
    keng = ""
    seed = 1
    kafka = None

    @classmethod
    def setUpClass(cls):
        cls.kafka = KafkaCluster()
        cls.kafka.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.kafka.close()

    def line(self, sources=("posts",), more_sources="", streams="posts_partitions: 4"):
        """A line with a configuration, keys and topics, and nothing that runs."""
        prefix = re.sub(r"\W", "", self._testMethodName.removeprefix("test_"))[:30] + "."
        line = Line(self.keng, f'bootstrap: "{self.kafka.bootstrap}", prefix: {prefix}', "", streams)
        receiver = Receiver(line.folder, "--mode-file", str(line.folder / "mode"))
        self.addCleanup(receiver.stop)
        self.addCleanup(lambda: line.close("keep" if self.failed() else ""))
        line.prefix, line.receiver, line.streams = prefix, receiver, streams
        entries = "".join(f"  - {{name: {one}, type: file, path: {one}.ndjson, follow: true, purpose: test, "
                          "owner: tests, until: 2099-12-31}\n" for one in sources)
        line.text = f"""rules: [{PACK}]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
metrics_listen: ""
alerts: {{tick_interval: 1s, rings_per_cell_hour_max: 100000}}
sources:
{entries}{more_sources}
channels:
  - {{name: hook, type: webhook, url: "http://127.0.0.1:{receiver.port}/alerts", secret_file: secret,
      allow_private: true}}
cell_channels:
  "91": [hook]
"""
        line.write_config(line.text, streams)
        line.paths = [line.folder / f"{one}.ndjson" for one in sources]
        for path in line.paths:
            path.touch()
        line.command("keys", "make")
        line.command("topics", "create")
        return line

    def failed(self):
        outcome = self._outcome
        failures = getattr(outcome.result, "failures", []) + getattr(outcome.result, "errors", [])
        return not outcome.success or any(test is self for test, _ in failures)

    def truth(self):
        return stories.Input(self.seed, report_text.wards(), time.time() - 3600)

    def wait_holding(self, process, prefix, count, deadline_s=TAKEOVER_S):
        """Until it works on `count` partitions or sources, which its threads of this prefix show."""
        until(f"{process.stage} {process.name} holds {count}",
              lambda: sum(name.startswith(prefix) for name in process.threads()) == count, deadline_s)

    def owner(self, processes, thread):
        """The process that has this thread, once exactly one has."""
        def found():
            having = [one for one in processes if one.alive() and thread in one.threads()]
            return having if len(having) == 1 else None
        return until(f"one owner of {thread}", found, TAKEOVER_S)[0]

    def check_incidents(self, line, truth):
        """Incidents as the input says, each rung once; a fold from empty gives the same. Returns how many alerts came
        a second time."""
        incidents = line.incidents()
        opened = collections.Counter((one["topic"], one["place"]) for one in incidents)
        self.assertEqual([story for story, count in opened.items() if count > 1], [])
        self.assertEqual(set(opened), truth.ever)
        self.assertEqual({(one["topic"], one["place"]): one["posts"] for one in incidents}, truth.posts_by_story())
        wrong, again = judge_alerts(line.receiver.alerts(), incidents)
        self.assertEqual(wrong, [])
        self.assertIn("byte for byte", line.command("incidents", "verify").stdout)
        return again

    def check_posts(self, line, truth):
        """Each post of the input, made of one chunk, stands in `posts` once."""
        keys = collections.Counter(record["key"] for record in line.tap("posts"))
        self.assertEqual([key for key, count in keys.items() if count > 1], [])
        self.assertEqual(len(keys), truth.counts["stored"])

    def check_conservation(self, status, truth):
        """REQUIRES: no process was killed."""
        ingest, filters, alerting = status["ingest"], status["filters"], status["alerting"]
        counts = truth.counts
        self.assertEqual(ingest, {"lines": counts["lines"], "stored": counts["stored"], "expanded": 0,
                                  "duplicate": counts["duplicate"], "dropped": counts["broken"]})
        self.assertEqual(sum(filters["outcomes"].values()), counts["stored"])
        self.assertEqual(alerting["opened"] + alerting["joined"], filters["hits"])
        self.assertEqual(alerting["duplicate"], 0)

    # --- topics and keys ---

    def test_topics_are_made_and_checked(self):
        self.kafka.create_topic("topics.posts", partitions=4, config={"retention.ms": 1000})
        self._testMethodName = "topics"
        line = self.line()
        again = line.command("topics", "create").stdout
        self.assertIn("topics.posts: there already", again)
        checked = line.command("topics", "check", check="")
        self.assertEqual(checked.returncode, 1)
        self.assertIn("topics.posts: retention.ms is 1000, expected ", checked.stdout)
        self.assertIn("topics.posts: cleanup.policy is delete, expected compact,delete", checked.stdout)
        self.assertTrue(all(row.startswith("topics.posts: ") for row in checked.stdout.splitlines()), checked.stdout)
        wire.delete_topic(self.kafka.any_port(), "topics.posts")
        until("the topic is gone", lambda: "topics.posts: missing" in line.command("topics", "check", check="").stdout, 20)
        started = line.command("filter", "--instance", "x", check="")
        self.assertEqual(started.returncode, 2)
        self.assertIn("topic topics.posts is not there; `keng topics create` makes it", started.stderr)
        line.command("topics", "create")
        checked = until("created and seen", lambda: line.command("topics", "check", check="").stdout, 20)
        self.assertEqual(checked, "the topics are as they should be\n")
        line.write_config(line.text, "posts_partitions: 8")
        checked = line.command("topics", "check", check="")
        self.assertEqual(checked.returncode, 1)
        self.assertIn("topics.posts: 4 partitions, expected 8", checked.stdout)
        started = line.command("filter", "--instance", "x", check="")
        self.assertEqual(started.returncode, 1)
        self.assertIn("has 4 partitions and the configuration says 8", started.stderr)

    # --- scaling out and in ---

    def test_filters_are_added_and_taken_away_under_load(self):
        line, truth = self.line(), self.truth()
        line.start("alert")
        line.start("ingest")
        filters = [line.start("filter", "f0")]
        self.wait_holding(filters[0], "filter-", 4)
        feeder = Feeder(line.paths, truth.chunk(16000), rate=600)
        feeder.wait_written(600)
        filters.append(line.start("filter", "f1"))
        for one in filters:
            self.wait_holding(one, "filter-", 2)
        filters += [line.start("filter", "f2"), line.start("filter", "f3")]
        for one in filters:
            self.wait_holding(one, "filter-", 1)
        line.stop(*filters[1:])
        self.wait_holding(filters[0], "filter-", 4)
        self.assertLess(feeder.written, len(feeder.lines), "the load ended before the changes did")
        feeder.finish()
        status = line.wait_idle(truth.counts["lines"], IDLE_S)
        self.check_conservation(status, truth)
        self.check_posts(line, truth)
        self.assertEqual(self.check_incidents(line, truth), 0)

        # Now one is killed in the middle of its work: hits may come twice, and are known to alerting.
        filters.append(line.start("filter", "f1"))
        self.wait_holding(filters[-1], "filter-", 2)
        before = truth.counts["lines"]
        feeder = Feeder(line.paths, truth.chunk(6000), rate=3000)
        feeder.wait_written(3000)
        filters[-1].kill()
        feeder.finish()
        self.assertEqual(truth.counts["lines"], before + 6000)
        status = line.wait_idle(truth.counts["lines"], IDLE_S)
        self.assertEqual(sum(status["filters"]["outcomes"].values()), truth.counts["stored"])
        alerting = status["alerting"]
        self.assertGreaterEqual(alerting["opened"] + alerting["joined"] + alerting["duplicate"],
                                status["filters"]["hits"])
        self.check_incidents(line, truth)

    # --- takeovers ---

    def test_a_source_is_taken_over_at_its_resume_point(self):
        names = ("north", "south", "east", "west")
        line, truth = self.line(sources=names), self.truth()
        line.start("alert")
        line.start("filter")
        ingests = [line.start("ingest", one) for one in ("i0", "i1")]
        for one in ingests:
            until(f"{one.name} has a source", lambda one=one: any(n.startswith("src-") for n in one.threads()), TAKEOVER_S)
        feeder = Feeder(line.paths, truth.chunk(16000), rate=800)
        feeder.wait_written(1600)
        victim = self.owner(ingests, f"src-{names[0]}")
        heir = ingests[1 - ingests.index(victim)]
        victim.kill()
        killed_at = time.monotonic()
        self.wait_holding(heir, "src-", len(names))
        took = time.monotonic() - killed_at
        self.assertLess(took, TAKEOVER_S)
        print(f"sources taken over after {took:.1f} s", flush=True)
        feeder.finish()
        status = line.wait_idle(truth.counts["lines"], IDLE_S)
        self.check_posts(line, truth)
        ingest = status["ingest"]
        self.assertEqual(ingest["lines"], truth.counts["lines"])
        # What the victim had stored and not yet counted is a duplicate to the heir.
        self.assertEqual(ingest["stored"] + ingest["duplicate"], truth.counts["stored"] + truth.counts["duplicate"])
        print(f"{truth.counts['stored'] - ingest['stored']} posts were met again", flush=True)
        self.check_incidents(line, truth)
        control = {record["key"] for record in line.tap("control")}
        self.assertLessEqual({f"ingest/{name}" for name in names}, control)
        # The other way: an ordered end loses no time to speak of and repeats nothing.
        back = line.start("ingest", victim.name)
        until("sources go back", lambda: any(n.startswith("src-") for n in back.threads()), TAKEOVER_S)
        line.stop(back)
        self.wait_holding(heir, "src-", len(names))
        line.wait_idle(truth.counts["lines"], IDLE_S)

    def test_the_desk_is_taken_over_after_a_kill_and_from_a_sleeper(self):
        line, truth = self.line(), self.truth()
        line.start("ingest")
        line.start("filter")
        alerts = [line.start("alert", one) for one in ("a0", "a1")]
        owner = self.owner(alerts, "alerting-0")
        feeder = Feeder(line.paths, truth.chunk(2000), rate=1000)
        feeder.wait_written(1000)
        heir = alerts[1 - alerts.index(owner)]
        owner.kill()
        self.wait_holding(heir, "alerting-0", 1)
        feeder.finish()
        line.wait_idle(truth.counts["lines"], IDLE_S)

        # The owner is stopped in mid-step for longer than its session, and wakes up as a zombie.
        alerts = [heir, line.start("alert", owner.name)]
        sleeper = self.owner(alerts, "alerting-0")
        feeder = Feeder(line.paths, truth.chunk(2000), rate=1000)
        feeder.wait_written(500)
        sleeper.signal(signal.SIGSTOP)
        other = alerts[1 - alerts.index(sleeper)]
        self.wait_holding(other, "alerting-0", 1)
        feeder.finish()
        line.wait_idle(truth.counts["lines"], IDLE_S)
        feeder = Feeder(line.paths, truth.chunk(2000), rate=1000)
        feeder.wait_written(500)
        sleeper.signal(signal.SIGCONT)
        feeder.finish()
        line.wait_idle(truth.counts["lines"], IDLE_S)
        self.assertTrue(sleeper.alive())
        # It is a member again: with the desk or idle, and never both of them with it.
        last = self.owner(alerts, "alerting-0")
        idle = alerts[1 - alerts.index(last)]
        until("the other one is well", lambda: idle.metric("keng_kafka_member_state") in (0, 1), TAKEOVER_S)
        again = self.check_incidents(line, truth)
        counted = sum(one.metric("keng_alerting_maybe_sent_again_total") for one in alerts)
        print(f"{again} alerts came a second time, {counted:.0f} were counted as possible", flush=True)
        self.assertLessEqual(again, counted)

    def test_a_channel_that_does_not_end_holds_up_itself_alone(self):
        line, truth = self.line(), self.truth()
        text = line.text.replace("channels:\n", "stop_deadline: 2s\nchannels:\n  - {name: wall, type: terminal}\n", 1)
        line.write_config(text.replace("[hook]", "[hook, wall]"), line.streams)
        line.start("ingest")
        line.start("filter")
        terminal = FullPipe()
        self.addCleanup(terminal.close)
        stuck = line.start("alert", "stuck", stdout=terminal.writes)
        self.wait_holding(stuck, "alerting-0", 1)
        Feeder(line.paths, truth.chunk(1000), rate=1000).finish()
        until("an alert waits for the terminal", lambda: waits_in_write(stuck.process.pid), IDLE_S)
        stuck.signal(signal.SIGSTOP)
        heir = line.start("alert", "heir")
        self.wait_holding(heir, "alerting-0", 1)
        stuck.signal(signal.SIGCONT)
        until("it has lost the desk, and the call goes on", lambda: stuck.events("worker.leaving"), TAKEOVER_S)
        self.assertTrue(waits_in_write(stuck.process.pid))
        terminal.drain()
        until("the call has ended", lambda: stuck.events("worker.left"), TAKEOVER_S)
        # Nothing of its former time as the owner is left that would keep it from the desk.
        heir.kill()
        self.wait_holding(stuck, "alerting-0", 1)
        line.wait_idle(truth.counts["lines"], IDLE_S)
        self.check_incidents(line, truth)
        # A stop waits for such a call as long as it may, and says which it was.
        terminal.read()
        terminal.fill()
        Feeder(line.paths, truth.chunk(1000), rate=1000).finish()
        until("an alert waits for the terminal", lambda: waits_in_write(stuck.process.pid), IDLE_S)
        stuck.signal(signal.SIGTERM)
        self.assertEqual(stuck.process.wait(timeout=IDLE_S), 1)
        self.assertIn("channels still busy: wall", stuck.log.read_text().splitlines()[-1])

    def test_all_go_on_after_the_broker_was_killed(self):
        line, truth = self.line(), self.truth()
        processes = [line.start("alert"), line.start("filter"), line.start("ingest")]
        until("started", lambda: all("keng.started" in one.log.read_text() for one in processes), IDLE_S)
        feeder = Feeder(line.paths, truth.chunk(8000), rate=500)
        feeder.wait_written(1500)
        self.kafka.kill(1)
        time.sleep(3)
        self.kafka.restart(1)
        feeder.finish()
        line.wait_idle(truth.counts["lines"], IDLE_S)
        self.assertTrue(all(one.alive() for one in processes))
        self.check_posts(line, truth)
        self.check_incidents(line, truth)
        line.stop(*processes)

    def test_a_filter_that_was_opening_when_the_broker_was_killed_goes_on(self):
        line, truth = self.line(), self.truth()
        processes = [line.start("filter")]
        until("gained", lambda: "member.gained" in processes[0].log.read_text(), IDLE_S)
        self.kafka.kill(1)
        time.sleep(3)
        self.kafka.restart(1)
        self.kafka.wait_ready()
        processes += [line.start("alert"), line.start("ingest")]
        Feeder(line.paths, truth.chunk(2000), rate=1000).finish()
        line.wait_idle(truth.counts["lines"], IDLE_S)
        self.assertTrue(all(one.alive() for one in processes))
        self.check_posts(line, truth)
        line.stop(*processes)

    # --- posts of other producers ---

    def test_the_intake_takes_what_others_write(self):
        line = self.line(more_sources="  - {name: door, type: intake, purpose: test, owner: tests, until: 2099-12-31}\n")
        line.start("alert")
        line.start("filter")
        line.start("ingest")
        code, name = report_text.wards()[0]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        posts = [json.dumps({"id": f"forum:{n}", "source": "forum:other", "author": "u88", "created_at": stamp,
                             "text": f"{text} gọi 0912345678", "url": f"https://forum.example/{n}"}, ensure_ascii=False)
                 for n, text in enumerate([f"ngập lút bánh ở {name}, An Giang", "trời đẹp quá", "mai ăn gì"])]
        broken = ['{"id": "cut', "[]", '{"id": "forum:9"}']
        topic = f"{line.prefix}intake"
        config = self.kafka.client_config()
        kcat.run(config, "-P", "-t", topic, data="".join(one + "\n" for one in posts + broken).encode())
        kcat.run(config, "-P", "-t", topic, "-Z", "-K", ":", data=b"forum:7:\n")
        status = line.wait_idle(7, IDLE_S)
        self.assertEqual(status["ingest"], {"lines": 7, "stored": 3, "expanded": 0, "duplicate": 0, "dropped": 4})
        dead = [json.loads(row) for row in line.command("dead", "list", "--format", "json").stdout.splitlines()]
        self.assertEqual(len(dead), 4)
        self.assertEqual({row["stage"] for row in dead}, {"ingest"})
        everything = json.dumps(line.tap("posts"))
        self.assertIn("forum:0", everything)
        self.assertNotIn("0912345678", everything)
        self.assertNotIn("u88", everything)
        incident, = line.incidents()
        self.assertEqual((incident["topic"], incident["place"]), ("flooding", code))

    # --- rules ---

    def rules_status(self, line):
        done = line.command("rules", "status", "--format", "json", check="")
        rows = [json.loads(row) for row in done.stdout.splitlines()]
        return done.returncode, rows[0], rows[1:]

    def test_published_rules_reach_all_filters(self):
        line = self.line()
        code, name = report_text.wards()[0]
        line.start("alert")
        line.start("ingest")
        filters = [line.start("filter", one) for one in ("f0", "f1")]
        for one in filters:
            self.wait_holding(one, "filter-", 2)
        until("both say what they run", lambda: len(self.rules_status(line)[2]) == 2, 20)
        self.assertEqual(self.rules_status(line)[0], 0)

        def publish(path):
            published_at = time.monotonic()
            line.command("rules", "publish", "--rules", str(path), "--publisher", "test")
            version = self.rules_status(line)[1]["current"]
            until("both run it", lambda: [row["version"] for row in self.rules_status(line)[2]] == [version] * 2, 60)
            return version, time.monotonic() - published_at
        rule = """pack: {{name: storm, purpose: test, owner: tests, until: 2099-12-31}}
rules:
  - id: storm
    topic: {topic}
    title: {{vi: Bão, en: Storm}}
    place: required
    any: [{phrases}]
    tests: {{match: [{{text: "{first} ở {name}, An Giang", cell: "{code}"}}], no_match: [trời đẹp]}}
"""
        pack = line.folder / "storm.yaml"
        pack.write_text(rule.format(topic="flooding", phrases="bão giật", first="bão giật", name=name, code=code))
        version, took = publish(pack)
        print(f"published to both filters in {took:.1f} s", flush=True)
        self.assertLess(took, 20)
        exit_status, current, rows = self.rules_status(line)
        self.assertEqual((exit_status, current["publisher"]), (0, "test"))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with open(line.paths[0], "a") as out:
            for number in range(8):  # into each partition
                out.write(json.dumps({"id": f"test:{number}", "source": "test:s", "created_at": stamp,
                                      "text": f"bão giật ở {name}, An Giang"}, ensure_ascii=False) + "\n")
        status = line.wait_idle(8)
        self.assertEqual(status["filters"]["hits"], 8)

        # A publication that no filter can read: the old rules stay, and it shows.
        topic = f"{line.prefix}control"
        good = [record["value"] for record in line.tap("control") if record["key"] == "rules/current"][-1]
        bad = good | {"version": "broken", "id": "broken", "chunks": 1, "bytes": 7}
        self.assertNotEqual(good, bad)
        for record in (b"rules/chunk/broken/broken/0\tgarbage\n", b"rules/current\t" + json.dumps(bad).encode() + b"\n"):
            kcat.run(self.kafka.client_config(), "-P", "-t", topic, "-K", "\t", data=record)
        until("it shows", lambda: all(row.get("trouble") for row in self.rules_status(line)[2]), 30)
        exit_status, current, rows = self.rules_status(line)
        self.assertEqual((exit_status, current["current"]), (1, "broken"))
        self.assertEqual([row["version"] for row in rows], [version] * 2)

        # 100,000 phrases travel in chunks.
        syllables = [onset + rime for onset in report_text.ONSETS for rime in report_text.RIMES]
        count, base = 100_000, len(syllables)
        phrases = [f"bão {syllables[n % base]} {syllables[n // base % base]} xyz" for n in range(count)]
        pack.write_text(rule.format(topic="flooding", phrases=", ".join(phrases), first=phrases[-1], name=name,
                                    code=code))
        version, took = publish(pack)
        print(f"{count} phrases published to both filters in {took:.1f} s", flush=True)
        self.assertEqual(self.rules_status(line)[0], 0)
        line.command("rules", "publish", "--withdraw")
        until("the files are back", lambda: {row["version"] for row in self.rules_status(line)[2]} != {version}, 60)

    # --- what operators do ---

    def test_operators_act_over_the_streams(self):
        line, truth = self.line(), self.truth()
        one = line.start("run")  # all stages in one process, as `keng run` does over Kafka
        with open(line.paths[0], "a") as out:
            out.writelines(row + "\n" for row in truth.chunk(200))
        line.wait_idle(200, IDLE_S)
        self.check_incidents(line, truth)
        rung = len(line.receiver.alerts())
        incident = line.incidents()[0]
        line.command("incidents", "act", "received", incident["id"], "--actor", "tester", "--id", "act-1")
        until("received", lambda: json.loads(line.command("incidents", "show", incident["id"], "--format", "json")
                                             .stdout)["received_by"] == "tester", 20)
        refused = line.command("incidents", "act", "received", "no-such-incident", "--actor", "tester", check="")
        self.assertEqual(refused.returncode, 2)

        line.command("pause", "--actor", "tester")
        truth_lines = truth.chunk(100)
        with open(line.paths[0], "a") as out:
            out.writelines(row + "\n" for row in truth_lines)
        until("read", lambda: line.status()["ingest"]["lines"] == 300 and line.status()["lag"] == 0, 30)
        opened = set(one["id"] for one in line.incidents())
        self.assertGreater(len(opened), 0)
        line.command("resume", "--actor", "tester")
        line.wait_idle(300, IDLE_S)
        self.check_incidents(line, truth)
        self.assertGreater(len(line.receiver.alerts()), rung)

        # A receiver that refuses for good, mended by an operator, who then asks for what it refused.
        (line.folder / "mode").write_text("400")
        with open(line.paths[0], "a") as out:
            out.writelines(row + "\n" for row in truth.chunk(200))
        line.wait_idle(500, IDLE_S)
        dead = line.command("dead", "list", "--stage", "alerting", "--format", "json").stdout.splitlines()
        refused = len(dead)
        self.assertGreater(refused, 0)
        (line.folder / "mode").unlink()
        replay = ("dead", "replay", "--actor", "tester", "--channel", "hook")
        self.assertEqual(json.loads(line.command(*replay).stdout),
                         {"replayed": refused, "skipped": 0, "expired": 0, "unrouted": 0})
        line.wait_idle(500, IDLE_S)
        until("nothing is dead", lambda: json.loads(line.command(*replay).stdout)["skipped"] == refused, 30)
        self.assertEqual(self.check_incidents(line, truth), 0)

        post = next(json.loads(row)["id"] for row in truth_lines if '"text"' in row)
        self.assertEqual(json.loads(line.command("forget", post).stdout), {"posts": 1})
        until("forgotten", lambda: any(row["key"] == post and row["value"] is None for row in line.tap("texts"))
              or all(row["key"] != post for row in line.tap("texts")), 30)
        newest = {}
        for record in line.tap("posts"):
            newest[record["key"]] = record["value"]
        self.assertNotIn("text", newest[post] or {})
        self.assertIn("act-1", json.dumps(line.tap("inbox")))
        alerts = line.tap("alerts")
        self.assertGreater(len(alerts), 0)
        dead = line.command("dead", "list", "--format", "json").stdout.splitlines()
        self.assertEqual(len(dead), truth.counts["broken"] + refused)
        line.stop(one)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--seed", type=int, default=1)
    args, words = parser.parse_known_args()
    LineTest.keng, LineTest.seed = str(pathlib.Path(args.keng).resolve()), args.seed
    print(f"seed {args.seed}", flush=True)
    names = [word if "." in word or word.startswith("-") else f"LineTest.{word}" for word in words]
    unittest.main(argv=[sys.argv[0], "-v", *names])


if __name__ == "__main__":
    main()
