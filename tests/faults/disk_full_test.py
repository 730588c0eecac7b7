#!/usr/bin/env python3
"""Fills the disk under a running keng (a tmpfs of 96 MiB), sends posts meanwhile, and frees it again: keng must stay up,
say so in /readyz, take nothing it cannot keep, and lose nothing: in the end every story has rung once and the fold from
empty agrees.

Needs the right to mount a tmpfs. Where that is missing the test says so and ends with status 77 (skipped).
usage: disk_full_test.py --keng build/release/keng
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testkit"))
sys.path.insert(0, str(HERE.parent / "crash"))

import stories  # noqa: E402
from keng_process import ROOT, Failure, Keng  # noqa: E402
from ports import free_port  # noqa: E402

WARDS = [("30307", "phường Long Xuyên"), ("30316", "phường Châu Đốc")]


def readyz(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait(what, condition, deadline_s=60):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise Failure(f"{what}: not within {deadline_s} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    disk = pathlib.Path(tempfile.mkdtemp(prefix="keng-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "keng-test", str(disk)], capture_output=True,
                             text=True)
    if mounted.returncode != 0:
        print(f"SKIPPED: no right to mount a tmpfs ({mounted.stderr.strip()})")
        disk.rmdir()
        return 77
    port = free_port()
    keng = Keng(args.keng, "")
    keng.config.write_text(f"""data_dir: {disk}/data
rules: [{ROOT}/tests/crash/pack]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
metrics_listen: 127.0.0.1:{port}
streams: {{disk_free_min: 4MiB}}
alerts: {{tick_interval: 1s, rings_per_cell_hour_max: 100000}}
sources:
  - {{name: full, type: file, path: posts.ndjson, follow: true, purpose: test, owner: tests, until: 2099-12-31}}
channels:
  - {{name: file, type: file, path: alerts.jsonl}}
cell_channels:
  "91": [file]
""")
    ok = False
    try:
        truth = stories.Input(7, WARDS, time.time() - 3600)
        posts = keng.folder / "posts.ndjson"
        lines = 0

        def append(count):
            nonlocal lines
            chunk = truth.chunk(count)
            lines += len(chunk)
            with open(posts, "a") as out:
                out.write("".join(line + "\n" for line in chunk))

        append(200)
        keng.start()
        keng.wait_idle(lines)
        if readyz(port)[0] != 200:
            raise Failure(f"not ready before the disk was full: {readyz(port)}")
        # The filler takes all that is left, again and again while keng's own files shrink and grow.
        filler = open(disk / "filler", "wb", buffering=0)

        def fill():
            try:
                while True:
                    filler.write(bytes(65536))
            except OSError:
                pass

        fill()
        append(20000)
        wait("/readyz tells of the full disk", lambda: (fill(), readyz(port)[0] == 503)[1])
        detail = readyz(port)[1]
        if keng.process.poll() is not None:
            raise Failure(f"keng died of a full disk; see {keng.log}")
        filler.close()
        (disk / "filler").unlink()
        if not keng.wait_idle(lines, deadline_s=120):
            raise Failure(f"keng died after the disk was freed; see {keng.log}")
        wait("/readyz is well again", lambda: readyz(port)[0] == 200)
        status = keng.status()
        keng.stop()
        found = {(incident["topic"], incident["place"]): incident["posts"] for incident in keng.incidents()}
        if found != truth.posts_by_story():
            raise Failure(f"stories {found}, expected {truth.posts_by_story()}")
        if status["ingest"]["stored"] != truth.counts["stored"]:
            raise Failure(f"stored {status['ingest']}, expected {truth.counts}")
        keng.command("incidents", "verify")
        print(f"{lines} lines, {len(found)} stories; while full /readyz said: {detail.strip()}")
        ok = True
    finally:
        keng.close(args.keep or not ok)
        subprocess.run(["umount", str(disk)], check=False)
        disk.rmdir()
    return 0


if __name__ == "__main__":
    sys.exit(main())
