#!/usr/bin/env python3
"""A TCP proxy on loopback that does to a connection what a bad network does, when told to, and counts what it really did.

    proxy = FaultProxy(upstream_port, seed=7)      # runs in a thread of its own from here on
    proxy.stall()                                  # bytes stop, the connections stay open and see no FIN
    proxy.wait_fired("stall")                      # some bytes have been held back
    proxy.clear()                                  # and flow again
    proxy.close()

fault           lasts        `fired` counts
reset()         an instant   connections ended with RST
cut(within, n)  n times      connections ended with RST inside of a burst: some of its bytes passed, the others did not
refuse()        till clear   new connections answered with RST
stall()         till clear   pieces of at most PIECE bytes held back, each once
drip(rate)      till clear   pieces passed no faster than `rate` bytes/s
delay(seconds)  till clear   pieces passed later than they came; order and throughput stay
strand()        for good     connections that lost bytes: nothing passes those that there are any more, no FIN either, as
                             when a firewall forgot them; new ones are well

Faults that last combine. A fault that met no byte and no connection is not counted, so that a test can prove that what
it injects has happened. All random numbers come from the seed, the ordinal of the fault and that of the connection.

Each direction of a connection buffers at most QUEUE_MAX pieces and a few more in the sockets; then the sender waits.
More than CONNECTIONS_MAX connections are refused and counted as "over_limit". When the upstream does not listen the client
gets a RST, counted as "upstream_down".

As a program: fault_proxy.py --upstream PORT [--port P] [--seed S] prints `proxy P control C` and takes the calls above as
lines on the control port (`cut 4096 1`, `stall`, `stats`), each answered with one line of JSON: the counters.
"""
import argparse
import asyncio
import collections
import json
import random
import socket
import struct
import sys
import threading
import time

HOST = "127.0.0.1"
PIECE = 16 << 10
QUEUE_MAX = 16
CONNECTIONS_MAX = 1000
LINE_MAX = 200
DRIPS_PER_S = 20
END, BROKEN = "end", "broken"  # a FIN and an error of the sender, in their place among the pieces


