#!/usr/bin/env python3
"""The schedule is the seed's, has each kind, and never lets two faults meet that would spoil each other's proof; of two
that meet, the one that needs the line whole is proven last."""
import argparse
import collections
import contextlib
import io
import pathlib
import sys
import unittest
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "testkit"), str(HERE.parent / "kafka")]
import chaos  # noqa: E402
import schedule  # noqa: E402
from faults import KINDS, Fault, NotFired  # noqa: E402


class ScheduleTest(unittest.TestCase):
    def test_the_seed_gives_the_same_steps(self):
        self.assertEqual(list(map(str, schedule.make(5, 300))), list(map(str, schedule.make(5, 300))))
        self.assertNotEqual(list(map(str, schedule.make(5, 300))), list(map(str, schedule.make(6, 300))))

    def test_as_many_faults_as_asked_for_and_each_kind_early(self):
        for count in (1, 2, len(KINDS), 1000):
            steps = schedule.make(9, count)
            self.assertEqual(sum(len(step.faults) for step in steps), count)
        kinds = collections.Counter(kind for step in schedule.make(9, len(KINDS)) for kind, _ in step.faults)
        self.assertEqual(kinds, collections.Counter(list(KINDS)))

    def test_two_at_once_share_nothing(self):
        steps = schedule.make(2, 2000)
        pairs = [step.faults for step in steps if len(step.faults) == 2]
        self.assertGreater(len(pairs), 100)
        for (one, _), (other, _) in pairs:
            self.assertFalse(KINDS[one].touches & KINDS[other].touches, f"{one} and {other}")

    def test_a_thousand_faults_last_less_than_two_hours(self):
        steps = schedule.make(1, 1000)
        self.assertLess(sum(step.hold_s + step.pause_s for step in steps), 5400)

    def test_what_shows_in_alerts_is_proven_when_the_other_fault_is_over(self):
        class NobodyRings(Fault):
            def begin(self, line):
                line.rings = False

            def prove(self, line):
                return "nobody rings"

            def heal(self, line):
                line.rings = True

        class ShowsInAlerts(Fault):
            shows_in_alerts = True

            def begin(self, line):
                pass

            def prove(self, line):
                if not line.rings:
                    raise NotFired("no alert came")
                return "an alert came"

        line = unittest.mock.Mock(rings=True, crashes=[])
        step = schedule.Step([("shows", {}), ("silence", {})], hold_s=0, pause_s=0, lines=8)
        run = chaos.Chaos(argparse.Namespace(seed=1), line, [step])
        with unittest.mock.patch.dict(KINDS, shows=ShowsInAlerts, silence=NobodyRings), \
                contextlib.redirect_stdout(io.StringIO()):
            run.step(1, step)
        self.assertEqual(run.wrong, [])
        self.assertEqual(run.fired, {"shows": 1, "silence": 1})


if __name__ == "__main__":
    unittest.main()
