"""Which facts imply a state: a connection is brought into one by what would have led there."""

from collections.abc import Callable
from typing import Any

from mockvault.domain.connectors import Connector, FormField
from mockvault.domain.entities import AccessToken, Connection
from mockvault.domain.errors import IllegalStep
from mockvault.domain.states import (
    REFUSED_WORD,
    ConnectionState,
    is_filled,
    missing_settings,
    needs_token,
    state_of,
)

MakeValue = Callable[[FormField], Any]


def with_facts_of(
    connector: Connector,
    connection: Connection,
    state: ConnectionState,
    *,
    token: AccessToken,
    make_value: MakeValue,
) -> Connection:
    """Return the connection with the facts that imply `state`; what it holds is kept if it can be.

    `token` is taken where the connector needs one, `make_value` asked for each setting to fill.
    Raises IllegalStep where no facts lead this connector to the state (one without required fields
    is never `authorized`, one without validation_support never `invalid`).
    """
    required = [each for each in connector.form_fields if each.required and not each.deprecated]
    held = connection.token or token if needs_token(connector) else None
    if state is ConnectionState.ADDED:
        result = connection._replace(token=None)
        if held is None:
            result = _without(result, required)
    elif state is ConnectionState.AUTHORIZED:
        waiting = [each for each in required if each.after_authorization] or required
        result = _filled(connector, connection, make_value)._replace(token=held)
        result = _without(result, waiting)
    elif state is ConnectionState.INVALID:
        result = _filled(connector, connection, make_value)._replace(token=held)
        result = _spoilt(connector, result)
    else:
        result = _filled(connector, connection, make_value)._replace(token=held)
    if state_of(connector, result) is not state:
        raise IllegalStep(f"No facts make connection '{connector.id}' {state}")
    return result


def _filled(connector: Connector, connection: Connection, make_value: MakeValue) -> Connection:
    settings = dict(connection.settings)
    for form_field in connector.form_fields:
        value = settings.get(form_field.id)
        if isinstance(value, str) and REFUSED_WORD in value.casefold():
            settings[form_field.id] = make_value(form_field)
    connection = connection._replace(settings=settings)
    for form_field in missing_settings(connector, connection):
        settings[form_field.id] = make_value(form_field)
    return connection._replace(settings=settings)


def _without(connection: Connection, fields: list[FormField]) -> Connection:
    gone = {form_field.id for form_field in fields if not is_filled(form_field.default_value)}
    settings = {name: value for name, value in connection.settings.items() if name not in gone}
    return connection._replace(settings=settings)


def _spoilt(connector: Connector, connection: Connection) -> Connection:
    for form_field in connector.form_fields:
        if form_field.sensitive or (form_field.required and not form_field.options):
            settings = {**connection.settings, form_field.id: f"{REFUSED_WORD}-credentials"}
            return connection._replace(settings=settings)
    return connection


def plausible_value(form_field: FormField) -> Any:
    """Return a value that the field would take, the same each time.

    >>> plausible_value(FormField("subdomain", "Subdomain"))
    'mock-subdomain'
    """
    for option in form_field.options:
        choices = option.get("options", [option])
        if choices:
            value = choices[0].get("value")
            return [value] if form_field.type == "multi-select" else value
    by_type: dict[str, Any] = {
        "checkbox": True,
        "number": 1,
        "url": f"https://{form_field.id.replace('_', '-')}.example.com",
        "email": "consumer@example.com",
        "tel": "+3212345678",
        "date": "2024-03-26",
        "time": "09:00",
        "datetime": "2024-03-26T09:00:00.000Z",
    }
    if form_field.type in by_type:
        return by_type[form_field.type]
    if form_field.id.endswith("_url"):
        return by_type["url"]
    return f"mock-{form_field.id.replace('_', '-')}"
