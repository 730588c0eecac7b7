#!/usr/bin/env python3
"""Makes dashboards/keng.json for Grafana from the table below: one row a stage, in the order of a post's way.

usage: make_dashboard.py            writes the file
       make_dashboard.py --check    exits 1 when the file is not what the table says
       make_dashboard.py --queries  prints every query, one a line (the test runs each on a live Prometheus), without
                                    those of KAFKA, which have series only over Kafka
       make_dashboard.py --queries-kafka  prints those
"""
import json
import pathlib
import sys

OUT = pathlib.Path(__file__).resolve().parent / "dashboards" / "keng.json"
RATE = "[1m]"

# (row, [(panel title, description, unit, kind, [(legend, query)])])
ROWS = [
    ("What the duty officer feels", [
        ("Deliveries", "By result. A dead one is work for an operator: keng dead list.", "ops", "timeseries",
         [("{{channel}} {{result}}", f"sum by (channel, result) (rate(keng_channel_deliveries_total{RATE}))")]),
        ("Post to alert", "From the post's durable append to the channel's acceptance.", "s", "timeseries",
         [("p50", f"histogram_quantile(0.5, sum by (le) (rate(keng_post_to_alert_seconds_bucket{RATE})))"),
          ("p99", f"histogram_quantile(0.99, sum by (le) (rate(keng_post_to_alert_seconds_bucket{RATE})))")]),
        ("Conservation", "What came in and has no counted outcome yet, stage by stage. Zero when all is quiet; what stays "
         "is a defect. Over Kafka less than zero is what a dying process wrote a second time (repeats in keng top).",
         "short", "stat",
         [(stage, f"keng:conservation:{counted}")  # of deploy/prometheus/keng.rules.yml
          for stage, counted in (("ingest", "lines"), ("filters", "posts"), ("alerting", "hits"))]),
        ("Alerts decided", "", "ops", "timeseries",
         [("{{reason}}", f"sum by (reason) (rate(keng_alerting_alerts_total{RATE}))")]),
        ("Oldest alert that waits", "By channel: a stuck one delays only itself.", "s", "timeseries",
         [("{{channel}}", "max by (channel) (keng_channel_oldest_seconds)")]),
        ("Why a change did not ring", "", "ops", "timeseries",
         [("{{verdict}}", f"sum by (verdict) (rate(keng_alerting_rings_total{RATE}))")]),
    ]),
    ("Ingest", [
        ("Lines by outcome", "Stored or duplicate.", "ops", "timeseries",
         [("{{source}} {{outcome}}", f"sum by (source, outcome) (rate(keng_ingest_outcomes_total{RATE}))")]),
        ("Dropped by reason", "What lies in `dead`: keng dead list.", "ops", "timeseries",
         [("{{reason}}", f"sum by (reason) (rate(keng_ingest_dropped_total{RATE}))")]),
        ("Masked bytes", "Phone numbers, plates, handles and the like that became stars.", "Bps", "timeseries",
         [("masked", f"sum(rate(keng_ingest_masked_bytes_total{RATE}))")]),
        ("Commit time", "", "s", "timeseries",
         [("p99", f"histogram_quantile(0.99, sum by (le) (rate(keng_ingest_commit_seconds_bucket{RATE})))")]),
        ("Ids remembered", "Bounded; beyond the bound the oldest are forgotten.", "short", "timeseries",
         [("ids", "sum(keng_ingest_recent_ids)"),
          ("forgotten", "sum(keng_ingest_recent_ids_forgotten_total)")]),
    ]),
    ("Filters", [
        ("Posts by outcome", "", "ops", "timeseries",
         [("{{outcome}}", f"sum by (outcome) (rate(keng_filters_posts_total{RATE}))")]),
        ("Hits, edits, retractions", "", "ops", "timeseries",
         [("hits", f"sum(rate(keng_filters_hits_total{RATE}))"),
          ("edits", f"sum(rate(keng_filters_edits_total{RATE}))"),
          ("retractions", f"sum(rate(keng_filters_retractions_total{RATE}))")]),
        ("Batch time", "", "s", "timeseries",
         [("p99", f"histogram_quantile(0.99, sum by (le) (rate(keng_filters_batch_seconds_bucket{RATE})))")]),
        ("Rules in force", "", "short", "timeseries",
         [("rules", "max(keng_rules_loaded)"), ("files refused", "max(keng_rules_files_bad)"),
          ("publication refused", "max(keng_rules_published_bad)")]),
    ]),
    ("Alerting", [
        ("Inbox records by outcome", "", "ops", "timeseries",
         [("{{outcome}}", f"sum by (outcome) (rate(keng_alerting_records_total{RATE}))")]),
        ("Fold time", "", "s", "timeseries",
         [("p99", f"histogram_quantile(0.99, sum by (le) (rate(keng_alerting_batch_seconds_bucket{RATE})))")]),
        ("Texts", "Kept for alerts to quote; erased when deleted or expired; put right where an old text came late.", "ops",
         "timeseries",
         [("kept", f"sum(rate(keng_alerting_texts_kept_total{RATE}))"),
          ("erased", f"sum(rate(keng_alerting_texts_erased_total{RATE}))"),
          ("put right", f"sum(rate(keng_alerting_texts_outdated_total{RATE}))")]),
    ]),
    ("Streams, store, stages", [
        ("Lag", "Records that a reader has still to process.", "short", "timeseries",
         [("{{reader}} {{stream}}", "sum by (reader, stream) (max by (reader, stream, partition) (keng_stream_reader_lag_records))")]),
        ("Bytes kept", "", "bytes", "timeseries",
         [("{{stream}}", "sum by (stream) (keng_stream_bytes)"), ("store", "sum(keng_store_disk_bytes)")]),
        ("Oldest record", "Retention as it is, not as it was asked for.", "s", "timeseries",
         [("{{stream}}", "max by (stream) (keng_stream_oldest_age_seconds)")]),
        ("Stages refused", "1 while a stage cannot go on; /readyz says why.", "short", "timeseries",
         [("{{stage}}", "max by (stage) (keng_stage_degraded)")]),
        ("Appends refused", "Retention would pass a reader, or the disk is full.", "ops", "timeseries",
         [("{{stream}}", f"sum by (stream) (rate(keng_stream_refused_total{RATE}))")]),
        ("HTTP answers", "", "ops", "timeseries",
         [("{{server}} {{class}}", f"sum by (server, class) (rate(keng_http_answers_total{RATE}))")]),
    ]),
]

