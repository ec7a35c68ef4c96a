"""Makes `fixtures/examples` anew: `python -m tests.control.make_examples`.

Answers of success come from the contract's own examples and from the mock, asked in the world
`every-state` on a clock that stands still; refusals from the mock where it can be made to refuse,
else in its words. One contract, one folder, to the byte.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mockvault.app import create_app
from mockvault.settings import Settings
from mockvault.web.invention import invent
from mockvault.web.replies import refusal
from tests.asgi import Client

FOLDER = Path(__file__).parents[2] / "fixtures" / "examples"
MOMENT = 1711443600000
CONNECTIONS = {
    "available": "crm+close",
    "added": "crm+hubspot",
    "authorized": "accounting+xero",
    "callable": "crm+salesforce",
    "invalid": "hris+personio",
    "disabled": "crm+pipedrive",
}
REFUSALS = {
    400: ("RequestValidationError", "Invalid Params", "Invalid Params, as an example"),
    401: ("UnauthorizedError", "Unauthorized Request", "Missing authentication"),
    402: ("RequestLimitError", "Request Limit Reached", "You have reached your limit of 2000"),
    404: ("EntityNotFoundError", "Unknown Entity", "Could not find what was asked for"),
    422: ("InvalidStateError", "Invalid State", "The state does not allow it"),
    429: ("ConnectorRateLimitError", "Connector Rate Limit Reached", "Try again later"),
    500: ("UnexpectedError", "Unexpected Error", "Something went wrong"),
    503: ("UnexpectedError", "Service Unavailable", "Try again later"),
}
RETRY = {429: {"retry-after": "1"}, 503: {"retry-after": "1"}}


def main() -> None:
    """Write a file for each operation."""
    app = create_app(Settings(log_format="none", scenario="every-state"))
    for workbench in app.workbenches:
        workbench.time.freeze(MOMENT)
    client = Client(app)
    FOLDER.mkdir(exist_ok=True)
    for operation in app.contract.operations:
        made = invent(app.contract, operation, seed=1)
        status = str(operation.success_status)
        headers = {name: value for name, value in made.headers.items() if name != "content-type"}
        told: dict[str, dict[str, Any]] = {
            status: {"default": _example("As the contract shows it", made.body, headers)}
        }
        for name, summary, body in _answers(client, operation.operation_id):
            told[status][name] = _example(summary, body)
        for code, (type_name, message, detail) in REFUSALS.items():
            content = refusal(code, type_name, message, detail).content
            example = _example(message, json.loads(content or b"null"), RETRY.get(code))
            told[str(code)] = {type_name: example}
        text = json.dumps(told, indent=2, ensure_ascii=False, sort_keys=False)
        (FOLDER / f"{operation.operation_id}.json").write_text(f"{text}\n", encoding="utf-8")


def _example(summary: str, value: Any, headers: Any = None) -> dict[str, Any]:
    example = {"summary": summary, "value": value}
    if headers:
        example["headers"] = headers
    return example


def _answers(client: Client, operation_id: str) -> list[tuple[str, str, Any]]:
    """Return what the mock itself answers: name, summary, body."""
    found = []
    if operation_id in ("connectionsOne", "connectionsUpdate"):
        for name, connection_id in CONNECTIONS.items():
            found.append((name, f"A connection that is {name}", _one(client, connection_id)))
    elif operation_id == "connectionsAll":
        listed = client("GET", "/vault/connections", query={"api": "crm", "configured": "true"})
        found.append(("crm", "The consumer's connections of one unified API", listed.json()))
        empty = {"status_code": 200, "status": "OK", "data": []}
        found.append(("empty", "No connection at all", empty))
    elif operation_id in ("consumersAll", "logsAll"):
        path = "/vault/consumers" if operation_id == "consumersAll" else "/vault/logs"
        listed = client("GET", path, query={"limit": 2}).json()
        found.append(("two", "At most two, with what follows them", listed))
        meta = {"items_on_page": 0, "cursors": {"previous": None, "current": None, "next": None}}
        links = {"previous": None, "current": listed["links"]["current"], "next": None}
        empty = {"status_code": 200, "status": "OK", "data": [], "meta": meta, "links": links}
        found.append(("empty", "Nothing at all", empty))
    elif operation_id == "consumersOne":
        one = client("GET", "/vault/consumers/test-consumer").json()
        found.append(("with-connections", "A consumer with connections in every state", one))
    return found


def _one(client: Client, connection_id: str) -> Any:
    unified_api, service_id = connection_id.split("+")
    path = f"/vault/connections/{quote(unified_api)}/{quote(service_id)}"
    return client("GET", path).json()


if __name__ == "__main__":
    main()
