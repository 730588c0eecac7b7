#!/usr/bin/env python3
"""keng over brokers that ask who it is: TLS with a password (SCRAM, PLAIN) and TLS with a client's certificate, all by
`streams.kafka.settings`. What is wrong ends with a clear error in time, and no secret is in anything that keng says. And
over one that asks who may do what: with the rights that docs/kafka.md gives, and no others, all works.

usage: security_test.py --keng build/release/keng [name of a test ...]
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "testkit"))
import broker  # noqa: E402
import kcat  # noqa: E402
from broker import KafkaCluster  # noqa: E402
from keng_line import Line, until  # noqa: E402
from keng_process import ROOT, Receiver  # noqa: E402

WRONG = "wrong-password-QZX"
# A command that gets nowhere says so within keng's request deadline of 15 s, and some.
REFUSED_S = 45
PRINCIPALS = ("ingest", "filter", "alert", "operator", "outside")


def documented_rights():
    """The commands of docs/kafka.md, "ACLs"."""
    return re.search(r"## ACLs\n.*?```sh\n(.*?)```", (ROOT / "docs/kafka.md").read_text(), re.S)[1]


class SecurityTest(unittest.TestCase):
    keng = ""

    def cluster(self, security, overrides=None):
        kafka = KafkaCluster(security=security, overrides=overrides)
        self.addCleanup(kafka.close)
        kafka.start()
        return kafka

    def line(self, kafka, prefix, settings):
        entries = ", ".join(f"{key}: {value}" for key, value in settings.items())
        line = Line(self.keng, f'bootstrap: "{kafka.bootstrap}", prefix: {prefix}, settings: {{{entries}}}', "",
                    "posts_partitions: 2")
        self.addCleanup(line.close)
        receiver = Receiver(line.folder)
        self.addCleanup(receiver.stop)
        line.receiver = receiver
        line.write_config(f"""rules: [{ROOT}/tests/crash/pack]
places: {ROOT}/rules/places
cells: {ROOT}/rules/cells.yaml
metrics_listen: ""
sources:
  - {{name: posts, type: file, path: posts.ndjson, follow: true, purpose: test, owner: tests, until: 2099-12-31}}
channels:
  - {{name: hook, type: webhook, url: "http://127.0.0.1:{receiver.port}/alerts", secret_file: secret,
      allow_private: true}}
cell_channels:
  "91": [hook]
""", "posts_partitions: 2")
        (line.folder / "password").write_text(kafka.password or "")
        (line.folder / "wrong").write_text(WRONG)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        (line.folder / "posts.ndjson").write_text(json.dumps(
            {"id": "test:1", "source": "test:s", "created_at": stamp, "text": "ngập lút bánh ở phường Long Xuyên, An Giang"},
            ensure_ascii=False) + "\n")
        return line

    def prepare(self, line):
        line.command("keys", "make")
        line.command("topics", "create")
        self.assertEqual(line.command("topics", "check").stdout, "the topics are as they should be\n")

    def works(self, line):
        """From the topics to the alert, with all three stages."""
        self.prepare(line)
        processes = [line.start(stage) for stage in ("alert", "filter", "ingest")]
        status = line.wait_idle(1, 60)
        self.assertEqual(status["ingest"]["stored"], 1)
        until("it rang", lambda: len(line.receiver.alerts()) == 1, 30)
        line.stop(*processes)

    def is_refused(self, line, because, *secrets):
        """Commands and processes end in time, with an error that says why and no secret."""
        line.command("keys", "make", check="")
        commands = (["topics", "create"], ["filter", "--instance", "one"], ["run"])
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ended = list(pool.map(lambda words: line.command(*words, check="", deadline_s=REFUSED_S), commands))
        self.assertLess(time.monotonic() - began, REFUSED_S)
        for words, done in zip(commands, ended):
            said = done.stdout + done.stderr
            self.assertEqual(done.returncode, 1, words)
            self.assertRegex(said, because, words)
            for secret in secrets:
                self.assertNotIn(secret, said)
        print(done.stderr.strip().splitlines()[-1], flush=True)

    def check_silence(self, line, secret):
        for path in [*line.folder.glob("*.log"), *line.folder.glob("data/**/LOG*")]:
            self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_passwords(self):
        kafka = self.cluster("sasl_ssl")
        known = {"security.protocol": "sasl_ssl", "ssl.ca.location": kafka.ca_file, "sasl.username": kafka.user}
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"):
            with self.subTest(mechanism):
                settings = known | {"sasl.mechanism": mechanism, "sasl.password_file": "password"}
                line = self.line(kafka, mechanism.lower() + ".", settings)
                self.works(line)
                self.check_silence(line, kafka.password)
        with self.subTest("a wrong password"):
            line = self.line(kafka, "plain.", known | {"sasl.mechanism": "PLAIN", "sasl.password_file": "wrong"})
            self.is_refused(line, "Authentication failed", WRONG, kafka.password)
        with self.subTest("no TLS"):
            self.is_refused(self.line(kafka, "plain.", {}), "incorrect security.protocol", kafka.password)

    def test_certificates(self):
        kafka = self.cluster("mtls")
        known = {"security.protocol": "ssl", "ssl.ca.location": kafka.ca_file}
        line = self.line(kafka, "mtls.", known | {"ssl.certificate.location": kafka.client_cert,
                                                  "ssl.key.location": kafka.client_key})
        self.works(line)
        with self.subTest("no certificate"):
            self.is_refused(self.line(kafka, "mtls.", known), "alert bad certificate|certificate required")
        with self.subTest("a broker that nobody vouches for"):
            self.is_refused(self.line(kafka, "mtls.", {"security.protocol": "ssl"}), "certificate verify failed")

    def run_tools(self, kafka, folder, commands):
        """Shell commands that say kafka-acls.sh, BROKER:9092 and admin.properties."""
        tools = folder / "bin"
        tools.mkdir(exist_ok=True)
        script = tools / "kafka-acls.sh"
        script.write_text("#!/bin/sh\nexec " + shlex.join(kafka.java("kafka.admin.AclCommand")) + ' "$@"\n')
        script.chmod(0o700)
        (folder / "admin.properties").write_text(f"""security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location={kafka.ca_file}
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="{broker.USER}" \
  password="{broker.PASSWORD}";