# Series that only processes over Kafka have; docs/kafka.md.
KAFKA = ("Over Kafka", [
    ("Lag", "Records between a reader and the end of its partition.", "short", "timeseries",
     [("{{reader}} {{partition}}", "max by (reader, stream, partition) (keng_stream_reader_lag_records)")]),
    ("Partitions held", "By stage. Zero: nobody works there.", "short", "timeseries",
     [("{{group}}", "sum by (group) (keng_kafka_member_partitions)"),
      ("{{group}} {{instance}}", "keng_kafka_member_partitions")]),
    ("Members", "0 has nothing, 1 works, 2 gives its partitions up.", "short", "timeseries",
     [("{{group}} {{instance}}", "keng_kafka_member_state")]),
    ("Moves", "Times that partitions were given or taken, workers that lost theirs unawares, and those that have not ended.", "short", "timeseries",
     [("{{group}}", "sum by (group) (increase(keng_kafka_rebalances_total[5m]))"),
      ("{{stage}} shut out", "sum by (stage) (increase(keng_workers_shut_out_total[5m]))"),
      ("{{stage}} leaving", "sum by (stage) (keng_workers_leaving)")]),
    ("Time of a write", "Until all in-sync replicas have it; state: one transaction.", "s", "timeseries",
     [("p50", f"histogram_quantile(0.5, sum by (le) (rate(keng_kafka_send_seconds_bucket{RATE})))"),
      ("p99", f"histogram_quantile(0.99, sum by (le) (rate(keng_kafka_send_seconds_bucket{RATE})))"),
      ("state p99", f"histogram_quantile(0.99, sum by (le) (rate(keng_kafka_changelog_seconds_bucket{RATE})))")]),
    ("Round trip", "p99 of the slowest broker, by client.", "s", "timeseries",
     [("{{client}}", "max by (client) (keng_kafka_round_trip_seconds_p99)")]),
    ("Queues", "Bytes that wait in clients: full at 1.", "percentunit", "timeseries",
     [("{{client}}", "max by (client) (keng_kafka_queue_bytes / (keng_kafka_queue_bytes_max > 0))"),
      ("{{client}} requests", "max by (client) (keng_kafka_requests_waiting)")]),
    ("Fetched and not read", "Bounded by queued.max.messages.kbytes.", "bytes", "timeseries",
     [("{{client}}", "sum by (client) (keng_kafka_fetched_bytes)")]),
    ("Errors", "As librdkafka tells them; and producers that had to be replaced.", "short", "timeseries",
     [("{{client}} {{error}}", "sum by (client, error) (increase(keng_kafka_errors_total[5m]))"),
      ("producers renewed", "sum(increase(keng_kafka_producers_renewed_total[5m]))")]),
    ("Edits and deletions remembered", "By the filters, so that no older state stays behind them; beyond the bound the oldest "
     "are forgotten. Not restored: the older state is the newest record.", "short", "timeseries",
     [("ids", "sum(keng_filters_newer_states)"),
      ("forgotten", "sum(keng_filters_newer_states_forgotten_total)"),
      ("not restored", 'sum(increase(keng_filters_posts_total{outcome="unrestored"}[5m]))')]),
    ("Recovery of a desk", "How long the last take-over rebuilt its state, and whether one does now.", "s", "timeseries",
     [("{{partition}}", "max by (partition) (keng_alerting_recovery_seconds)"),
      ("{{partition}} recovering", "max by (partition) (keng_alerting_recovering)")]),
    ("State", "Rows appended, batches refused, batches that the local store lacks.", "short", "timeseries",
     [("rows/s", f"sum(rate(keng_alerting_state_rows_total{RATE}))"),
      ("refused/s", f"sum(rate(keng_alerting_state_refused_total{RATE}))"),
      ("owed", "sum(keng_store_commits_owed)")]),
    ("Never zero by accident", "Records gone before they were read: a loss. Deliveries that may have come twice: one a "
     "channel and move at most.", "short", "stat",
     [("expired unread", "sum(keng_stream_expired_unread_total) + sum(keng_alerting_expired_unread_total)"),
      ("maybe sent again", "sum(keng_alerting_maybe_sent_again_total)")]),
])


