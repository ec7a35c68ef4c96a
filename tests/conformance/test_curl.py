"""What is printed as curl sends what was sent, and shows no secret."""

import html
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from conformance.curl import command
from conformance.failures import Request
from conformance.redaction import Secrets
from conformance.target import HttpTransport

KEY = 'k"ey & <é> 100%'
JSON = (("content-type", "application/json"),)
BEARER = ("authorization", f"Bearer {KEY}")
OWN_TO_CURL = {"user-agent", "accept", "host", "content-length", "expect"}


class Heard(ThreadingHTTPServer):
    daemon_threads = True
    requests: list[Any]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._hear
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _hear(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = sorted(
            (name.lower(), value)
            for name, value in self.headers.items()
            if name.lower() not in OWN_TO_CURL
        )
        self.server.requests.append((self.command, self.path, headers, body))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"{}")


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    server = Heard(("127.0.0.1", 0), Handler)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "/a", (("x", "[1-3]"), ("y", "a b+c&'")), (BEARER,)),
        Request("HEAD", "/a"),
        Request("CONFORM", "/a"),
        Request("GET", "/a/../b/./%2e%2e/c"),
        Request("GET", "/a{b}[c]'d"),
        Request("GET", "/a", (), (("x-empty", ""), BEARER)),
        Request("GET", "/a", (), (("x-q", 'it\'s "q" $HOME `id` \\ ${USER} !'),)),
        Request("GET", "/a", (), (("x-many", "y" * 9_000), ("x-other", "ünï😀"))),
        Request("PATCH", "/a", (), (("x-twice", "1"), ("x-twice", "2"))),
        Request("POST", "/a", (), JSON, b"@/etc/hostname"),
        Request("POST", "/a", (), (), b"{}"),
        Request("POST", "/a", (), JSON, b""),
        Request("POST", "/a", (), JSON, b'{"a": "\xc3\xa9 \\\\ \\n $HOME"}\n'),
        Request("POST", "/a", (), JSON, b"\xff\x00%s \\{}'"),
        Request("POST", "/a", (), JSON, b'{"a": "' + b"x" * 2_000_000 + b'"}'),
        Request("POST", "/a", (), JSON, b"[" * 5_000 + b"\\" * 300 + b"]" * 5_000),
        Request("DELETE", "/a", (), JSON, b"{}"),
    ],
    ids=lambda r: f"{r.method} {r.path} {str(r.query + r.headers)[:40]} {r.body and r.body[:9]}",
)
def test_a_printed_curl_sends_what_was_sent(heard: Heard, request_: Request) -> None:
    url = f"http://127.0.0.1:{heard.server_address[1]}"
    secrets = Secrets()
    secrets.add(KEY, "VAULT_API_KEY")
    heard.requests.clear()
    transport = HttpTransport(url, timeout=5)

    transport.exchange(request_)
    transport.close()
    text = command(url, request_, secrets)
    subprocess.run(
        ["sh", "-c", text],
        env={**os.environ, "VAULT_API_KEY": KEY},
        check=True,
        timeout=10,
        capture_output=True,
    )

    sent, again = heard.requests
    assert again == sent
    assert KEY not in text
    assert len(text) < 10_000


def test_a_body_that_nobody_can_read_is_cut_and_that_is_told() -> None:
    body = json.dumps(list(range(50_000))).encode()

    text = command("http://x", Request("POST", "/a", (), JSON, body), Secrets())
    binary = command("http://x", Request("POST", "/a", (), JSON, b"\xff" + body), Secrets())

    assert len(text) < 10_000
    assert text.endswith(f"# cut: {len(body)} bytes were sent")
    assert binary.endswith(f"# without its body of {len(body) + 1} bytes")


@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda value: json.dumps({"a": value}),
        lambda value: json.dumps([value], ensure_ascii=False),
        html.escape,
        lambda value: f"?key={quote(value, safe='')}",
        lambda value: value.encode().decode("latin-1"),
    ],
    ids=["plain", "JSON", "JSON in UTF-8", "HTML", "URL", "header"],
)
def test_a_secret_is_hidden_however_it_is_spelt(spell: Any) -> None:
    secrets = Secrets()
    secrets.add(KEY, "VAULT_API_KEY")

    text = secrets.hidden(spell(KEY))

    assert "ey" not in text.replace("key=", "")
    assert "${VAULT_API_KEY}" in text


def test_a_secret_that_begins_as_another_is_hidden_whole() -> None:
    secrets = Secrets()
    secrets.add("short", "A")
    assert secrets.hidden("short") == "${A}"

    secrets.add("short-and-long", "B")

    assert secrets.hidden("short-and-long short") == "${B} ${A}"