""")
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands.replace("BROKER:9092", kafka.bootstrap)],
                              env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}, cwd=folder, timeout=300,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rights(self):
        users = " ".join(f'user_{name}="{broker.PASSWORD}"' for name in (broker.USER, *PRINCIPALS))
        kafka = self.cluster("sasl_ssl", {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:{broker.USER}",  # the brokers among themselves, and the administrator
            "listener.name.client.plain.sasl.jaas.config":
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"})
        settings = {"security.protocol": "sasl_ssl", "ssl.ca.location": kafka.ca_file, "sasl.mechanism": "PLAIN",
                    "sasl.username": "operator", "sasl.password_file": "password"}
        line = self.line(kafka, "keng.", settings)
        self.run_tools(kafka, line.folder, documented_rights())
        self.prepare(line)
        plain = line.config.read_text().replace("sources:\n", """sources:
  - {name: door, type: intake, purpose: test, owner: tests, until: 2099-12-31}
""")
        configs = {stage: line.folder / f"{stage}.yaml" for stage in ("alert", "filter", "ingest")}
        for stage, path in configs.items():
            path.write_text(plain.replace("sasl.username: operator", f"sasl.username: {stage}"))
        processes = [line.start(stage, config=path) for stage, path in configs.items()]
        outside = {key: str(value) for key, value in settings.items()} | {"sasl.username": "outside"}
        del outside["sasl.password_file"]
        outside |= {"sasl.password": kafka.password, "acks": "all", "bootstrap.servers": kafka.bootstrap}
        said = json.loads((line.folder / "posts.ndjson").read_text()) | {"id": "forum:1", "source": "forum:other"}
        kcat.run(outside, "-P", "-t", "keng.intake", data=json.dumps(said).encode() + b"\n")
        status = line.wait_idle(2, 60)
        self.assertEqual(status["ingest"]["stored"], 2)
        until("it rang", lambda: len(line.receiver.alerts()) == 1, 30)
        # What people do, and the stages take up.
        line.command("rules", "publish")
        until("the rules run", lambda: line.command("rules", "status", check="").returncode == 0, 60)
        line.command("pause")
        self.assertEqual(json.loads(line.command("forget", "test:1").stdout), {"posts": 1})
        gone = {"key": "test:1", "value": None}
        until("forgotten", lambda: any(gone.items() <= row.items() for row in line.tap("texts")), 30)
        line.wait_idle(2, 60)
        for process in processes:
            self.assertEqual(process.events("stage.refused"), [], process.stage)
        line.stop(*processes)
        with self.subTest("a right is missing, and comes"):
            right = "--allow-principal User:alert --operation Read --group keng.inbox.alerting"
            acls = "kafka-acls.sh --bootstrap-server BROKER:9092 --command-config admin.properties --force"
            self.run_tools(kafka, line.folder, f"{acls} --remove {right}")
            one = line.start("alert", "two", configs["alert"])
            until("said", lambda: "GROUP_AUTHORIZATION_FAILED" in json.dumps(one.events("stage.refused")), 60)
            self.run_tools(kafka, line.folder, f"{acls} --add {right}")
            until("holds the desk", lambda: one.events("alerting.taken_over"), 60)
            line.stop(one)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keng", required=True)
    args, words = parser.parse_known_args()
    SecurityTest.keng = str(pathlib.Path(args.keng).resolve())
    names = [word if "." in word or word.startswith("-") else f"SecurityTest.{word}" for word in words]
    unittest.main(argv=[sys.argv[0], "-v", *names])


if __name__ == "__main__":
    main()
