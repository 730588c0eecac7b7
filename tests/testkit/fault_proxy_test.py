#!/usr/bin/env python3
"""Each fault of the proxy against an echo server: what the client sees, what is counted, and that nothing is lost or
reordered when no fault ends the connection."""
import contextlib
import hashlib
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fault_proxy import PIECE, QUEUE_MAX, FaultProxy  # noqa: E402


class Echo:
    """Sends back what it gets; `deaf` reads nothing."""

    def __init__(self, kind="echo"):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.kind, self.held = kind, []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.held.append(client)
                if self.kind == "echo":
                    threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                client.sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in self.held:
            client.close()


def read_all(connection):
    """(what came, how it ended: "end" or "reset")"""
    got = b""
    try:
        while data := connection.recv(65536):
            got += data
    except ConnectionResetError:
        return got, "reset"
    return got, "end"


class FaultProxyTest(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.proxy = FaultProxy(self.echo.port, seed=7)
        self.addCleanup(self.echo.close)
        self.addCleanup(lambda: self.proxy.close())

    def connect(self, timeout_s=20, port=None):
        connection = socket.create_connection(("127.0.0.1", port or self.proxy.port), timeout=timeout_s)
        self.addCleanup(connection.close)
        return connection

    def end_of_a_new_connection(self):
        try:
            return read_all(self.connect())[1]
        except ConnectionResetError:  # before connect() had returned
            return "reset"

    def talk(self, connection, text=b"ping"):
        connection.sendall(text)
        got = b""
        while len(got) < len(text):
            got += connection.recv(len(text) - len(got))
        self.assertEqual(got, text)

    def test_without_a_fault_all_bytes_and_the_end_pass(self):
        data = random.Random(1).randbytes(5 << 20)
        connection = self.connect()
        threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR))).start()
        got, end = read_all(connection)
        self.assertEqual((hashlib.sha256(got).digest(), end), (hashlib.sha256(data).digest(), "end"))
        fired = self.proxy.fired
        self.assertEqual((fired["bytes_up"], fired["bytes_down"]), (len(data), len(data)))
        self.assertEqual(set(fired), {"connections", "bytes_up", "bytes_down"})

    def test_reset_ends_what_is_open_and_counts_it(self):
        self.assertEqual(self.proxy.reset(), 0)
        self.assertNotIn("reset", self.proxy.fired)
        connections = [self.connect() for _ in range(3)]
        for connection in connections:
            self.talk(connection)
        self.assertEqual(self.proxy.reset(), 3)
        self.assertEqual([read_all(one)[1] for one in connections], ["reset"] * 3)
        self.assertEqual(self.proxy.fired["reset"], 3)
        self.talk(self.connect())

    def test_stall_holds_bytes_and_the_end_until_it_is_cleared(self):
        connection = self.connect()
        self.talk(connection)
        self.proxy.stall()
        self.assertNotIn("stall", self.proxy.fired)
        connection.sendall(b"held")
        connection.shutdown(socket.SHUT_WR)
        self.proxy.wait_fired("stall")
        connection.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        self.proxy.clear()
        self.assertEqual(read_all(connection), (b"held", "end"))

    def test_a_stranded_connection_says_nothing_for_good_and_new_ones_do(self):
        connection = self.connect()
        self.talk(connection)
        self.assertEqual(self.proxy.strand(), 1)
        self.assertNotIn("strand", self.proxy.fired)
        connection.sendall(b"lost")
        self.proxy.wait_fired("strand")
        self.proxy.stall()  # shows in nothing that is lost
        connection.sendall(b"too")
        time.sleep(0.1)
        self.proxy.clear()
        self.assertEqual((self.proxy.fired["strand"], self.proxy.fired.get("stall")), (1, None))
        self.echo.held[0].shutdown(socket.SHUT_RDWR)  # not seen either
        connection.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            connection.recv(1)
        self.talk(self.connect())
        connection.close()
        end = time.monotonic() + 20
        while len(self.proxy.connections) > 1 and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(len(self.proxy.connections), 1)

    def test_a_stall_is_bounded(self):
        connection = self.connect(timeout_s=1)
        self.proxy.stall()
        with self.assertRaises(TimeoutError):
            connection.sendall(bytes(64 << 20))
        # One piece is in the hands of the writer; what else there is lies in the queue.
        one, = self.proxy.connections.values()
        self.assertEqual(one.up.queue.qsize(), QUEUE_MAX)
        self.assertEqual(self.proxy.fired["stall"], 1)

    def test_a_client_that_breaks_off_during_a_stall_is_not_seen_upstream(self):
        deaf = Echo("deaf")
        self.addCleanup(deaf.close)
        proxy = FaultProxy(deaf.port)
        self.addCleanup(proxy.close)
        connection = self.connect(port=proxy.port)
        connection.sendall(b"x")
        proxy.wait_fired("bytes_up")
        proxy.stall()
        connection.close()
        proxy.wait_fired("stall")  # the end itself is what was held
        deaf.held[0].settimeout(0.3)
        self.assertEqual(deaf.held[0].recv(10), b"x")
        with self.assertRaises(TimeoutError):
            deaf.held[0].recv(10)
        proxy.clear()
        deaf.held[0].settimeout(20)
        self.assertEqual(deaf.held[0].recv(10), b"")

    def test_drip_takes_its_time(self):
        connection = self.connect()
        self.talk(connection)
        self.proxy.drip(2000)
        began = time.monotonic()
        self.talk(connection, bytes(1000))
        # Both ways; the last parts need not wait for what would follow them.
        self.assertGreater(time.monotonic() - began, 0.4)
        self.assertGreaterEqual(self.proxy.fired["drip"], 2)
        self.proxy.clear()
        began = time.monotonic()
        self.talk(connection, bytes(100000))
        self.assertLess(time.monotonic() - began, 20)

    def test_delay_moves_bytes_without_making_them_slow(self):
        connection = self.connect()
        self.talk(connection)
        self.proxy.delay(0.2)
        began = time.monotonic()
        data = random.Random(2).randbytes(8 * PIECE)
        self.talk(connection, data)
        took = time.monotonic() - began
        self.assertGreater(took, 0.4)
        # One piece after the other would take 8 times as long.
        self.assertLess(took, 2 * 8 * 0.2)
        self.assertGreaterEqual(self.proxy.fired["delay"], 2)

    def test_cut_ends_inside_of_what_was_sent(self):
        self.proxy.cut(within=50000, times=1)
        connection = self.connect()
        data = random.Random(3).randbytes(200000)

        def send():
            with contextlib.suppress(OSError):
                connection.sendall(data)
        threading.Thread(target=send).start()
        got, end = read_all(connection)
        self.assertEqual(end, "reset")
        self.assertLess(len(got), 50000)
        self.assertEqual(got, data[:len(got)])
        fired = self.proxy.fired
        self.assertEqual((fired["cut"], fired.get("bytes_down", 0)), (1, len(got)))
        self.talk(self.connect())  # only once

    def test_cut_reaches_a_connection_that_was_there_before(self):
        connection = self.connect()
        self.talk(connection)
        self.proxy.cut(within=1)
        connection.sendall(b"never comes back")
        self.assertEqual(read_all(connection), (b"", "reset"))
        self.proxy.wait_fired("cut")

    def test_the_seed_says_where_it_is_cut(self):
        def places(seed):
            proxy = FaultProxy(self.echo.port, seed=seed)
            proxy.cut(within=10000, times=3)
            for _ in range(3):
                connection = self.connect(port=proxy.port)
                with contextlib.suppress(OSError):
                    connection.sendall(bytes(10000))
                read_all(connection)
            proxy.wait_fired("cut", 3)
            fired = proxy.fired
            proxy.close()
            return fired["bytes_up"]
        self.assertEqual(places(11), places(11))
        self.assertNotEqual(places(11), places(12))

    def test_refuse_meets_new_connections_only(self):
        old = self.connect()
        self.talk(old)
        self.proxy.refuse()
        self.assertNotIn("refuse", self.proxy.fired)
        self.assertEqual(self.end_of_a_new_connection(), "reset")
        self.talk(old)
        self.assertEqual(self.proxy.fired["refuse"], 1)
        self.proxy.clear()
        self.talk(self.connect())

    def test_an_upstream_that_is_down_is_a_reset(self):
        self.echo.close()
        self.assertEqual(self.end_of_a_new_connection(), "reset")
        self.assertEqual(self.proxy.fired["upstream_down"], 1)

    def test_an_upstream_that_breaks_off_is_a_reset(self):
        deaf = Echo("deaf")
        self.addCleanup(deaf.close)
        proxy = FaultProxy(deaf.port)
        self.addCleanup(proxy.close)
        connection = self.connect(port=proxy.port)
        connection.sendall(b"unread")
        proxy.wait_fired("bytes_up", 6)
        deaf.held[0].close()  # with unread bytes: the kernel sends a RST
        self.assertEqual(read_all(connection)[1], "reset")

    def test_the_program_takes_lines(self):
        program = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).with_name("fault_proxy.py")),
                                    "--upstream", str(self.echo.port)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.terminate)
        _, port, _, control = program.stdout.readline().split()
        with socket.create_connection(("127.0.0.1", int(control)), timeout=20) as connection:
            lines = connection.makefile("rw")

            def tell(line):
                lines.write(line + "\n")
                lines.flush()
                return lines.readline()
            client = self.connect(port=int(port))
            self.talk(client)
            self.assertIn('"connections": 1', tell("stats"))
            self.assertIn('"reset": 1', tell("reset"))
            self.assertEqual(read_all(client)[1], "reset")
            self.assertIn("error", tell("explode"))
            self.assertIn("error", tell("drip 0"))
            self.assertIn("error", tell("cut many"))
            self.assertNotIn("error", tell("delay 0.5"))
            self.assertNotIn("error", tell("clear"))


if __name__ == "__main__":
    unittest.main()
