"""Promises over one answer, judged on every answer of every phase."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote

from conformance.contract import ERROR_FIELDS, Contract
from conformance.failures import Exchange, Failure

_INTERNALS = re.compile(
    r'Traceback \(most recent call last\)|File "[^"]+", line \d+|\bat [\w.$<>]+ ?\([^)]*:\d+:\d+\)'
    r"|site-packages/|node_modules/|java\.lang\.|psycopg|sqlalchemy|SQLSTATE|goroutine \d+"
)
_PATH = re.compile(r".*/vault/connections/([^/]+)/([^/]+)(?:/.*)?")
_MISSING_NAMES = re.compile(r"NotFound|Unknown|Missing", re.IGNORECASE)
_CREATIONS = frozenset(
    {"connectionsAdd", "connectionsImport", "customMappingsAdd", "consumersAdd", "sessionsCreate"}
)
_REFS = {"RequestHeadersValidationError": ("#unauthorizederror",)}
_STATUS_BY_REASON = {status.phrase.lower(): int(status) for status in HTTPStatus}
Finding = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    area: str
    promise: str
    judge: Callable[["Judge", Exchange], Iterator[Finding]]
    source: str
    builds_on: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the function, in words."""
        return self.judge.__name__.replace("_", " ")


CHECKS: dict[str, Check] = {}


def check(
    id: str, area: str, source: str, *builds_on: str
) -> Callable[..., Callable[..., Iterator[Finding]]]:
    """Register a function as the check that its docstring states."""

    def register(
        judge: Callable[["Judge", Exchange], Iterator[Finding]],
    ) -> Callable[..., Iterator[Finding]]:
        CHECKS[id] = Check(
            id, area, " ".join((judge.__doc__ or "").split()), judge, source, builds_on
        )
        return judge

    return register


