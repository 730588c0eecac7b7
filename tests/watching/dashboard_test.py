#!/usr/bin/env python3
"""Runs keng under a real Prometheus and executes every query of the Grafana dashboard and every alert rule's expression:
each query of the dashboard must give at least one series, each rule must be healthy.

usage: dashboard_test.py --keng build/release/keng
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testkit"))

from keng_process import ROOT, Failure, Keng  # noqa: E402
from ports import free_port  # noqa: E402


def line(number, text, now):
    return json.dumps({"id": f"test:{number}", "source": "test:watching", "kind": "post", "author": str(number),
                       "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)), "text": text},
                      ensure_ascii=False)


def posts(now):
    """Something for every series: hits, noise, a duplicate, a late post, a broken line."""
    for number in range(200):
        yield line(number, "hôm nay trời đẹp quá", now)
    for number in range(200, 220):
        yield line(number, f"ngập lút bánh ở phường Long Xuyên, An Giang nè {number}", now)
    yield line(0, "hôm nay trời đẹp quá", now)
    yield line(1000, "ngập lút bánh ở phường Long Xuyên", now - 90 * 3600)
    yield '{"id": "test:broken"'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    metrics_port, prometheus_port = free_port(), free_port()
    keng = Keng(args.keng, f"""
rules: [{ROOT}/tests/crash/pack]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
metrics_listen: 127.0.0.1:{metrics_port}
sources:
  - {{name: watching, type: file, path: posts.ndjson, follow: true, purpose: test, owner: tests, until: 2099-12-31}}
channels:
  - {{name: file, type: file, path: alerts.jsonl}}
cell_channels:
  "91": [file]
""")
    folder = keng.folder
    rules = ROOT / "deploy/prometheus/keng.rules.yml"
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{rules}]\n"
        f"scrape_configs: [{{job_name: keng, static_configs: [{{targets: ['127.0.0.1:{metrics_port}']}}]}}]\n")
    prometheus = None
    ok = False

    def ask(path, **parameters):
        url = f"http://127.0.0.1:{prometheus_port}{path}?" + urllib.parse.urlencode(parameters)
        return json.load(urllib.request.urlopen(url, timeout=5))["data"]

    def wait(what, condition, deadline_s=40):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise Failure(f"{what}: not within {deadline_s} s; see {folder}")

    try:
        (folder / "posts.ndjson").touch()
        keng.start()
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{prometheus_port}"],
            stdout=subprocess.DEVNULL, stderr=open(folder / "prometheus.log", "w"))
        wait("a first scrape", lambda: ask("/api/v1/query", query="up{job='keng'} == 1")["result"])
        lines = list(posts(time.time()))
        with open(folder / "posts.ndjson", "a") as out:
            out.write("".join(text + "\n" for text in lines))
        if not keng.wait_idle(len(lines)):
            raise Failure(f"keng died; see {keng.log}")
        scrapes = "count_over_time(up{job='keng'}[1m])"
        before = float(ask("/api/v1/query", query=scrapes)["result"][0]["value"][1])
        wait("two more scrapes",
             lambda: float(ask("/api/v1/query", query=scrapes)["result"][0]["value"][1]) >= before + 2)
        queries = subprocess.run([sys.executable, str(ROOT / "deploy/grafana/make_dashboard.py"), "--queries"],
                                 check=True, capture_output=True, text=True).stdout.splitlines()
        empty = [query for query in queries if not ask("/api/v1/query", query=query)["result"]]
        for query in empty:
            print(f"WRONG: no series for {query}")
        groups = ask("/api/v1/rules")["groups"]
        sick = [rule for group in groups for rule in group["rules"] if rule["health"] not in ("ok", "unknown")]
        for rule in sick:
            print(f"WRONG: {rule['name']}: {rule.get('lastError')}")
        firing = [rule["name"] for group in groups for rule in group["rules"] if rule.get("state") == "firing"]
        difference = [(result["value"][1], query) for query in queries if " - sum(" in query
                      for result in ask("/api/v1/query", query=query)["result"] if float(result["value"][1]) != 0]
        for value, query in difference:
            print(f"WRONG: conservation is off by {value}: {query}")
        keng.stop()
        print(f"{len(queries)} queries of the dashboard, {len(empty)} without series; "
              f"{sum(len(group['rules']) for group in groups)} rules, {len(sick)} sick, firing: {firing}")
        ok = not empty and not sick and not difference and groups
    finally:
        if prometheus:
            prometheus.terminate()
            prometheus.wait()
        keng.close(args.keep or not ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
