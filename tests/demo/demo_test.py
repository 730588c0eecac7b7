#!/usr/bin/env python3
"""The demo's evening through the real program, judged by its oracle: every story of demo/expected_stories.json rings once,
with at least the posts that it must have gathered, and little else rings.

usage: demo_test.py --keng build/release/keng [--kafka] [--show]
--kafka: over the broker whose host:port stands in the file $KENG_KAFKA_ADDRESS_FILE, by `keng run` and by `keng demo`.
--show lists what rang beside the expected stories.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testkit"))

from keng_process import ROOT, Failure, Keng  # noqa: E402

# Incidents beside the expected ones that are let pass: true reports that the authors did not list as stories of their own
# (a hole in the road within a flood, one more accident), and stories that ring under a second topic. More than this and the evening is noisy.
EXTRA_MAX = 23


def matches(story, incident):
    if story["topic"] != incident["topic"]:
        return False
    if story["topic"] == "rumour":
        return story["rule"] == incident["rule"]
    return story["place"] == incident["place"]


def run_demo(binary, address):
    """`keng demo` over Kafka ends by itself, and its sums agree."""
    done = subprocess.run([binary, "demo", "--once", "--speed", "1000", "--home", str(ROOT), "--kafka", address],
                          capture_output=True, text=True, timeout=180)
    if done.returncode != 0 or not done.stdout.endswith("the sums agree\n"):
        raise Failure(f"keng demo ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    streams = ""
    if args.kafka:
        address = pathlib.Path(os.environ["KENG_KAFKA_ADDRESS_FILE"]).read_text().strip()
        streams = (f'streams: {{kafka: {{bootstrap: "{address}", prefix: demo-test-{os.getpid()}., '
                   'retention_slack: 10000d}}')
    keng = Keng(args.keng, f"""
{streams}
rules: [{ROOT}/rules/an-giang]
places: {ROOT}/rules/places
cells: {ROOT}/demo/cells.yaml
max_age: 10000d
metrics_listen: ""
alerts: {{rings_per_cell_hour_max: 100000}}
sources:
  - {{name: evening, type: file, path: {ROOT}/demo/flood_evening.ndjson, follow: true, purpose: test, owner: tests,
      until: 2099-12-31}}
channels:
  - {{name: file, type: file, path: alerts.jsonl}}
cell_channels:
  "91": [file]
""")
    ok = False
    try:
        lines = (ROOT / "demo/flood_evening.ndjson").read_text().count("\n")
        if args.kafka:
            keng.command("topics", "create")
        keng.start()
        if not keng.wait_idle(lines):
            raise Failure(f"keng died; see {keng.log}")
        keng.stop()
        incidents = keng.incidents()
        stories = json.loads((ROOT / "demo/expected_stories.json").read_text())
        alerts = [json.loads(line) for line in (keng.folder / "alerts.jsonl").read_text().splitlines()]
        opened = collections.Counter(a["subject"] for a in alerts if a["type"] == "vn.keng.alert.opened.v1")
        wrong, taken = [], set()
        for story in stories:
            found = [i for i in incidents if matches(story, i)]
            taken.update(i["id"] for i in found)
            posts = sum(i["posts"] for i in found)
            if posts < story["posts_min"]:
                wrong.append(f"story {story['story']}: {posts} posts in {len(found)} incidents, expected {story['posts_min']}")
            if len(found) > 1:
                wrong.append(f"story {story['story']}: rang as {len(found)} incidents")
        for incident, count in opened.items():
            if count > 1:
                wrong.append(f"incident {incident} was opened {count} times")
        extra = [i for i in incidents if i["id"] not in taken]
        if args.show:
            for incident in extra:
                print(f"beside: {incident['topic']} {incident['place']} {incident['rule']} {incident['first_post']}")
        if len(extra) > EXTRA_MAX:
            wrong.append(f"{len(extra)} incidents beside the expected stories, at most {EXTRA_MAX} are let pass")
        for line in wrong:
            print("WRONG", line)
        print(f"{lines} lines, {len(stories)} expected stories, {len(incidents)} incidents, {len(extra)} beside, "
              f"{len(wrong)} wrong")
        if args.kafka:
            run_demo(args.keng, address)
        ok = not wrong
    finally:
        keng.close(args.keep or not ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
