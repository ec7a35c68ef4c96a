"""Who may use the control plane, and what it says of itself."""

from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from mockvault.app import MockVault, create_app
from mockvault.control.routes import POWERS
from mockvault.settings import Settings
from tests.asgi import Answer, loop

TOKEN = "let-me-in"


class Asking:
    """Asks the control plane from an address."""

    def __init__(self, app: MockVault) -> None:
        self.app = app

    def __call__(
        self, path: str, client: str | None = "127.0.0.1", method: str = "GET", **headers: str
    ) -> Answer:
        raw = [(b"host", headers.pop("host", "127.0.0.1:4010").encode())]
        raw += [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": raw,
            "client": None if client is None else (client, 1),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        loop().run_until_complete(self.app(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in sent[1:])
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], told, content)


@pytest.fixture(scope="module")
def closed(app: MockVault) -> Asking:
    return Asking(app)


@pytest.fixture(scope="module")
def guarded() -> Asking:
    return Asking(create_app(Settings(log_format="none", control_token=TOKEN, scenario="empty")))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_let_in(closed: Asking, guarded: Asking, address: str) -> None:
    assert closed("/_mock/apps", address).status == 200
    assert guarded("/_mock/apps", address).status == 200


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "::ffff:192.0.2.7", "2001:db8::1"])
def test_another_machine_needs_the_token(closed: Asking, guarded: Asking, address: str) -> None:
    assert closed("/_mock/apps", address).status == 403
    assert guarded("/_mock/apps", address).status == 401
    assert guarded("/_mock/apps", address, authorization="Bearer wrong").status == 401
    assert guarded("/_mock/apps", address, authorization=f"Bearer {TOKEN}").status == 200
    assert guarded("/_mock/nowhere", address).status == 401


def test_health_is_open_to_all(closed: Asking) -> None:
    assert closed("/_mock/health", "192.0.2.7").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {"host": "evil.example.com"},
        {"host": "127.0.0.1.nip.io:4010"},
    ],
)
def test_a_page_of_another_site_is_not_let_in(closed: Asking, headers: dict[str, str]) -> None:
    assert closed("/_mock/apps", **headers).status == 403


def test_its_own_page_is_let_in(closed: Asking) -> None:
    answer = closed("/_mock/apps", host="localhost:4010", origin="http://localhost:4010")

    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


def test_the_document_is_openapi_and_says_what_is_routed(closed: Asking) -> None:
    told = closed("/_mock/openapi.json").json()

    validate(told)
    said = {
        (method.upper(), path): operation["operationId"]
        for path, item in told["paths"].items()
        for method, operation in item.items()
    }
    assert said == {(power.method, power.path): power.name for power in POWERS}
    assert len({power.name for power in POWERS}) == len(POWERS)


def test_every_route_is_answered_by_its_power(closed: Asking) -> None:
    for power in POWERS:
        path = power.path
        for name in ("app", "id", "name", "consumer", "api", "service", "number", "operation_id"):
            path = path.replace(f"{{{name}}}", "nope")

        answer = closed(path, method=power.method)

        assert answer.status in (200, 201, 204, 400, 404), (power.name, answer.content)
        assert answer.status != 405


def test_every_schema_of_a_body_is_one(closed: Asking) -> None:
    for power in POWERS:
        if power.takes is not None:
            jsonschema_rs.meta.validate(power.takes)
            assert closed("/_mock/health").status == 200


def test_a_wrong_method_and_a_wrong_path_are_told(closed: Asking) -> None:
    wrong = closed("/_mock/apps/mock-app/clock", method="POST")
    nowhere = closed("/_mock/apps/mock-app/clok")

    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, PUT")
    assert nowhere.status == 404
    assert "clock" in nowhere.json()["detail"]["hint"]
