"""What goes back: the contract's envelopes, and the one table from refusal to status."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from mockvault.domain import errors
from mockvault.domain.errors import VaultError
from mockvault.json_text import dumps
from mockvault.vault.kept import Text
from mockvault.web.violations import UnsupportedMediaType, Violation, told_of

JSON = b"application/json"
_PHRASES = {each.value: each.phrase for each in HTTPStatus}
ERROR_REF = "https://developers.apideck.com/errors#"
Header = tuple[bytes, bytes]
Deliver = Callable[[Any, dict[str, Any], bytes], Awaitable[None]]
"""Sends, by ASGI's `send`, the start of a response and its body."""

STATUS_BY_ERROR: Mapping[type[VaultError], int] = {
    errors.EntityNotFound: 404,
    errors.ConnectorNotFound: 404,
    errors.ConnectionNotFound: 404,
    errors.IllegalStep: 422,
    errors.AuthorizationRequestRefused: 400,
    errors.CodeExchangeFailed: 422,
    errors.CredentialsRefused: 422,
    errors.Unauthorized: 401,
    errors.CallbackStateRefused: 401,
    errors.RedirectUriRefused: 400,
    errors.CursorRefused: 400,
    errors.ValueRefused: 400,
}


@dataclass(slots=True)
class Reply:
    """An answer: its status, its body as bytes, and the headers beyond those of every answer.

    `error` is what the answer refuses for, in a sentence; None for one that does not. `deliver`
    puts it on the wire in a way of its own; None sends it whole and at once. `text` is what
    keeps the same bytes, and what is known of them.

    Nobody changes one. It is no tuple, and not frozen, for its parts are looked at a dozen times.
    """

    status: int
    content: bytes | None = None
    headers: tuple[Header, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()
    deliver: "Deliver | None" = None
    text: Text | None = None

    def warning(self, of: str) -> "Reply":
        """Return the same answer with one more warning."""
        return replace(self, warnings=(*self.warnings, of))

    def saying(self, name: bytes, value: bytes) -> "Reply":
        """Return the same answer with one more header."""
        return replace(self, headers=(*self.headers, (name, value)))


def ok(data: Any, **beside: Any) -> Reply:
    """Answer 200 with data in the contract's envelope, and what stands beside it (meta, links)."""
    return Reply(200, dumps({"status_code": 200, "status": "OK", "data": data, **beside}))


def ok_data(data: Any, **beside: Any) -> Text:
    """Return the body of such an answer, to be kept."""
    return Text(dumps({"status_code": 200, "status": "OK", "data": data, **beside}))


def ok_text(text: Text) -> Reply:
    """Answer 200 with a body that is kept; the answer is kept with it."""
    reply: Reply | None = text.reply
    if reply is None:
        reply = text.reply = Reply(200, text.content, text=text)
    return reply


def no_content() -> Reply:
    """Answer 204: done, and there is nothing to say."""
    return Reply(204)


def moved(location: str) -> Reply:
    """Answer 301 to another place; no cache may keep it, for it is meant once for one person."""
    return Reply(301, None, ((b"location", location.encode()), (b"cache-control", b"no-store")))


def refusal(
    status: int,
    type_name: str,
    message: str,
    detail: str | Mapping[str, Any],
    headers: tuple[Header, ...] = (),
    *,
    told: str | None = None,
) -> Reply:
    """Answer in the contract's error envelope; `told` is the detail as a sentence."""
    if told is None:
        told = detail if isinstance(detail, str) else _sentence(detail)
    content = {
        "status_code": status,
        "error": _PHRASES[status],
        "type_name": type_name,
        "message": message,
        "detail": detail,
        "ref": ERROR_REF + type_name.lower(),
    }
    return Reply(status, dumps(content), headers, error=f"{message}: {told}")


def refused(reason: VaultError) -> Reply:
    """Answer what the vault refused."""
    status = STATUS_BY_ERROR[type(reason)]
    headers = ((b"www-authenticate", b'Bearer realm="vault"'),) if status == 401 else ()
    return refusal(status, reason.type_name, reason.message, reason.detail, headers)


def invalid(violations: Sequence[Violation]) -> Reply:
    """Answer 400 with every violation of the request."""
    of_headers = "header" in [violation.location for violation in violations]
    type_name = "RequestHeadersValidationError" if of_headers else "RequestValidationError"
    detail = violations_detail(violations)
    return refusal(400, type_name, "Invalid Params", detail, told=told_of(violations))


def violations_detail(violations: Sequence[Violation]) -> dict[str, Any]:
    """Return the detail that lists violations, and names what is missing as the contract does."""
    listed = [violation.as_json() for violation in violations]
    detail: dict[str, Any] = {"violations": listed}
    missing = [
        {told["pointer"].rpartition("/")[2]: "required"}
        for told in listed
        if told["keyword"] == "required" and told["pointer"]
    ]
    if missing:
        detail["missing"] = missing
    return detail


def wrong_media_type(reason: UnsupportedMediaType) -> Reply:
    """Answer 415 with the types that are taken."""
    return refusal(
        415,
        "UnsupportedMediaTypeError",
        "Unsupported Media Type",
        {"message": str(reason), "got": reason.got, "supported": list(reason.supported)},
        ((b"accept", ", ".join(reason.supported).encode()),),
    )


def _sentence(detail: Mapping[str, Any]) -> str:
    violations = detail.get("violations")
    if violations:
        return "; ".join(
            str(violation.get("message", violation["pointer"])) for violation in violations
        )
    return str(detail.get("message", ""))
