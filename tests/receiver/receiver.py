#!/usr/bin/env python3
"""A webhook receiver for the tutorial and the tests: checks the Standard Webhooks signature of each delivery and writes the
accepted body to a file, synced before it answers, so that what it has said yes to is never lost.

usage: receiver.py --port 8099 --secret whsec_... --out received.jsonl [--fail 500|429|stall --every N] [--mode-file F]

--fail makes every N-th request fail: a 500, a 429 with Retry-After: 1, or no answer at all.
--mode-file names a file that is read at each request: while it holds one of these words every request fails so, with
`slow` it is answered well after two seconds, and while it is empty or missing all is well.
A delivery that comes again is written again, with the same id: a receiver of its own tells repeats by the id.
"""
import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

TOLERANCE_S = 300
SLOW_S = 2


def signature(secret, identity, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = identity.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text="", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        identity = self.headers.get("webhook-id", "")
        timestamp = self.headers.get("webhook-timestamp", "")
        given = self.headers.get("webhook-signature", "").split(" ")
        expected = signature(server.secret, identity, timestamp, body)
        if not any(hmac.compare_digest(expected, one) for one in given):
            print(f"refused {identity}: the signature is wrong", file=sys.stderr, flush=True)
            return self.answer(401, "the signature is wrong\n")
        if not timestamp.isdigit() or (server.tolerance and abs(time.time() - int(timestamp)) > TOLERANCE_S):
            return self.answer(400, "the timestamp is out of tolerance\n")
        with server.lock:
            server.requests += 1
            mode = server.fail if server.fail and server.requests % server.every == 0 else server.mode()
        if mode:
            print(f"failing {identity}: {mode}", file=sys.stderr, flush=True)
        if mode == "stall":
            while server.fail or server.mode() == "stall":
                time.sleep(0.1)
            self.close_connection = True
            return None
        if mode == "slow":
            time.sleep(SLOW_S)
        elif mode:
            return self.answer(int(mode), "as asked\n", [("Retry-After", "1")] if mode == "429" else [])
        event = json.loads(body)
        if event.get("id") != identity:
            return self.answer(400, "webhook-id is not the event's id\n")
        with server.lock:
            server.out.write(body + b"\n")
            server.out.flush()
            os.fsync(server.out.fileno())
        return self.answer(200)

    def log_message(self, form, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def mode(self):
        try:
            with open(self.mode_file) as given:
                return given.read().strip()
        except (OSError, TypeError):
            return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--fail", choices=["500", "429", "stall"])
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--mode-file")
    parser.add_argument("--any-time", action="store_true", help="take timestamps of a clock that is not ours")
    args = parser.parse_args()
    server = Server(("127.0.0.1", args.port), Handler)
    server.secret, server.fail, server.every, server.requests = args.secret, args.fail, args.every, 0
    server.tolerance, server.mode_file = not args.any_time, args.mode_file
    server.lock = threading.Lock()
    server.out = open(args.out, "ab")
    print(f"listening on 127.0.0.1:{args.port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
