"""What a vault refuses, each named for what is wrong; `web/replies.py` gives each its status.

`type_name`, `message` and `detail` are the words of the contract's error envelope; the names are
those of the published errors page.
"""

from typing import Any, ClassVar


class VaultError(Exception):
    """What was asked of the vault cannot be done; `detail` says why, in a sentence or as data."""

    type_name: ClassVar[str] = "UnexpectedError"

    def __init__(self, message: str, detail: str | dict[str, Any]) -> None:
        super().__init__(f"{message}: {detail}")
        self.message = message
        self.detail = detail


class EntityNotFound(VaultError):
    """There is no such thing in this application (or no such route)."""

    type_name = "EntityNotFoundError"

    def __init__(self, entity: str, id: str) -> None:
        super().__init__(
            f"Unknown {' '.join(word.capitalize() for word in entity.split())}",
            f"Could not find {entity} with id: '{id}'",
        )
        self.entity = entity
        self.id = id


class ConnectorNotFound(VaultError):
    """No connector of that service id serves that unified API."""

    type_name = "ConnectorNotFoundError"

    def __init__(self, unified_api: str, service_id: str) -> None:
        super().__init__(
            "Unknown Connector",
            f"Could not find connector '{service_id}' for unified API '{unified_api}'",
        )
        self.unified_api = unified_api
        self.service_id = service_id


class ConnectionNotFound(VaultError):
    """The consumer has not added this connection."""

    type_name = "ConnectionNotFoundError"

    def __init__(self, consumer_id: str, connection_id: str) -> None:
        super().__init__(
            "Unknown Connection",
            f"Consumer '{consumer_id}' has not added connection '{connection_id}'",
        )
        self.consumer_id = consumer_id
        self.connection_id = connection_id


class IllegalStep(VaultError):
    """The state of what was addressed does not allow what was asked of it."""

    type_name = "InvalidStateError"

    def __init__(self, why: str) -> None:
        super().__init__("Invalid State", why)


class Unauthorized(VaultError):
    """Who asks has not shown that it may."""

    type_name = "UnauthorizedError"

    def __init__(self, why: str = "Missing authentication") -> None:
        super().__init__("Unauthorized Request", why)


class CallbackStateRefused(VaultError):
    """OAuth's state is not one that this vault signed, or its time or its single use is over."""

    type_name = "OAuthInvalidStateError"

    def __init__(self, why: str) -> None:
        super().__init__(
            "Invalid State", f"State parameter is not a valid JWT token. It may have expired. {why}"
        )
        self.why = why


class RedirectUriRefused(VaultError):
    """The redirect URI is not one to which a browser may be sent."""

    type_name = "OAuthRedirectUriError"

    def __init__(self, redirect_uri: str, why: str) -> None:
        super().__init__("Invalid Redirect URI", why)
        self.redirect_uri = redirect_uri


class AuthorizationRequestRefused(VaultError):
    """The fake provider was asked for consent in a way that it cannot answer with a redirect."""

    type_name = "OAuthConnectorError"

    def __init__(self, why: str) -> None:
        super().__init__("Authorization Request Refused", why)
        self.why = why


class CodeExchangeFailed(VaultError):
    """The provider did not give a token for the code or the credentials."""

    type_name = "OAuthCodeExchangeError"

    def __init__(self, why: str) -> None:
        super().__init__("Code Exchange Failed", why)
        self.why = why


class CredentialsRefused(VaultError):
    """The provider refused the credentials that the connection holds."""

    type_name = "ConnectorCredentialsError"

    def __init__(self, why: str) -> None:
        super().__init__("Connector Credentials Refused", why)


class CursorRefused(VaultError):
    """The cursor is not one that this list gave."""

    type_name = "InvalidCursorError"

    def __init__(self, cursor: str) -> None:
        super().__init__(
            "Invalid Cursor",
            {
                "violations": [
                    {
                        "in": "query",
                        "pointer": "/cursor",
                        "keyword": "cursor",
                        "message": "The cursor is not one that this list gave",
                        "expected": "a cursor of meta.cursors, or none to start at the beginning",
                        "got": cursor[:80],
                        "rule": "#/components/parameters/cursor",
                    }
                ]
            },
        )
        self.cursor = cursor


class ValueRefused(VaultError):
    """A value has the contract's shape and still cannot be meant; the place is named as a pointer.

    `location` is path, query, header or body; `rule` the JSON pointer of what the contract says.
    """

    type_name = "RequestValidationError"

    def __init__(
        self, location: str, pointer: str, *, keyword: str, expected: str, got: Any, rule: str
    ) -> None:
        super().__init__(
            "Invalid Params",
            {
                "violations": [
                    {
                        "in": location,
                        "pointer": pointer,
                        "keyword": keyword,
                        "message": f"{pointer.removeprefix('/')} must be {expected}",
                        "expected": expected,
                        "got": got[:80] if isinstance(got, str) else got,
                        "rule": rule,
                    }
                ]
            },
        )
        self.location = location
        self.pointer = pointer
