#!/usr/bin/env python3
"""Near-duplicates: `keng group` against judged pairs of real posts.

usage: eval_group.py --keng build/release/keng --corpora DIR
  reads DIR/corpora/dedup/reintel_pairs.tsv (DUP, PARTIAL, NOT_DUP, NOT_DUP_TEMPLATE) and DIR/corpora/vi/reintel.jsonl.
  A pair counts as merged when both posts got the same group.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--corpora", required=True)
    args = parser.parse_args()
    root = pathlib.Path(args.corpora) / "corpora"
    posts = [json.loads(line) for line in open(root / "vi/reintel.jsonl", encoding="utf-8")]
    with open(root / "dedup/reintel_pairs.tsv", encoding="utf-8") as file:
        pairs = list(csv.DictReader(file, delimiter="\t"))
    lines = "".join(json.dumps({"id": post["id"], "text": post["text"]}, ensure_ascii=False) + "\n" for post in posts)
    done = subprocess.run([args.keng, "group"], input=lines, text=True, capture_output=True)
    group = {}
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        group[answer["id"]] = answer["group"]
    merged, total = {}, {}
    for pair in pairs:
        if pair["id1"] not in group or pair["id2"] not in group:
            continue
        label = pair["label"]
        total[label] = total.get(label, 0) + 1
        merged[label] = merged.get(label, 0) + (group[pair["id1"]] == group[pair["id2"]])
    right, wrong = merged.get("DUP", 0), merged.get("NOT_DUP", 0)
    print(f"{len(posts)} posts, {len(set(group.values()))} groups")
    print(f"precision {right / max(1, right + wrong):.4f}  recall {right / max(1, total.get('DUP', 0)):.4f}  "
          f"templates merged {merged.get('NOT_DUP_TEMPLATE', 0) / max(1, total.get('NOT_DUP_TEMPLATE', 0)):.4f}")
    for label in sorted(total):
        print(f"  {label}: {merged[label]} of {total[label]} merged")
    return 0


if __name__ == "__main__":
    sys.exit(main())
