"""A real S3 endpoint on localhost, and before it a proxy that plants faults and watches what is visible."""

import http.client
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

BUCKET = "bucket"
FAULTS = ("503", "reset", "cut", "slow", "lost")
SLOW = 1.5
"""Seconds of a slow answer; tests let clients wait for one."""
_NOT_FORWARDED = ("expect", "connection", "keep-alive", "transfer-encoding")
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"

Plan = Callable[[str, str, int], str]
"""The fault of a request by its method, its path with query and range, and how often it was made before."""


class FaultyStore:
    """The address of the proxy, the faults it plants, and the contents that each name has had so far."""

    def __init__(self, backend: str, client: Any) -> None:
        self.client = client
        self.plan: Plan = lambda method, path, times: ""
        self.planted: Counter[str] = Counter()
        self.seen: dict[str, list[str]] = {}
        self.served = 0  # bytes of contents
        self._backend, self._times, self._lock = urlsplit(backend).netloc, Counter[str](), threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def fault_of(self, method: str, path: str) -> str:
        with self._lock:
            times = self._times[f"{method} {path}"]
            self._times[f"{method} {path}"] += 1
            fault = self.plan(method, path, times)
            self.planted[fault] += 1
            return fault

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[Any], bytes]:
        connection = http.client.HTTPConnection(self._backend)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        if method in ("PUT", "POST", "DELETE"):
            self.watch()
        return found

    def objects(self) -> dict[str, str]:
        """What is visible now: names, and the ETags of their contents."""
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {each["Key"]: f"{each['ETag']} {each['Size']}" for each in listed}

    def watch(self) -> None:
        visible = self.objects()
        with self._lock:
            for name, content in visible.items():
                versions = self.seen.setdefault(name, [])
                if content not in versions:
                    versions.append(content)

    def forget(self) -> None:
        """An empty bucket and no faults."""
        self.plan = lambda method, path, times: ""
        for name in self.objects():
            self.client.delete_object(Bucket=BUCKET, Key=name)
        for upload in self.uploads():
            self.client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        self.planted.clear()
        self._times.clear()
        self.seen.clear()
        self.served = 0

    def uploads(self) -> list[Any]:
        """Uploads in several pieces that are neither complete nor given up."""
        found: list[Any] = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return found


def _handler_of(store: FaultyStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:  # a client that was killed
                self.close_connection = True

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            span = self.headers.get("Range", "")
            fault = store.fault_of(self.command, f"{self.path} {span}".strip())
            if fault == "503":
                self.answer(503, [], _BUSY)
            elif fault == "403":
                self.answer(403, [], _DENIED)
            elif fault == "reset":
                self.reset()
            else:
                if fault == "slow" and self.is_given_up():
                    return
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _NOT_FORWARDED}
                status, found, data = store.forward(self.command, self.path, headers, body)
                if fault == "lost":  # the store has done it, and nobody hears of it
                    self.reset()
                else:
                    self.answer(status, found, data, len(data) // 2 if fault == "cut" else len(data))

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # the names that the library calls

        def is_given_up(self) -> bool:
            time.sleep(SLOW)
            self.close_connection = bool(select.select([self.connection], [], [], 0)[0])
            return self.close_connection

        def answer(self, status: int, headers: list[Any], data: bytes, sent: int | None = None) -> None:
            self.send_response_only(status)
            given = {k.lower(): v for k, v in headers if k.lower() not in _NOT_FORWARDED}
            for name, value in {"content-length": str(len(data)), **given}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                store.served += len(data[:sent])
                self.wfile.write(data[:sent])
            if sent is not None and sent < len(data):
                self.reset()

        def reset(self) -> None:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

    return Handler


@contextmanager
def faulty_store() -> Iterator[FaultyStore]:
    """moto's server behind the proxy, with one empty bucket."""
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    backend = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    backend.start()
    host, port = backend.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=address, **keys)
    client.create_bucket(Bucket=BUCKET)
    store = FaultyStore(address, client)
    try:
        yield store
    finally:
        store.server.shutdown()
        store.server.server_close()
        backend.stop()
