#!/usr/bin/env python3
"""Rings into a terminal that nobody reads (a full pipe), which no program can cut short, and stops keng: it must end within
its stop_deadline, say which channel it could not wait for, and ring the alert after the next start.

usage: stuck_terminal_test.py --keng build/release/keng
"""
import argparse
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testkit"))
sys.path.insert(0, str(HERE.parent / "crash"))

import stories  # noqa: E402
from full_pipe import FullPipe, waits_in_write  # noqa: E402
from keng_process import ROOT, Failure, Keng  # noqa: E402

CONFIG = f"""
rules: [{ROOT}/tests/crash/pack]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
metrics_listen: ""
stop_deadline: 2s
sources:
  - {{name: stuck, type: file, path: posts.ndjson, follow: true, purpose: test, owner: tests, until: 2099-12-31}}
channels:
  - {{name: wall, type: terminal}}
cell_channels:
  "91": [wall]
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    keng = Keng(args.keng, CONFIG)
    terminal = FullPipe()
    ok = False
    try:
        lines = stories.Input(1, [("30307", "phường Long Xuyên")], time.time() - 3600).chunk(200)
        (keng.folder / "posts.ndjson").write_text("".join(line + "\n" for line in lines))
        keng.process = subprocess.Popen([keng.binary, "run", "--config", str(keng.config)], stdout=terminal.writes,
                                        stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while True:
            status = keng.status()
            all_in = status and status["ingest"]["lines"] >= len(lines) and status["lag"] == 0
            if all_in and waits_in_write(keng.process.pid):
                break
            if time.monotonic() > end:
                raise Failure(f"no alert waits for the terminal: {status}")
            time.sleep(0.05)
        keng.process.send_signal(signal.SIGTERM)
        try:
            errors = keng.process.communicate(timeout=60)[1]
        except subprocess.TimeoutExpired:
            raise Failure("keng did not end") from None
        if keng.process.returncode != 1 or "channels still busy: wall" not in errors:
            raise Failure(f"keng ended with {keng.process.returncode} and said: {errors}")
        keng.start()
        keng.wait_idle(len(lines))
        keng.stop()
        keng.command("incidents", "verify")
        rung = keng.log.read_text().count("(có thể trùng)")
        if rung != 1:
            raise Failure(f"{rung} alerts say that they may be repeats, not the one that was stuck; see {keng.log}")
        print(f"{len(keng.incidents())} incidents; the alert that was stuck rang after the next start")
        ok = True
    except Failure as failure:
        print(f"WRONG: {failure}")
    finally:
        terminal.close()
        keng.close(args.keep or not ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