def target(index, legend, query):
    return {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend,
            "datasource": {"type": "prometheus", "uid": "keng-prometheus"}}


def dashboard():
    panels, y, identity = [], 0, 1
    for row, row_panels in [*ROWS, KAFKA]:
        panels.append({"id": identity, "type": "row", "title": row, "collapsed": False, "panels": [],
                       "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        identity += 1
        y += 1
        width = 24 // min(3, len(row_panels))
        for number, (title, description, unit, kind, queries) in enumerate(row_panels):
            column = number % 3
            if number and column == 0:
                y += 8
            panels.append({
                "id": identity, "type": kind, "title": title, "description": description,
                "datasource": {"type": "prometheus", "uid": "keng-prometheus"},
                "gridPos": {"h": 8, "w": width, "x": column * width, "y": y},
                "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if kind == "timeseries" else {},
                "targets": [target(i, legend, query) for i, (legend, query) in enumerate(queries)]})
            identity += 1
        y += 8
    return {"uid": "keng", "title": "kẻng", "tags": ["keng"], "schemaVersion": 39, "version": 1, "editable": True,
            "timezone": "Asia/Ho_Chi_Minh", "refresh": "10s", "time": {"from": "now-1h", "to": "now"},
            "annotations": {"list": []}, "templating": {"list": []}, "panels": panels}


def main():
    text = json.dumps(dashboard(), ensure_ascii=False, indent=1) + "\n"
    if "--queries" in sys.argv or "--queries-kafka" in sys.argv:
        for _, panels in ROWS if "--queries" in sys.argv else [KAFKA]:
            for _, _, _, _, queries in panels:
                for _, query in queries:
                    print(query)
        return 0
    if "--check" in sys.argv:
        if OUT.exists() and OUT.read_text(encoding="utf-8") == text:
            return 0
        print(f"{OUT} is not what make_dashboard.py makes; run it and commit the result")
        return 1
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
