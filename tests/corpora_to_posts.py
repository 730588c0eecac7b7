#!/usr/bin/env python3
"""Converts the corpora of a data directory (its corpora/vi) into canonical posts, one JSON object a
line, for `keng match`. The texts are written as they stand; nothing of them is kept elsewhere.

Usage: tests/corpora_to_posts.py DATA_DIR [--all] [--out FILE]
  default: the JSONL corpora (posts and comments); --all adds headlines and the TSV rows
"""
import argparse
import datetime
import json
import pathlib
import sys

UTC = datetime.timezone.utc
NO_TIME = datetime.datetime(2020, 1, 1, tzinfo=UTC)  # corpora without a time


def post(native_id, text, time=NO_TIME, author=None, kind="post", corpus="corpus"):
    record = {
        "id": f"{corpus}:{native_id}",
        "source": f"corpus:{corpus}",
        "created_at": time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "kind": kind,
        "lang": "vi",
        "text": text,
    }
    if author not in (None, ""):
        record["author"] = f"{corpus}-{author}"
    return record


def from_jsonl(path):
    kind = "comment" if path.stem.startswith(("vihsd", "safesense")) else "post"
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            text = row.get("text") or row.get("title") or ""
            if not text:
                continue
            time = NO_TIME
            if str(row.get("ts", "")).isdigit():
                time = datetime.datetime.fromtimestamp(int(row["ts"]), UTC)
            yield post(row["id"], text, time, row.get("author"), kind, path.stem)


def from_rows(path):
    with path.open(encoding="utf-8") as lines:
        header = next(lines).rstrip("\n").split("\t") if path.suffix == ".tsv" else ["text"]
        column = next((i for i, name in enumerate(header) if name in ("text", "title")), -1)
        for number, line in enumerate(lines, 1):
            text = line.rstrip("\n").split("\t")[column]
            if text:
                yield post(number, text, corpus=path.stem)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    folder = args.data_dir / "corpora" / "vi"
    if not folder.is_dir():
        sys.exit(f"{folder} is not there: give the directory that holds corpora/vi")
    out = args.out.open("w", encoding="utf-8") if args.out else sys.stdout
    written = 0
    seen = set()
    for path in sorted(folder.iterdir()):
        rows = None
        if path.suffix == ".jsonl" and path.stem != "non_nfc_rows":  # those are rows of the others
            rows = from_jsonl(path)
        elif args.all and path.suffix in (".txt", ".tsv"):
            rows = from_rows(path)
        for record in rows or ():
            if record["id"] in seen:
                record["id"] += f"-{written}"
            seen.add(record["id"])
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
            written += 1
    print(f"{written} posts", file=sys.stderr)


if __name__ == "__main__":
    main()
