"""Where a connection stands: the state as a function of the facts, and what each fact implies.

The state is never stored (guide "connection states"; see spec/decisions/0001).
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from mockvault.domain.connectors import AuthType, Connector, FormField, GrantType
from mockvault.domain.entities import Connection

REFUSED_WORD = "invalid"
"""A sensitive or required value that holds this word is what the fake downstream refuses."""


class ConnectionState(StrEnum):
    """The contract's #/components/schemas/ConnectionState."""

    AVAILABLE = "available"
    ADDED = "added"
    AUTHORIZED = "authorized"
    CALLABLE = "callable"
    INVALID = "invalid"


class IntegrationState(StrEnum):
    """What the application's owner has done with a connector (contract: IntegrationState)."""

    DISABLED = "disabled"
    NEEDS_CONFIGURATION = "needs_configuration"
    CONFIGURED = "configured"


_OAUTH2, _IN_BROWSER = AuthType.OAUTH2, GrantType.AUTHORIZATION_CODE
_AVAILABLE, _ADDED, _CALLABLE = (
    ConnectionState.AVAILABLE,
    ConnectionState.ADDED,
    ConnectionState.CALLABLE,
)
# names of a module are found in half the time that members of an enumeration take


def is_filled(value: Any) -> bool:
    """Tell whether a setting's value counts as given: anything but nothing and the empty text."""
    return value is not None and value not in ("", [])


def missing_settings(connector: Connector, connection: Connection) -> Iterator[FormField]:
    """Yield the required fields for which the connection holds no value."""
    for form_field in connector.form_fields:
        if (
            form_field.required
            and not form_field.deprecated
            and not is_filled(connection.settings.get(form_field.id, form_field.default_value))
        ):
            yield form_field


def has_all_settings(connector: Connector, connection: Connection) -> bool:
    """Tell whether the connection holds a value for every required field."""
    settings = connection.settings
    for form_field in connector.form_fields:
        if form_field.required and not form_field.deprecated:
            value = settings.get(form_field.id, form_field.default_value)
            if not value and not is_filled(value):
                return False
    return True


def settings_missing_for_authorization(
    connector: Connector, connection: Connection | None
) -> tuple[str, ...]:
    """Return the ids of the settings that have to be saved before authorization can begin."""
    wanted = connector.settings_required_for_authorization
    if not wanted:
        return ()
    settings = connection.settings if connection else {}
    return tuple(name for name in wanted if not is_filled(settings.get(name)))


def needs_token(connector: Connector) -> bool:
    """Tell whether a connection to it is authorized by an OAuth token, by whatever grant."""
    return connector.oauth_grant_type is not None or connector.auth_type is _OAUTH2


def is_authorized_in_browser(connector: Connector) -> bool:
    """Tell whether a consumer authorizes it by consent on a provider's page."""
    return connector.oauth_grant_type is _IN_BROWSER and connector.auth_type is _OAUTH2


def credentials_are_refused(connector: Connector, connection: Connection) -> bool:
    """Tell whether the fake downstream refuses what was entered.

    Only connectors with `validation_support` are asked. They refuse a text that holds `invalid`,
    in a sensitive or a required field, whatever its case.
    """
    if not connector.validation_support:
        return False
    for form_field in connector.form_fields:
        if form_field.sensitive or form_field.required:
            value = connection.settings.get(form_field.id)
            if isinstance(value, str) and REFUSED_WORD in value.casefold():
                return True
    return False


def state_of(connector: Connector, connection: Connection | None) -> ConnectionState:
    """Return the state that the facts imply.

    >>> from mockvault.domain.connectors import AuthType, Connector
    >>> connector = Connector("close", "crm", "Close", "", "", "", "", AuthType.NONE)
    >>> state_of(connector, None)
    <ConnectionState.AVAILABLE: 'available'>
    >>> state_of(connector, Connection("c", "crm", "close", created_at=0))
    <ConnectionState.CALLABLE: 'callable'>
    """
    if connection is None:
        return _AVAILABLE
    if connection.token is None and needs_token(connector):
        return _ADDED
    if not has_all_settings(connector, connection):
        return ConnectionState.AUTHORIZED if connection.token is not None else _ADDED
    if connector.validation_support and credentials_are_refused(connector, connection):
        return ConnectionState.INVALID
    return _CALLABLE
