#!/usr/bin/env python3
"""Writes demo/flood_evening.ndjson (canonical posts) and demo/expected_stories.json from
demo/flood_evening.script. Same input, same bytes: the only chance is a seeded generator.

Usage: demo/make_flood_evening.py [--check]     (--check: fail when the files are not up to date)
"""
import argparse
import datetime
import json
import pathlib
import random
import re
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
ZONE = datetime.timezone(datetime.timedelta(hours=7))
EVENING = datetime.datetime(2026, 10, 18, tzinfo=ZONE)
REPOST_BEFORE = ["Chia sẻ: ", "", "", "Copy từ nhóm: ", "", "🆘 ", "Cho mọi người biết nè: "]
REPOST_AFTER = ["", " 😢", " mọi người cẩn thận", " ạ", " 🙏🙏", " cc cả nhà", "!!!", " (st)"]
MOODS = ["", "", "", " :))", " 😅", " nha", " ghê", " =))", " hihi"]


def without_marks(text):
    decomposed = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def stamp(time):
    return time.astimezone(ZONE).isoformat(timespec="seconds")


def blocks(script):
    block = None
    for number, line in enumerate(script.splitlines(), 1):
        line = line.rstrip()
        if not line or line.startswith("# ") or line == "#":
            continue
        if line.startswith("@"):
            kind, name, *pairs = line[1:].split()
            block = {"kind": kind, "name": name, "lines": [], **dict(p.split("=", 1) for p in pairs)}
            yield block
        elif block is None:
            sys.exit(f"flood_evening.script:{number}: a post stands before the first header")
        else:
            block["lines"].append(line)


class Evening:
    def __init__(self):
        self.random = random.Random(20261018)
        self.records = []  # (time, record)
        self.native = 5000

    def post(self, block, text, time, **fields):
        self.native += self.random.randint(1, 9)
        account = fields.pop("account", block.get("account", "facebook:group:cho-an-giang"))
        platform = account.split(":", 1)[0]
        record = {
            "id": f"{platform}:{self.native}",
            "source": platform,
            "url": f"https://social.example/p/{self.native}",
            "author": f"u{self.random.randint(1, 4000)}",
            "account": account,
            "created_at": stamp(fields.pop("created", time)),
            "kind": fields.pop("kind", "post"),
            "lang": "vi",
            "text": text,
            "version": "1",
            **fields,
        }
        self.records.append((time, record))
        return record

    def play(self, block):
        hour, minute = map(int, block["start"].split(":"))
        time = EVENING.replace(hour=hour, minute=minute)
        every = int(block["every"])
        first = last = None
        originals = []
        for line in block["lines"]:
            time += datetime.timedelta(seconds=self.random.randint(every // 3, every))
            if line.startswith("E>"):
                edited = dict(last, text=line[2:].strip(), version="2", edited_at=stamp(time))
                self.records.append((time, edited))
                originals.remove(last)
                last = edited
            elif line.startswith("D>"):
                self.records.append((time, {"id": last["id"], "source": last["source"],
                                            "kind": "delete", "deleted_at": stamp(time)}))
                originals.remove(last)
            elif line.startswith("OLD>"):
                self.post(block, line[4:].strip(), time,
                          created=time - datetime.timedelta(days=3))
            elif line.startswith(">"):
                last = self.post(block, line[1:].strip(), time, kind="comment",
                                 reply_to=first["id"])
                originals.append(last)
            else:
                fields = {}
                other = re.match(r"=(\S+)> ", line)
                if other:
                    fields["account"], line = other.group(1), line[other.end():]
                last = self.post(block, line, time, **fields)
                first = first or last
                originals.append(last)
        self.repost(block, originals)

    def repost(self, block, originals):
        """Copies with small changes, on the same account, within an hour of the original."""
        sources = [o for o in originals if o["kind"] == "post"]
        for number in range(int(block.get("reposts", 0))):
            source = sources[number % len(sources)]
            text = source["text"]
            if self.random.random() < 0.35:
                text = without_marks(text)
            if self.random.random() < 0.25:
                text = text.lower()
            if block["kind"] == "quiet" and block["name"] == "everyday":
                text += self.random.choice(MOODS)
            else:
                text = self.random.choice(REPOST_BEFORE) + text + self.random.choice(REPOST_AFTER)
            if self.random.random() < 0.12:  # as some phones send it
                text = unicodedata.normalize("NFD", text)
            time = datetime.datetime.fromisoformat(source["created_at"])
            time += datetime.timedelta(seconds=self.random.randint(40, 2700))
            self.post(block, text, time, account=source["account"])


def expected(all_blocks):
    stories = []
    for block in all_blocks:
        if block["kind"] == "story":
            story = {"story": block["name"], "topic": block["topic"], "place": block["place"],
                     "posts_min": max(1, len([l for l in block["lines"]
                                              if not l.startswith((">", "E>", "D>"))]) - 1)}
            if "rumour" in block:
                story["rule"] = block["rumour"]
            stories.append(story)
    return stories


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    all_blocks = list(blocks((HERE / "flood_evening.script").read_text(encoding="utf-8")))
    evening = Evening()
    for block in all_blocks:
        evening.play(block)
    evening.records.sort(key=lambda pair: pair[0])
    end = EVENING.replace(hour=21, minute=30)
    lines = [json.dumps(record, ensure_ascii=False) for time, record in evening.records if time < end]
    outputs = {
        "flood_evening.ndjson": "\n".join(lines) + "\n",
        "expected_stories.json": json.dumps(expected(all_blocks), ensure_ascii=False, indent=1) + "\n",
    }
    for name, content in outputs.items():
        path = HERE / name
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != content:
                sys.exit(f"demo/{name} is not what demo/make_flood_evening.py writes: run it")
        else:
            path.write_text(content, encoding="utf-8")
    print(f"{len(lines)} records, {len(all_blocks)} blocks, "
          f"{sum(len(b['lines']) for b in all_blocks)} authored lines")


if __name__ == "__main__":
    main()
