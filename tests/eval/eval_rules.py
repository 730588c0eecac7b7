#!/usr/bin/env python3
"""Precision and recall of the starter rules: does a text that reports a problem ring, and only that?

usage: eval_rules.py --keng build/release/keng [--corpora DIR]
  the authored sets of rules/an-giang/eval (label, note, text), and with --corpora the labelled comments of
  DIR/corpora/rules/issue_labelled.tsv (1 reports an issue, 0 another sense, ? left out).
  The strangers' sets (hard on purpose) and the ordinary one were written by people who did not know the rules; in them a
  report from another province is labelled 0, so they are judged as the line rings, with places. In the others places are
  not asked for.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def read(path, label_column, text_column):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(row[label_column], row[text_column]) for row in rows if row[label_column] in ("0", "1")]


def ringing(keng, texts, places):
    lines = "".join(json.dumps({"id": f"e:{i}", "text": text}, ensure_ascii=False) + "\n" for i, text in enumerate(texts))
    words = [keng, "match"] + ([] if places else ["--no-places"]) + [str(ROOT / "rules/an-giang")]
    done = subprocess.run(words, input=lines, text=True, capture_output=True, cwd=ROOT)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    hits = [json.loads(line) for line in done.stdout.splitlines()]
    return {int(hit["post"][2:]): hit["rule"] for hit in hits if hit["reason"] != "elsewhere"}


def judge(name, rows, rang, show):
    right = sum(1 for i, (label, _) in enumerate(rows) if label == "1" and i in rang)
    wrong = sum(1 for i, (label, _) in enumerate(rows) if label == "0" and i in rang)
    missed = sum(1 for i, (label, _) in enumerate(rows) if label == "1" and i not in rang)
    precision = right / (right + wrong) if right + wrong else 1.0
    recall = right / (right + missed) if right + missed else 1.0
    print(f"{name}: {len(rows)} texts, precision {precision:.3f}, recall {recall:.3f} "
          f"({right} right, {wrong} wrong, {missed} missed)")
    if show:
        for i, (label, text) in enumerate(rows):
            if (label == "1") != (i in rang):
                print(f"  {'missed' if label == '1' else 'wrong ' + rang[i]}: {text[:160]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--corpora")
    parser.add_argument("--show", action="store_true", help="the texts that were judged wrongly")
    args = parser.parse_args()
    sets = [(path.name, read(path, "label", "text")) for path in sorted((ROOT / "rules/an-giang/eval").glob("*.tsv"))]
    if args.corpora:
        labelled = pathlib.Path(args.corpora) / "corpora/rules/issue_labelled.tsv"
        sets.append((labelled.name, read(labelled, "label", "text")))
    for name, rows in sets:
        rang = ringing(args.keng, [text for _, text in rows], places=name.startswith(("strangers", "ordinary")))
        judge(name, rows, rang, args.show)
    return 0


if __name__ == "__main__":
    sys.exit(main())