class Direction:
    """One way through a connection: what was read and not yet written, with the time at which it came."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.queue = asyncio.Queue(QUEUE_MAX)
        self.cut_after = None  # bytes that may still pass, None: all


class Connection:
    def __init__(self, ordinal, client, upstream):
        self.ordinal = ordinal
        self.writers = (client[1], upstream[1])
        self.up = Direction(client[0], upstream[1])
        self.down = Direction(upstream[0], client[1])
        self.task = None
        self.stranded, self.has_lost = False, False

    def abort(self):
        for writer in self.writers:
            send_reset(writer)


def send_reset(writer):
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class FaultProxy:
    """See the module's text. Every call may come from any thread and has taken effect when it returns."""

    def __init__(self, upstream_port, port=0, seed=0):
        self.upstream_port, self.seed = upstream_port, seed
        self.counters = collections.Counter()
        self.connections = {}
        self.stalled, self.refusing, self.rate, self.latency_s = False, False, None, 0.0
        self.cuts_left, self.cut_within, self.faults = 0, 0, 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="fault-proxy", daemon=True)
        self.thread.start()
        try:
            self.call(self.open(port))
        except BaseException:
            self.end_loop()
            raise

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=30)

    async def open(self, port):
        self.changed = asyncio.Event()
        self.server = await asyncio.start_server(self.accept, HOST, port, limit=PIECE, backlog=256)
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self):
        """Ends all connections with RST and the thread."""
        async def end():
            self.server.close()
            tasks = [one.task for one in self.connections.values()]
            for one in list(self.connections.values()):
                one.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.call(end())
        self.end_loop()

    def end_loop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=30)
        self.loop.close()

    # --- controls ---

    @property
    def fired(self):
        """A copy of the counters, with `connections`, `bytes_up` and `bytes_down` among them."""
        async def copy():
            return dict(self.counters)
        return self.call(copy())

    def wait_fired(self, kind, count=1, deadline_s=30):
        """Until `kind` has been counted `count` times. TimeoutError names what was counted instead."""
        end = time.monotonic() + deadline_s
        while self.fired.get(kind, 0) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{kind} did not happen {count} times in {deadline_s} s: {self.fired}")
            time.sleep(0.01)

    def set(self, **settings):
        async def apply():
            for name, value in settings.items():
                setattr(self, name, value)
            self.faults += 1
            # Whoever waits looks at the settings again.
            self.changed.set()
            self.changed = asyncio.Event()
        self.call(apply())

    def stall(self):
        self.set(stalled=True)

    def refuse(self):
        self.set(refusing=True)

    def drip(self, rate):
        if rate < 1:
            raise ValueError("at least one byte a second")
        self.set(rate=int(rate))

    def delay(self, seconds):
        self.set(latency_s=float(seconds))

    def reset(self):
        """Ends the connections that there are. Returns how many."""
        async def all_of_them():
            connections = list(self.connections.values())
            for one in connections:
                self.counters["reset"] += 1
                self.drop(one)
            return len(connections)
        return self.call(all_of_them())

    def strand(self):
        """Of the connections that there are. Each lasts until its client ends it. Returns how many."""
        async def all_of_them():
            for one in self.connections.values():
                one.stranded = True
            return len(self.connections)
        return self.call(all_of_them())

    def cut(self, within=64 << 10, times=1):
        """The next `times` connections, old or new, that have passed a random number of bytes below `within` in one
        direction, which is random too."""
        if within < 1 or times < 1:
            raise ValueError("cut wants at least one byte and one time")
        self.set(cuts_left=int(times), cut_within=int(within))

        async def arm():
            for one in self.connections.values():
                self.arm(one)
        self.call(arm())

    def clear(self):
        """No faults from here on; what was held back flows."""
        self.set(stalled=False, refusing=False, rate=None, latency_s=0.0, cuts_left=0)

    # --- connections ---

    def arm(self, connection):
        dice = random.Random(f"{self.seed}/{self.faults}/{connection.ordinal}")
        direction = dice.choice((connection.up, connection.down))
        connection.up.cut_after = connection.down.cut_after = None
        direction.cut_after = dice.randrange(self.cut_within)

    def drop(self, connection):
        connection.abort()
        if connection.task is not None:
            connection.task.cancel()

    async def accept(self, reader, writer):
        if self.refusing or len(self.connections) >= CONNECTIONS_MAX:
            self.counters["refuse" if self.refusing else "over_limit"] += 1
            return send_reset(writer)
        self.counters["connections"] += 1
        ordinal = self.counters["connections"]
        try:
            upstream = await asyncio.open_connection(HOST, self.upstream_port, limit=PIECE)
        except OSError:
            self.counters["upstream_down"] += 1
            return send_reset(writer)
        connection = Connection(ordinal, (reader, writer), upstream)
        for one in connection.writers:
            one.transport.set_write_buffer_limits(high=4 * PIECE)
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.task = asyncio.current_task()
        self.connections[ordinal] = connection
        if self.cuts_left:
            self.arm(connection)
        try:
            await self.forward(connection)
        except asyncio.CancelledError:
            connection.abort()
        finally:
            del self.connections[ordinal]

    async def forward(self, connection):
        """Until both directions have ended, or one broke."""
        directions = ((connection.up, "bytes_up"), (connection.down, "bytes_down"))
        readers = [asyncio.create_task(self.read(one)) for one, _ in directions]
        writers = [asyncio.create_task(self.write(connection, one, name)) for one, name in directions]
        try:
            await asyncio.gather(*writers)
        finally:
            for task in readers + writers:
                task.cancel()
            await asyncio.gather(*readers, *writers, return_exceptions=True)
            for writer in connection.writers:
                writer.close()

    async def read(self, direction):
        piece = b"-"
        while piece not in (END, BROKEN):
            try:
                piece = await direction.reader.read(PIECE) or END
            except OSError:
                piece = BROKEN
            await direction.queue.put((time.monotonic(), piece))

    async def pause(self, seconds):
        """Returns early when a setting changes. None: only then."""
        try:
            await asyncio.wait_for(self.changed.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    async def hold(self, came):
        """Until neither the latency nor a stall keeps a piece that came at `came`."""
        counted = set()
        while True:
            wait_s = came + self.latency_s - time.monotonic()
            kind = "stall" if self.stalled else "delay" if self.latency_s and wait_s > 0 else None
            if kind is None:
                return
            if kind not in counted:
                self.counters[kind] += 1
                counted.add(kind)
            await self.pause(None if self.stalled else wait_s)

    async def write(self, connection, direction, bytes_name):
        while True:
            came, piece = await direction.queue.get()
            if not connection.stranded and (self.stalled or self.latency_s):
                await self.hold(came)
            if connection.stranded:
                if piece not in (END, BROKEN):
                    self.lose(connection)
                    continue
                if direction is connection.up:
                    connection.abort()
                return END
            try:
                if piece is BROKEN:
                    raise ConnectionResetError("by the sender")
                if piece is END:
                    direction.writer.write_eof()
                    return END
                await self.pass_on(connection, direction, piece, bytes_name)
            except OSError:
                connection.abort()
                return BROKEN

    def lose(self, connection):
        if not connection.has_lost:
            self.counters["strand"] += 1
            connection.has_lost = True

    async def pass_on(self, connection, direction, piece, bytes_name):
        if direction.cut_after is not None and self.cuts_left:
            if direction.cut_after < len(piece):
                self.cuts_left -= 1
                self.counters["cut"] += 1
                piece = piece[:direction.cut_after]
                self.counters[bytes_name] += len(piece)
                # On loopback the first part is with the receiver before the RST, and is read before the error.
                direction.writer.write(piece)
                await direction.writer.drain()
                raise ConnectionResetError("cut")
            direction.cut_after -= len(piece)
        dripped = False
        while piece:
            part = piece
            if self.rate is not None:
                if not dripped:
                    self.counters["drip"] += 1
                    dripped = True
                part = piece[:max(1, self.rate // DRIPS_PER_S)]
            direction.writer.write(part)
            await direction.writer.drain()
            self.counters[bytes_name] += len(part)
            piece = piece[len(part):]
            if self.rate is not None:
                await self.pause(len(part) / self.rate)
            if self.stalled:
                await self.hold(0)


def serve_control(proxy, listener):
    """One client at a time: a driver has one connection, and a second one waits."""
    calls = {"stall": proxy.stall, "refuse": proxy.refuse, "reset": proxy.reset, "strand": proxy.strand, "clear": proxy.clear,
             "drip": lambda rate: proxy.drip(int(rate)), "delay": lambda seconds: proxy.delay(float(seconds)),
             "cut": lambda within="65536", times="1": proxy.cut(int(within), int(times)), "stats": lambda: None}
    while True:
        client, _ = listener.accept()
        with client, client.makefile("rwb") as lines:
            while line := lines.readline(LINE_MAX):
                name, *words = line.decode(errors="replace").split() or [""]
                try:
                    calls[name](*words)
                    answer = proxy.fired
                except (KeyError, ValueError, TypeError) as failure:
                    answer = {"error": f"{type(failure).__name__}: {failure}"}
                try:
                    lines.write(json.dumps(answer).encode() + b"\n")
                    lines.flush()
                except OSError:
                    break


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", type=int, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    proxy = FaultProxy(args.upstream, args.port, args.seed)
    with socket.create_server((HOST, args.control)) as listener:
        print(f"proxy {proxy.port} control {listener.getsockname()[1]}", flush=True)
        try:
            serve_control(proxy, listener)
        except KeyboardInterrupt:
            return 0
        finally:
            proxy.close()


if __name__ == "__main__":
    sys.exit(main())