class Judge:
    """Judges answers, and remembers what only a whole run shows."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.request_ids: set[str] = set()
        self.never_shown: dict[str, str] = {}
        self.judged: dict[str, int] = {}

    def judge(self, exchange: Exchange) -> list[Failure]:
        """Return the promises that an answer breaks."""
        found = []
        for item in CHECKS.values():
            for aspect, expected, seen in item.judge(self, exchange):
                found.append(
                    Failure(
                        law=item.id,
                        name=item.name,
                        area=item.area,
                        promise=item.promise,
                        expected=expected,
                        seen=seen[:600],
                        source=item.source,
                        aspect=aspect,
                        operation=exchange.operation_id,
                        exchanges=(exchange,),
                        replay={"kind": "case", "operation": exchange.operation_id},
                    )
                )
            self.judged[item.id] = self.judged.get(item.id, 0) + 1
        return found


def _known(judge: Judge, exchange: Exchange) -> bool:
    return exchange.operation_id in judge.contract.operations


@check(
    "VLT-ENV-01",
    "envelope",
    "HTTP; the contract declares no 5xx",
    "VLT-VAL-01",
    "VLT-VAL-03",
    "VLT-HDR-05",
    "VLT-LIM-06",
)
def the_server_does_not_fail(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """No request, right or wrong, is answered with a server error."""
    del judge
    if exchange.answer.status >= 500 and exchange.answer.status != 501:
        yield (
            "5xx",
            "an answer of the contract",
            f"HTTP {exchange.answer.status}: {exchange.answer.body[:200]!r}",
        )


@check("VLT-ENV-02", "envelope", "responses of each operation", "VLT-ENV-07")
def a_success_has_the_declared_status(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """An operation that succeeds answers with the status that the contract declares for it."""
    if not _known(judge, exchange):
        return
    operation, status = judge.contract.operations[exchange.operation_id], exchange.answer.status
    if (
        status < 400
        and status not in operation.statuses
        and exchange.request.method == operation.method
    ):
        declared = ", ".join(str(s) for s in operation.statuses if s < 400)
        yield "status", f"HTTP {declared}", f"HTTP {status}"
    if status == 204 and exchange.answer.body:
        yield "204", "no body with 204", repr(exchange.answer.body[:80])


@check(
    "VLT-ENV-03",
    "envelope",
    "schemas of the answers",
    "VLT-VAL-01",
    "VLT-VAL-03",
    "VLT-VAL-05",
    "VLT-CNT-05",
    "VLT-ENV-07",
)
def a_success_fits_its_schema(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """The body of a success validates against the schema of its operation and status."""
    answer = exchange.answer
    if not (answer.is_good and _known(judge, exchange)):
        return
    operation = judge.contract.operations[exchange.operation_id]
    if answer.status not in operation.statuses or answer.status == 204:
        return
    if answer.json is None:
        yield "json", "a JSON body", repr(answer.body[:120])
        return
    for problem in judge.contract.answer_problems(
        exchange.operation_id, answer.status, answer.json
    )[:3]:
        yield f"{problem.keyword}", problem.rule, f"{problem.pointer}: {problem.message}"


@check("VLT-ENV-04", "envelope", "error schemas and their examples")
def a_refusal_is_told_in_the_envelope(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """A refusal is a JSON object with status_code, error, type_name, message, detail and ref."""
    answer = exchange.answer
    if not (answer.is_refusal and _known(judge, exchange)) or answer.status in {405, 413, 414, 431}:
        return
    body = answer.json
    if not isinstance(body, dict):
        yield "json", "a JSON object", repr(answer.body[:120])
        return
    missing = [name for name in ERROR_FIELDS if name not in body]
    if missing:
        yield "fields", "the fields " + ", ".join(ERROR_FIELDS), f"no {', '.join(missing)}"
    for text in ("error", "type_name", "message", "ref"):
        if text in body and not (isinstance(body[text], str) and body[text]):
            yield "text", f"{text} is text", repr(body[text])
    if "detail" in body and not isinstance(body["detail"], str | dict):
        yield "detail", "detail is text or an object", repr(body["detail"])[:120]
    if "status_code" in body and body["status_code"] != answer.status:
        yield "status_code", f"status_code {answer.status}", repr(body["status_code"])
    name, ref = body.get("type_name"), body.get("ref")
    if isinstance(name, str) and isinstance(ref, str):
        # the contract's own example of a missing header refers to another type
        ends = (f"#{name.lower()}", *_REFS.get(name, ()))
        if not ref.endswith(ends):
            yield "ref", f"a ref that ends in {ends[0]}", ref


@check("VLT-ENV-05", "envelope", "errors and their statuses", "VLT-ENV-04")
def a_refusal_is_typed_for_its_status(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """The type_name and the error of a refusal are of its status: clients go by them."""
    answer = exchange.answer
    name = answer.json.get("type_name") if isinstance(answer.json, dict) else None
    if not answer.is_refusal or not isinstance(name, str) or not _known(judge, exchange):
        return
    reason = str(answer.json.get("error"))
    if _STATUS_BY_REASON.get(reason.lower(), answer.status) != answer.status:
        yield "error", f"the reason of HTTP {answer.status}", reason
    wrong = {
        "UnauthorizedError": answer.status not in {401, 403},
        "RequestLimitError": answer.status != 402,
        "EntityNotFoundError": answer.status != 404,
        "RequestValidationError": answer.status not in {400, 409, 413, 415, 422},
        "RequestHeadersValidationError": answer.status not in {400, 401, 422},
    }
    if wrong.get(name) or (answer.status == 404 and not _MISSING_NAMES.search(name)):
        yield "type", f"a type_name of HTTP {answer.status}", name


@check("VLT-ENV-06", "envelope", "good practice: OWASP API8", "VLT-ENV-01")
def an_answer_shows_no_internals(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """No answer shows stack traces, source files or database messages."""
    del judge
    if exchange.answer.status >= 400 and (
        found := _INTERNALS.search(exchange.answer.body.decode("utf-8", "replace"))
    ):
        yield "internals", "a message for the client", found[0]


@check("VLT-ENV-07", "envelope", "status_code and status of every success schema")
def the_envelope_agrees_with_the_status(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """A success says its own HTTP status (a creation may say 201, as its example does)."""
    answer = exchange.answer
    if not answer.is_good or not isinstance(answer.json, dict) or not _known(judge, exchange):
        return
    said = answer.json.get("status_code")
    allowed = {answer.status, 201} if exchange.operation_id in _CREATIONS else {answer.status}
    if said is not None and said not in allowed:
        yield "status_code", f"status_code {answer.status}", repr(said)


@check("VLT-HDR-01", "headers", "content of every response")
def json_is_labelled_as_json(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """Every JSON answer says content-type application/json."""
    answer = exchange.answer
    if (
        not answer.body
        or not _known(judge, exchange)
        or answer.status >= 500
        or 300 <= answer.status < 400
    ):
        return
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if (
        kind != "application/json"
        and answer.status not in {405, 413, 414, 431}
        and answer.json is not None
    ):
        yield "content-type", "application/json", kind or "none"


@check("VLT-HDR-02", "headers", "x-apideck-request-id of every answer (client code, logs)")
def every_answer_has_its_own_request_id(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """Every answer carries x-apideck-request-id, and no two the same."""
    answer = exchange.answer
    # what stands before the application, and refuses for it, has no logs and no ids of them
    refused = answer.status in {400, 404, 422} and isinstance(answer.json, dict)
    told = answer.is_good or (refused and "type_name" in answer.json)
    if not told or not _known(judge, exchange):
        return
    found = answer.headers.get("x-apideck-request-id")
    if not found:
        yield "missing", "the header x-apideck-request-id", "none"
    elif found in judge.request_ids:
        yield "repeated", "an id that no other answer had", found
    else:
        judge.request_ids.add(found)


@check("VLT-SEC-01", "secrets", "keys are secret (security scheme apiKey)")
def no_answer_repeats_a_key(judge: Judge, exchange: Exchange) -> Iterator[Finding]:
    """No answer holds an API key of an application, nor a credential that was handed over."""
    text = exchange.answer.body.decode("utf-8", "replace")
    text += "\n".join(exchange.answer.headers.values())
    for value, name in judge.never_shown.items():
        if value in text:
            yield name, f"no {name} in the answer", f"{name} is in the answer"


@check("VLT-CNX-22", "state", "Connection.id, service_id, unified_api", "VLT-ENV-03")
def an_answer_is_about_the_connection_asked_for(
    judge: Judge, exchange: Exchange
) -> Iterator[Finding]:
    """The connection that an operation answers with is the one that its path names."""
    if not _known(judge, exchange) or not exchange.answer.is_good:
        return
    if not exchange.operation_id.startswith("connection"):
        return
    found = _PATH.fullmatch(exchange.request.path)
    item = exchange.answer.item
    if found is None or "form_fields" not in item:
        return
    api, service = (unquote(part) for part in found.groups()[:2])
    named = (item.get("unified_api", api), item.get("service_id", service))
    if named != (api, service):
        yield "names", f"{api}+{service}", "+".join(map(str, named))
    if item.get("id") not in {None, f"{api}+{service}"}:
        yield "id", f"{api}+{service}", str(item.get("id"))
