"""Why a connection stands where it does, and what comes next: with facts, curl and a diagram."""

import json
from shlex import quote as shell_quote
from typing import Any
from urllib.parse import quote

from mockvault.domain.connectors import Connector, GrantType
from mockvault.domain.entities import AccessToken, Connection
from mockvault.domain.errors import IllegalStep
from mockvault.domain.facts import plausible_value, with_facts_of
from mockvault.domain.states import (
    ConnectionState,
    credentials_are_refused,
    is_authorized_in_browser,
    is_filled,
    missing_settings,
    needs_token,
    settings_missing_for_authorization,
    state_of,
)
from mockvault.vault.exchange import GRANTS_WITHOUT_BROWSER
from mockvault.vault.vault import Vault

_TOKEN = AccessToken("at", 0)


def explain(vault: Vault, consumer_id: str, unified_api: str, service_id: str, url: str) -> Any:
    """Return state, facts, next operations and diagram; raise ConnectorNotFound."""
    connector, connection = vault.connections.find(consumer_id, unified_api, service_id)
    state = state_of(connector, connection)
    next_steps = _Next(vault, connector, connection, consumer_id, url)
    return {
        "application_id": vault.application.id,
        "consumer_id": consumer_id,
        "connection": connector.id,
        "state": state,
        "enabled": connection is not None and connection.enabled,
        "because": _because(connector, connection, state),
        "facts": _facts(connector, connection),
        "next": next_steps.all(),
        "diagram": diagram(connector, state),
    }


def possible_states(connector: Connector) -> tuple[ConnectionState, ...]:
    """Return the states in which a connection to this connector can stand."""
    found = [ConnectionState.AVAILABLE]
    bare = Connection("", connector.unified_api, connector.service_id, created_at=0)
    for state in ConnectionState:
        if state is not ConnectionState.AVAILABLE:
            try:
                with_facts_of(connector, bare, state, token=_TOKEN, make_value=plausible_value)
            except IllegalStep:
                continue
            found.append(state)
    return tuple(found)


def diagram(connector: Connector, current: ConnectionState) -> str:
    """Return the connector's states as a Mermaid diagram, the current one lit."""
    states = possible_states(connector)
    start = state_of(
        connector, Connection("", connector.unified_api, connector.service_id, created_at=0)
    )
    lines = ["stateDiagram-v2", "    [*] --> available", f"    available --> {start}: add"]
    way = "consent" if is_authorized_in_browser(connector) else "token"
    if ConnectionState.ADDED in states:
        if not needs_token(connector):
            lines.append("    added --> callable: settings")
        elif ConnectionState.AUTHORIZED in states:
            lines.append(f"    added --> authorized: {way}")
            lines.append(f"    added --> callable: {way}, settings there")
        else:
            lines.append(f"    added --> callable: {way}")
        if needs_token(connector):
            lines.append("    callable --> added: revoked, or refresh failed")
        elif start is not ConnectionState.CALLABLE:
            lines.append("    callable --> added: settings removed")
    if ConnectionState.AUTHORIZED in states:
        lines.append("    authorized --> callable: settings")
        lines.append("    callable --> authorized: settings removed")
    if ConnectionState.INVALID in states:
        lines.append("    callable --> invalid: settings refused")
        lines.append("    invalid --> callable: settings accepted")
    lines += [f"    {state} --> [*]: delete" for state in states if state != "available"]
    lines.append("    classDef current fill:#0b6,color:#fff,stroke-width:3px")
    lines.append(f"    class {current} current")
    return "\n".join(lines)


def _because(connector: Connector, connection: Connection | None, state: ConnectionState) -> str:
    if connection is None:
        return "The consumer has not added it."
    if needs_token(connector) and connection.token is None:
        return "It was added, and no consent was given yet: it holds no token."
    missing = [field.id for field in missing_settings(connector, connection)]
    if missing:
        return f"These required settings are not there: {', '.join(missing)}."
    if state is ConnectionState.INVALID:
        return "The connector refused the credentials: one of them holds the word 'invalid'."
    return "Everything that the connector requires is there."


def _facts(connector: Connector, connection: Connection | None) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = [
        {"fact": "added", "holds": connection is not None},
        {"fact": "enabled", "holds": connection is not None and connection.enabled},
    ]
    if needs_token(connector):
        facts.append(
            {"fact": "token", "holds": connection is not None and connection.token is not None}
        )
    settings = connection.settings if connection else {}
    facts += [
        {
            "fact": f"setting {field.id}",
            "holds": is_filled(settings.get(field.id, field.default_value)),
        }
        for field in connector.form_fields
        if field.required and not field.deprecated
    ]
    before = settings_missing_for_authorization(connector, connection)
    if connector.settings_required_for_authorization:
        facts.append(
            {"fact": "settings before authorization", "holds": not before, "missing": list(before)}
        )
    if connector.validation_support:
        refused = connection is not None and credentials_are_refused(connector, connection)
        facts.append({"fact": "credentials accepted", "holds": not refused})
    return facts


