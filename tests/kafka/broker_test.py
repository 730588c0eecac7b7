#!/usr/bin/env python3
"""The test kit itself: brokers that start, die, come back with their data, move leaders and ask for passwords. kcat is the
client, so that nothing of keng is in between."""
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "testkit"))
import broker  # noqa: E402
import jars  # noqa: E402
import kcat  # noqa: E402
import wire  # noqa: E402
from broker import KafkaCluster, KafkaFailure  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402


def produce(config, topic, lines, partition=0):
    kcat.run(config | {"acks": "all"}, "-P", "-t", topic, "-p", str(partition),
             data="".join(f"{one}\n" for one in lines).encode())


def consume(config, topic):
    return kcat.run(config, "-C", "-t", topic, "-o", "beginning", "-e", "-q").decode().split()


def read_as_group(config, group, topic):
    """What a member of the group reads until the end, from where the group was."""
    return kcat.run(config | {"auto.offset.reset": "earliest"}, "-G", group, "-e", "-q", topic).decode().split()


class OneNode(unittest.TestCase):
    def test_records_and_groups_survive_kill_9_and_sigstop_is_silent(self):
        with KafkaCluster() as kafka:
            config = kafka.client_config()
            kafka.create_topic("posts", partitions=2, config={"retention.ms": 3600000})
            produce(config, "posts", ["a", "b"], partition=1)
            self.assertEqual(consume(config, "posts"), ["a", "b"])
            self.assertEqual(read_as_group(config, "readers", "posts"), ["a", "b"])
            first = kafka.processes[1].pid
            kafka.kill(1)
            self.assertFalse(pathlib.Path(f"/proc/{first}").exists())
            with self.assertRaises(wire.WireError):
                wire.metadata(kafka.internal_ports[1], timeout_s=1)
            kafka.restart(1)
            produce(config, "posts", ["c"], partition=1)
            self.assertEqual(consume(config, "posts"), ["a", "b", "c"])
            # The group goes on behind what it has read.
            self.assertEqual(read_as_group(config, "readers", "posts"), ["c"])
            kafka.delete_topic("posts")
            kafka.suspend(1)
            with self.assertRaises(wire.WireError):
                wire.metadata(kafka.client_ports[1], timeout_s=0.5)
            kafka.resume(1)
            kafka.wait_ready()
            folder = kafka.folder
        self.assertFalse(folder.exists())

    def test_the_members_of_a_group_and_what_they_hold(self):
        with KafkaCluster() as kafka:
            kafka.create_topic("posts", partitions=3)
            self.assertEqual(kafka.groups(), {})
            settings = kafka.client_config() | {"group.instance.id": "one", "session.timeout.ms": "1000",
                                                "heartbeat.interval.ms": "100"}
            with subprocess.Popen(kcat.arguments(settings, "-G", "readers", "posts"), stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as reader:
                def held():
                    _, members = kafka.groups().get("readers", ("", []))
                    return {one.instance: [partition for _, partition in one.partitions] for one in members}
                kafka.wait_until("assigned", lambda: held() == {"one": [0, 1, 2]}, 30)
                reader.kill()
            kafka.wait_until("gone", lambda: kafka.groups()["readers"] == ("Empty", []), 30)

    def test_large_records_pass_and_topics_are_made_by_hand(self):
        with KafkaCluster() as kafka:
            config = kafka.client_config() | {"message.max.bytes": "20000000"}
            kafka.create_topic("large")
            produce(config, "large", ["x" * (15 << 20)])
            self.assertEqual(len(consume(config | {"fetch.message.max.bytes": "20000000"}, "large")[0]), 15 << 20)
            with self.assertRaisesRegex(wire.WireError, "error 36"):
                kafka.create_topic("large")  # TOPIC_ALREADY_EXISTS
            self.assertTrue(kcat.fails(config | {"message.timeout.ms": "2000"}, "-P", "-t", "never-made", data=b"x\n"))

    def test_clients_go_through_the_proxy_and_brokers_do_not(self):
        kafka = KafkaCluster()
        self.addCleanup(kafka.close)
        proxy = FaultProxy(kafka.client_ports[1])
        self.addCleanup(proxy.close)
        kafka.advertise_through(1, proxy.port)
        kafka.start()
        kafka.create_topic("posts")
        self.assertEqual(proxy.fired, {})
        self.assertEqual(kafka.bootstrap, f"127.0.0.1:{proxy.port}")
        produce(kafka.client_config(), "posts", ["a"])
        # Bootstrapped around the proxy, a client is still sent to it.
        before = proxy.fired["connections"]
        self.assertEqual(consume({"bootstrap.servers": f"127.0.0.1:{kafka.client_ports[1]}"}, "posts"), ["a"])
        self.assertGreater(proxy.fired["connections"], before)
        proxy.cut(within=100, times=2)
        produce(kafka.client_config() | {"reconnect.backoff.max.ms": "200"}, "posts", ["b"])
        self.assertEqual(proxy.fired["cut"], 2)
        proxy.clear()
        self.assertEqual(consume(kafka.client_config(), "posts"), ["a", "b"])

    def test_a_broker_that_cannot_start_fails_at_once(self):
        kafka = KafkaCluster(overrides={"log.segment.bytes": "nonsense"})
        self.addCleanup(kafka.close)
        began = time.monotonic()
        with self.assertRaisesRegex(KafkaFailure, "log.segment.bytes"):
            kafka.start()
        self.assertLess(time.monotonic() - began, broker.READY_S / 2)

    def test_ports_that_are_taken_are_left(self):
        with KafkaCluster() as first:
            second = KafkaCluster()
            self.addCleanup(second.close)
            second.client_ports[1] = first.client_ports[1]
            second.start()
            self.assertNotEqual(second.client_ports, first.client_ports)
            third = KafkaCluster(ports=[first.client_ports[1]])
            self.addCleanup(third.close)
            with self.assertRaisesRegex(KafkaFailure, "Address already in use"):
                third.start()


class Security(unittest.TestCase):
    def refused(self, config, without=(), **changed):
        """A client that lacks something gets nowhere."""
        config = {key: value for key, value in config.items() if key not in without} | changed
        return kcat.fails(config, "-L", "-m", "3")

    def test_sasl_ssl(self):
        with KafkaCluster(security="sasl_ssl") as kafka:
            kafka.create_topic("posts")
            config = kafka.client_config()
            self.assertEqual(config["sasl.username"], kafka.user)
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"):
                produce(config | {"sasl.mechanism": mechanism}, "posts", [mechanism])
                self.assertTrue(self.refused(config | {"sasl.mechanism": mechanism, "sasl.password": "wrong"}))
            self.assertEqual(consume(config, "posts"), ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
            self.assertTrue(self.refused(config, without=["ssl.ca.location"]))
            self.assertTrue(self.refused({"bootstrap.servers": kafka.bootstrap}))

    def test_mtls(self):
        with KafkaCluster(security="mtls") as kafka:
            kafka.create_topic("posts")
            config = kafka.client_config()
            produce(config, "posts", ["a"])
            self.assertEqual(consume(config, "posts"), ["a"])
            self.assertTrue(self.refused(config, without=["ssl.certificate.location", "ssl.key.location"]))

    def test_ssl(self):
        with KafkaCluster(security="ssl") as kafka:
            kafka.create_topic("posts")
            produce(kafka.client_config(), "posts", ["a"])
            self.assertEqual(consume(kafka.client_config(), "posts"), ["a"])
            self.assertTrue(self.refused(kafka.client_config(), without=["ssl.ca.location"]))


class ThreeNodes(unittest.TestCase):
    def test_leaders_move_and_a_node_may_die(self):
        with KafkaCluster(nodes=3) as kafka:
            config = kafka.client_config()
            kafka.create_topic("posts", partitions=3)
            for partition in range(3):
                produce(config, "posts", [f"before{partition}"], partition)
            before = kafka.leaders("posts")
            moves = kafka.move_leaders(["posts"])
            after = kafka.leaders("posts")
            self.assertEqual({partition: move for (_, partition), move in moves.items()},
                             {partition: (before[partition], after[partition]) for partition in range(3)})
            self.assertTrue(all(old != new for old, new in moves.values()))
            self.assertGreaterEqual(len(kafka.move_leaders()), 3)

            kafka.create_topic("single", partitions=3, replicas=1)
            produce(config, "single", ["alone"])
            self.assertEqual(kafka.move_leaders(["single"]), {})
            kafka.delete_topic("single")

            victim = kafka.leaders("posts")[0]
            kafka.kill(victim)
            produce(config, "posts", ["during"], 0)
            self.assertNotEqual(kafka.leaders("posts")[0], victim)
            self.assertTrue(all(victim not in move for move in kafka.move_leaders(["posts"]).values()))
            kafka.restart(victim)
            kafka.wait_in_sync()
            self.assertEqual(sorted(consume(config, "posts")), ["before0", "before1", "before2", "during"])


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="keng-kafka-cli-"))
        self.addCleanup(lambda: (self.run_it("down"), shutil.rmtree(self.folder)))

    def run_it(self, command, *words):
        return subprocess.run([sys.executable, str(HERE / "broker.py"), command, "--folder", str(self.folder), *words],
                              capture_output=True, text=True, timeout=400)

    def processes(self):
        """The keeper and its brokers."""
        state = json.loads((self.folder / "keeper.json").read_text())
        return [state["pid"], *state["broker_pids"].values()]

    def wait_gone(self, processes):
        end = time.monotonic() + 60
        while any(broker.started_ticks(pid) is not None for pid in processes):
            self.assertLess(time.monotonic(), end, "a process stayed")
            time.sleep(0.05)

    def test_up_again_and_down(self):
        self.assertEqual(self.run_it("status").returncode, 1)
        address = self.folder / "address"
        first = self.run_it("up", "--address-file", str(address))
        self.assertEqual(first.returncode, 0, first.stderr)
        bootstrap = address.read_text().strip()
        self.assertIn(f'{{kafka: {{bootstrap: "{bootstrap}"}}}}', first.stdout)
        self.assertEqual(wire.metadata(int(bootstrap.split(":")[1]))[0], {1})
        self.assertEqual(self.run_it("up").stdout, first.stdout)
        self.assertNotEqual(self.run_it("up", "--nodes", "3").returncode, 0)
        self.assertEqual(self.run_it("status").returncode, 0)
        processes = self.processes()
        self.assertEqual(self.run_it("down").stdout, "down\n")
        self.wait_gone(processes)
        self.assertEqual(self.run_it("down").stdout, "not up\n")

    def test_a_killed_keeper_takes_its_brokers_along(self):
        self.assertEqual(self.run_it("up").returncode, 0)
        processes = self.processes()
        os.kill(processes[0], signal.SIGKILL)
        self.wait_gone(processes)
        self.assertEqual(self.run_it("up", "--data", "fresh").returncode, 0)

    def test_the_end_of_the_watched_process_is_the_end(self):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as watched:
            self.assertEqual(self.run_it("up", "--while-alive", str(watched.pid)).returncode, 0)
            processes = self.processes()
            self.assertTrue(all(broker.started_ticks(pid) for pid in processes))
        self.wait_gone(processes)

    def test_down_leaves_a_process_that_is_not_the_keeper(self):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as stranger:
            ticks = broker.started_ticks(stranger.pid)
            broker.write_state(self.folder, {"pid": stranger.pid, "started_ticks": ticks, "state": "up"})
            self.assertEqual(self.run_it("down").stdout, "not up\n")
            self.assertIsNone(stranger.poll())


class Jars(unittest.TestCase):
    def test_two_at_once_fetch_the_pinned_set_and_damage_is_mended(self):
        home = pathlib.Path(tempfile.mkdtemp(prefix="keng-kafka-jars-"))
        self.addCleanup(shutil.rmtree, home)
        ask = [sys.executable, "-c", "import jars; print(jars.libs())"]

        def run():
            return subprocess.run(ask, cwd=HERE, env=dict(os.environ, KENG_KAFKA_HOME=str(home)), text=True,
                                  capture_output=True)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in [one.result() for one in [pool.submit(run), pool.submit(run)]]:
                self.assertEqual(done.stdout.strip(), str(home / "libs"), done.stderr)
        self.assertIsNone(jars.fault(home / "libs"))
        next((home / "libs").glob("kafka-clients-*.jar")).write_bytes(b"cut off")
        self.assertRegex(jars.fault(home / "libs"), "not the pinned content")
        self.assertEqual(run().returncode, 0)
        self.assertIsNone(jars.fault(home / "libs"))
        self.assertEqual({path.name for path in home.iterdir()}, {"libs", "lock"})


if __name__ == "__main__":
    unittest.main()
