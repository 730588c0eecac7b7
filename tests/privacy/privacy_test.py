#!/usr/bin/env python3
"""Plants names, handles, phone numbers, identity numbers, plates and mail addresses in everything that a producer may
send, broken lines included, runs the whole line to sent alerts, and then searches every byte that keng wrote: its data
folder, its log, its metrics and the alerts. None of the planted words may be anywhere.

The test would fail by itself if nothing were stored: it also looks for a word that must be there.

usage: privacy_test.py --keng build/release/keng
"""
import argparse
import json
import pathlib
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testkit"))

from keng_process import ROOT, Failure, Keng, Receiver  # noqa: E402
from ports import free_port  # noqa: E402

# What the producer sends as the person, in fields of the schema and others.
PERSON = {"author": "native-id-QZX77120", "author_name": "Trần QZXVăn Kiểm", "username": "qzx_kiemtra",
          "display_name": "QZX Kiểm Tra", "avatar": "https://img.example/qzxavatar.jpg",
          "user": {"name": "QZXNested", "followers": 12}}
# Inside the text: each must be masked.
IN_TEXT = ["0912 345 678", "0907.111.222", "+84 912 345 679", "(0296) 3 855 123", "089123456789", "351234567",
           "67A-123.45", "67-B1 234.56", "qzx.mail@example.com", "@qzx_handle"]
MUST_BE_STORED = "qzxmarker"


def posts(now):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    for number, planted in enumerate(IN_TEXT):
        yield json.dumps({"id": f"test:{number}", "source": "test:privacy", "kind": "post", "created_at": stamp,
                          "url": f"https://social.example/p/{number}", "lang": "vi", **PERSON,
                          "text": f"{MUST_BE_STORED} ngập lút bánh ở phường Long Xuyên, An Giang, ai cần gọi {planted} nha"},
                         ensure_ascii=False)
        # The same in lines that are put aside: cut short, of a wrong type, without an id.
        yield (f'{{"id": "broken:{number}", "author_name": "Trần QZXVăn Kiểm", "text": "gọi {planted}", '
               '"author": "native-id-QZX77120')
        yield json.dumps({"id": 7, "text": f"số {planted}", **PERSON}, ensure_ascii=False)
        yield json.dumps({"text": f"số {planted}", **PERSON}, ensure_ascii=False)


def planted_words():
    words = [PERSON["author"], PERSON["author_name"], PERSON["username"], PERSON["display_name"], PERSON["avatar"],
             "QZXNested"] + IN_TEXT
    return [word.encode() for word in words]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    keng = Keng(args.keng, "")
    receiver = Receiver(keng.folder)
    metrics_port = free_port()
    keng.config.write_text(f"""data_dir: data
rules: [{ROOT}/tests/crash/pack]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
metrics_listen: 127.0.0.1:{metrics_port}
sources:
  - {{name: privacy, type: file, path: posts.ndjson, follow: true, purpose: test, owner: tests, until: 2099-12-31}}
channels:
  - {{name: file, type: file, path: alerts.jsonl}}
  - {{name: hook, type: webhook, url: "http://127.0.0.1:{receiver.port}/alerts", secret_file: secret,
      allow_private: true}}
cell_channels:
  "91": [file, hook]
""")
    ok = False
    try:
        lines = list(posts(time.time()))
        (keng.folder / "posts.ndjson").write_text("".join(line + "\n" for line in lines))
        keng.start()
        if not keng.wait_idle(len(lines)):
            raise Failure(f"keng died; see {keng.log}")
        status = keng.status()
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics").read()
        keng.stop()
        written = {"metrics": metrics}
        for path in keng.folder.rglob("*"):
            if path.is_file() and path.name != "posts.ndjson":
                written[str(path.relative_to(keng.folder))] = path.read_bytes()
        found = [(place, word.decode()) for place, content in written.items() for word in planted_words()
                 if word in content]
        for place, word in found:
            print(f"WRONG: {word!r} stands in {place}")
        stored = [place for place, content in written.items() if MUST_BE_STORED.encode() in content]
        if not any(place.startswith("data/") for place in stored) or "alerts.jsonl" not in stored:
            raise Failure(f"the marker is only in {stored}: nothing was stored or rung, so nothing was tested")
        if status["ingest"]["dropped"] != 3 * len(IN_TEXT):
            raise Failure(f"dropped: {status['ingest']}")
        total = sum(len(content) for content in written.values())
        print(f"{len(lines)} lines, {total} bytes searched for {len(planted_words())} planted words, "
              f"{len(found)} found")
        ok = not found
    finally:
        keng.close(args.keep or not ok)
        receiver.stop()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
