#!/usr/bin/env python3
"""Flips one byte at a time in the files of a stopped keng, starts it on each damaged copy, and asks for the truth: either
keng says what is corrupt and where (and does not go on), or the byte did not matter and everything is as it was. A wrong
answer, a lost incident or silence is the failure.

usage: flipped_byte_test.py --keng build/release/keng [--flips 30] [--seed 1]
"""
import argparse
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testkit"))
sys.path.insert(0, str(HERE.parent / "crash"))

import stories  # noqa: E402
from keng_process import ROOT, Failure, Keng  # noqa: E402

WARDS = [("30307", "phường Long Xuyên"), ("30316", "phường Châu Đốc")]
# Files that RocksDB itself writes for people or as locks: their content decides nothing.
IGNORED = ("LOG", "LOCK", "OPTIONS", "admin.sock", "IDENTITY")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--flips", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    config = f"""
rules: [{ROOT}/tests/crash/pack]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
metrics_listen: ""
alerts: {{rings_per_cell_hour_max: 100000}}
sources:
  - {{name: flip, type: file, path: posts.ndjson, follow: true, purpose: test, owner: tests, until: 2099-12-31}}
channels:
  - {{name: file, type: file, path: alerts.jsonl}}
cell_channels:
  "91": [file]
"""
    keng = Keng(args.keng, config)
    ok = False
    try:
        truth = stories.Input(args.seed, WARDS, time.time() - 3600)
        chunk = truth.chunk(2000)
        (keng.folder / "posts.ndjson").write_text("".join(line + "\n" for line in chunk))
        keng.start()
        keng.wait_idle(len(chunk))
        keng.stop()
        whole = keng.folder / "whole"
        shutil.copytree(keng.folder / "data", whole)
        files = sorted(path for path in whole.rglob("*") if path.is_file() and path.stat().st_size > 0
                       and not path.name.startswith(IGNORED))
        told = harmless = 0
        for _ in range(args.flips):
            victim = rng.choice(files)
            shutil.rmtree(keng.folder / "data")
            shutil.copytree(whole, keng.folder / "data")
            copy = keng.folder / "data" / victim.relative_to(whole)
            content = bytearray(copy.read_bytes())
            at = rng.randrange(len(content))
            content[at] ^= 1 << rng.randrange(8)
            copy.write_bytes(content)
            where = f"{victim.relative_to(whole)} byte {at}"
            verify = keng.command("incidents", "verify", check=False)
            if verify.returncode == 0:
                found = {(i["topic"], i["place"]): i["posts"] for i in keng.incidents()}
                if found != truth.posts_by_story():
                    raise Failure(f"{where}: verified, and yet the stories are {found}")
                harmless += 1
            elif verify.returncode < 0:
                raise Failure(f"{where}: keng died of signal {-verify.returncode}: {verify.stderr}")
            elif len(verify.stderr.strip()) < 20:
                raise Failure(f"{where}: status {verify.returncode} without a word")
            else:
                told += 1
            keng.start()
            try:
                keng.process.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                keng.process.kill()  # It may still be ending by itself just now, which is an answer too.
                keng.process.wait()
            if keng.process.returncode < 0 and keng.process.returncode != -signal.SIGKILL:
                raise Failure(f"{where}: keng run died of signal {-keng.process.returncode}; see {keng.log}")
        print(f"seed {args.seed}: {args.flips} flipped bytes in {len(files)} files, {told} told, {harmless} harmless")
        ok = told > 0
        if not ok:
            print("WRONG: not one flip was noticed")
    finally:
        keng.close(args.keep or not ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