class _Next:
    """The operations that the connection's state allows, each with its curl."""

    def __init__(
        self,
        vault: Vault,
        connector: Connector,
        connection: Connection | None,
        consumer_id: str,
        url: str,
    ) -> None:
        self._vault = vault
        self._connector = connector
        self._connection = connection
        self._consumer_id = consumer_id
        self._url = url

    def all(self) -> list[dict[str, Any]]:
        """Return every step, those that lead to callable first."""
        connector, connection = self._connector, self._connection
        if connection is None:
            bare = Connection(
                self._consumer_id, connector.unified_api, connector.service_id, created_at=0
            )
            steps = [self._patch({"enabled": True}, "Add it", bare)]
            if needs_token(connector):
                steps.append(self._import(bare))
            return steps
        return [*self._settings(connection), *self._tokens(connection), *self._ends(connection)]

    def _settings(self, connection: Connection) -> list[dict[str, Any]]:
        connector = self._connector
        missing = {
            field.id: plausible_value(field) for field in missing_settings(connector, connection)
        }
        for field_id in settings_missing_for_authorization(connector, connection):
            missing.setdefault(
                field_id,
                next(plausible_value(f) for f in connector.form_fields if f.id == field_id),
            )
        steps = []
        if missing:
            after = connection._replace(settings={**connection.settings, **missing})
            steps.append(self._patch({"settings": missing}, "Save what is missing", after))
        if credentials_are_refused(connector, connection):
            right = with_facts_of(
                connector,
                connection,
                ConnectionState.CALLABLE,
                token=_TOKEN,
                make_value=plausible_value,
            )
            changed = {
                name: value
                for name, value in right.settings.items()
                if connection.settings.get(name) != value
            }
            steps.append(self._patch({"settings": changed}, "Save other credentials", right))
        return steps

    def _tokens(self, connection: Connection) -> list[dict[str, Any]]:
        connector, vault = self._connector, self._vault
        steps = []
        with_token = connection._replace(token=_TOKEN)
        if vault.authorization.can_authorize(connector, connection):
            place = f"{connector.service_id}/{quote(vault.application.id, safe='')}"
            state = vault.authorization.state_for(
                self._consumer_id, connector, vault.authorization.moment()
            )
            url = f"{self._url}/vault/authorize/{place}?state={state}"
            url += f"&redirect_uri={self._back()}&mock_consent=approve"
            steps.append(
                {
                    "operation_id": "connectionsAuthorize",
                    "does": "Give consent; without mock_consent in a browser it is asked for",
                    "leads_to": state_of(connector, with_token),
                    "curl": f"curl -sL -o /dev/null {shell_quote(url)}",
                }
            )
        grant = connector.oauth_grant_type
        if (
            isinstance(grant, GrantType)
            and grant in GRANTS_WITHOUT_BROWSER
            and not any(missing_settings(connector, connection))
        ):
            steps.append(
                self._step(
                    "connectionsToken",
                    "POST",
                    "/token",
                    {},
                    f"Ask for a token by {grant}",
                    with_token,
                )
            )
        if vault.authorization.can_revoke(connector, connection):
            place = f"{connector.service_id}/{quote(vault.application.id, safe='')}"
            state = vault.authorization.state_for(
                self._consumer_id, connector, vault.authorization.moment()
            )
            url = f"{self._url}/vault/revoke/{place}?state={state}"
            url += f"&redirect_uri={self._back()}"
            steps.append(
                {
                    "operation_id": "connectionsRevoke",
                    "does": "Take the consent back",
                    "leads_to": state_of(connector, connection._replace(token=None)),
                    "curl": f"curl -sL -o /dev/null {shell_quote(url)}",
                }
            )
        if needs_token(connector) and connection.token is None:
            steps.append(self._import(connection))
        return steps

    def _ends(self, connection: Connection) -> list[dict[str, Any]]:
        enabled = not connection.enabled
        return [
            self._patch({"enabled": enabled}, "Enable it" if enabled else "Disable it", connection),
            self._step("connectionsDelete", "DELETE", "", None, "Delete it", None),
        ]

    def _back(self) -> str:
        """Return where the browser is sent in the end: where it may be, and somebody answers."""
        allowed = self._vault.application.redirect_uris
        return quote(allowed[0] if allowed else f"{self._url}/_mock/health", safe="")

    def _import(self, connection: Connection) -> dict[str, Any]:
        body = {"credentials": {"access_token": "imported", "refresh_token": "imported"}}
        after = connection._replace(token=_TOKEN)
        return self._step(
            "connectionsImport", "POST", "/import", body, "Import a token had elsewhere", after
        )

    def _patch(self, body: Any, does: str, after: Connection) -> dict[str, Any]:
        return self._step("connectionsUpdate", "PATCH", "", body, does, after)

    def _step(  # noqa: PLR0917  a row of what is said of a step
        self,
        operation_id: str,
        method: str,
        below: str,
        body: Any,
        does: str,
        after: Connection | None,
    ) -> dict[str, Any]:
        connector, application = self._connector, self._vault.application
        path = f"/vault/connections/{quote(connector.unified_api)}/{quote(connector.service_id)}"
        key = application.api_keys[0] if application.api_keys else ""
        parts = ["curl", "-s", "-X", method, f"{self._url}{path}{below}"]
        parts += ["-H", f"Authorization: Bearer {key}"]
        parts += ["-H", f"x-apideck-app-id: {application.id}"]
        parts += ["-H", f"x-apideck-consumer-id: {self._consumer_id}"]
        if body is not None:
            parts += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return {
            "operation_id": operation_id,
            "does": does,
            "leads_to": state_of(connector, after),
            "curl": " ".join(map(shell_quote, parts)),
        }
