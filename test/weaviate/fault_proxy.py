#!/usr/bin/env python3
"""Stands between a client and a Weaviate, and does what a real server does not do on demand.

    fault_proxy.py http://127.0.0.1:8080         prints its own URL, then serves until it is ended

Faults are set by PUT /__faults with a JSON list of rules; the first whose `match` is found in
"METHOD path" decides, if the body has at least `bytes` (0), and is used up after `times` requests
(never, without it). Everything else is passed on unchanged. GET /__requests says how many requests there were, and what became of them.

    {"match": "BatchObjects", "times": 3, "do": "status", "status": 503, "body": "{…}"}

    status     answers so, without asking the server ("headers": {…} adds to it)
    empty      asks the server, answers 200 with nothing
    cut        ends the connection without asking the server
    cut_after  asks the server, then ends the connection without a word
    cut_half   asks the server, sends half of its answer, and ends the connection
    slow       asks the server, then sends a byte of its answer every "seconds" (0.05)
    delay      waits "seconds", then asks the server, whether anybody still waits or not; counted as
               "carried_out" as well when that is done
    read_only  stores nothing; says so of the first object of a batch, and nothing of the others, as
               servers do whose shard is read-only
"""
import http.client
import http.server
import json
import re
import sys
import threading
import time
import urllib.parse

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.counts = {}

    def replace(self, rules):
        with self.lock:
            self.rules = rules
            self.counts = {}

    def take(self, line, size):
        """The rule for a request, or None; counts both."""
        with self.lock:
            for rule in self.rules:
                if not re.search(rule["match"], line) or size < rule.get("bytes", 0):
                    continue
                if rule.get("times", 1) > 0:
                    if "times" in rule:
                        rule["times"] -= 1
                    self.counts[rule["do"]] = self.counts.get(rule["do"], 0) + 1
                    return rule
            self.counts["passed"] = self.counts.get("passed", 0) + 1
            return None

    def note(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def count(self):
        with self.lock:
            return dict(self.counts)


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target = None
    faults = Faults()

    def log_message(self, *arguments):
        pass

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/__faults":
            self.faults.replace(json.loads(body))
            return self.answer(200, b"{}")
        if self.path == "/__requests":
            return self.answer(200, json.dumps(self.faults.count()).encode())
        rule = self.faults.take(f"{self.command} {self.path}", len(body))
        do = rule["do"] if rule else "pass"
        if do == "status":
            text = rule.get("body", '{"error":[{"message":"injected"}]}')
            return self.answer(rule["status"], text.encode(), rule.get("headers", {}))
        if do == "read_only":
            return self.answer_read_only(body)
        if do == "cut":
            return self.cut()
        if do == "delay":
            time.sleep(rule.get("seconds", 1))
        status, headers, answer = self.ask_server(body)
        if do == "delay":
            self.faults.note("carried_out")
        if do == "empty":
            return self.answer(200, b"", headers)
        if do == "cut_after":
            return self.cut()
        if do == "cut_half":
            self.answer(status, answer, headers, send=len(answer) // 2)
            return self.cut()
        if do == "slow":
            return self.answer(status, answer, headers, pause=rule.get("seconds", 0.05))
        return self.answer(status, answer, headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request

    def ask_server(self, body):
        connection = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=120)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        except OSError as error:
            return 502, {}, str(error).encode()
        finally:
            connection.close()

    def answer(self, status, body, headers=None, send=None, pause=0):
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                    self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if pause:
                for i in range(len(body)):
                    self.wfile.write(body[i : i + 1])
                    self.wfile.flush()
                    time.sleep(pause)
            else:
                self.wfile.write(body[:send])
        except OSError:
            self.close_connection = True

    def answer_read_only(self, body):
        reason = "store is read-only due to: disk usage too high"
        if "BatchObjects" in self.path:
            # BatchObjectsReply: the index of an error is left out when it is 0.
            error = b"\x12" + bytes([len(reason)]) + reason.encode()
            answer = b"\x0d\x6f\x12\x83\x3a" + b"\x12" + bytes([len(error)]) + error
            return self.answer(200, answer, {"Content-Type": "application/proto"})
        else:
            request = json.loads(body)
            answer = [
                {"id": each["id"], "class": each["class"], "result": {"status": "SUCCESS"}}
                for each in request["objects"]
            ]
            answer[0]["result"] = {"status": "FAILED", "errors": {"error": [{"message": reason}]}}
        self.answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def cut(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that went away


def main():
    Proxy.target = urllib.parse.urlsplit(sys.argv[1])
    with Server(("127.0.0.1", 0), Proxy) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


main()
