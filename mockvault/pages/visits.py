"""A visit of hosted Vault: who may see what, by the session's token and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mockvault.domain.entities import Connection
from mockvault.domain.errors import ConnectorNotFound, IllegalStep, Unauthorized
from mockvault.domain.states import ConnectionState, IntegrationState, needs_token
from mockvault.pages.rendering import web_url
from mockvault.presenting import connection_json
from mockvault.vault.applications import Applications
from mockvault.vault.connections import Held
from mockvault.vault.locations import with_query
from mockvault.vault.vault import Vault
from mockvault.web.security import vault_of_token

BADGES = {
    ConnectionState.AVAILABLE: "Not connected",
    ConnectionState.ADDED: "Unauthorized",
    ConnectionState.AUTHORIZED: "Input required",
    ConnectionState.CALLABLE: "Connected",
    ConnectionState.INVALID: "Invalid configuration",
}
API_NAMES = {
    "crm": "CRM",
    "hris": "HRIS",
    "ats": "ATS",
    "pos": "POS",
    "sms": "SMS",
    "cms": "CMS",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One session at work: its vault, its consumer, its settings and theme."""

    vault: Vault
    token: str
    claims: Mapping[str, Any]
    base_url: str

    @property
    def consumer_id(self) -> str:
        return str(self.claims["consumer_id"])

    @property
    def settings(self) -> Mapping[str, Any]:
        return dict(self.claims.get("settings") or {})

    @property
    def theme(self) -> Mapping[str, Any]:
        return dict(self.claims.get("theme") or {})

    @property
    def home(self) -> str:
        """The path of the list, below which every other page stands."""
        return f"/session/{self.token}"

    @property
    def expires_in(self) -> int:
        """Seconds that are left of the session."""
        return max(0, int(self.claims["exp"]) - self.vault.now() // 1000)

    @property
    def app_url(self) -> str | None:
        """Where the consumer came from, if it is an address of the web and not the default."""
        url = web_url(self.claims.get("redirect_uri"))
        return None if url is None or url.endswith("/_mock/vault/oauth/callback") else url

    def app_url_with(self, service_id: str) -> str | None:
        """Return that address, told which connection is ready."""
        url = self.app_url
        return None if url is None else with_query(url, {"authorizedConnection": service_id})

    def shows(self, setting: str, *, by_default: bool) -> bool:
        """Tell whether a switch of the session's settings is on."""
        value = self.settings.get(setting)
        return by_default if value is None else bool(value)

    def allows(self, action: str) -> bool:
        """Tell whether an action is offered: all are, where the session names none at all."""
        allowed = self.settings.get("allow_actions")
        return allowed is None or action in allowed

    @property
    def unified_apis(self) -> tuple[str, ...]:
        """The unified APIs that are shown, by name."""
        wanted = self.settings.get("unified_apis") or ()
        return tuple(
            api
            for api in self.vault.surroundings.catalogue.unified_apis
            if not wanted or api in wanted
        )

    def held(self, unified_api: str | None = None) -> list[Held]:
        """Return what the consumer can see, with its connections, sorted by name."""
        shown = self.unified_apis
        return [
            held
            for held in self.vault.connections.of_consumer(self.consumer_id, unified_api)
            if held.connector.unified_api in shown and not self._is_off(held)
        ]

    def find(self, unified_api: str, service_id: str) -> Held:
        """Return one of them; raise ConnectorNotFound for any other."""
        held = self.vault.connections.find(self.consumer_id, unified_api, service_id)
        if unified_api not in self.unified_apis or self._is_off(held):
            raise ConnectorNotFound(unified_api, service_id)
        return held

    def shown(self, held: Held) -> dict[str, Any]:
        """Return a connection as the API shows it, with what a page says of it besides."""
        it = connection_json(self.vault, held, self.consumer_id, self.base_url)
        is_disabled = held.connection is not None and not held.connection.enabled
        return it | {
            "badge": "Disabled" if is_disabled else BADGES[held.state],
            "badge_class": "disabled" if is_disabled else str(held.state),
            "api_name": api_name(held.connector.unified_api),
            "picture": picture_of(held.connector.service_id),
            "href": self.place(held.connector.unified_api, held.connector.service_id),
        }

    def place(self, unified_api: str, service_id: str, *more: str) -> str:
        """Return the path of a connection's page, or of one below it."""
        parts = [quote(part, safe="") for part in (unified_api, service_id, *more)]
        return "/".join((self.home, "connections", *parts))

    def _is_off(self, held: Held) -> bool:
        state = self.vault.application.integrations.get(held.connector.service_id)
        return state == IntegrationState.DISABLED


def visit_of(applications: Applications, token: str, base_url: str) -> Visit:
    """Return the visit that a session's token allows; raise Unauthorized."""
    vault = vault_of_token(applications, token)
    return Visit(vault, token, vault.sessions.verify(token), base_url)


def past_visit(applications: Applications, token: str) -> Visit | None:
    """Return the visit that a token once allowed, or None where it was never signed here."""
    try:
        vault = vault_of_token(applications, token)
        return Visit(vault, token, vault.sessions.past(token), "")
    except Unauthorized:
        return None


def api_name(unified_api: str) -> str:
    """Return the name of a unified API as people read it.

    >>> api_name("file-storage"), api_name("crm")
    ('File Storage', 'CRM')
    """
    return API_NAMES.get(unified_api) or unified_api.replace("-", " ").title()


def picture_of(service_id: str) -> str:
    """Return the path of a connector's picture, which is drawn here."""
    return f"/_mock/vault/icons/{quote(service_id, safe='')}.svg"


@dataclass(frozen=True, slots=True)
class Offers:
    """Which steps a connection's page offers (the gates that the published widget has too)."""

    add: bool
    enable: bool
    disable: bool
    authorize: bool
    is_authorize_blocked: bool
    reauthorize: bool
    get_token: bool
    disconnect: bool
    delete: bool
    resources: bool
    mappings: bool

    def require(self, step: str) -> None:
        """Raise IllegalStep where the step is not offered."""
        if not getattr(self, step):
            raise IllegalStep(f"This connection cannot be changed so now: {step}")


def offers_of(visit: Visit, held: Held, shown: Mapping[str, Any]) -> Offers:
    """Return what the page of a connection offers."""
    connector, connection = held
    state = held.state
    is_enabled = connection is not None and connection.enabled
    is_authorized = state in (ConnectionState.AUTHORIZED, ConnectionState.CALLABLE)
    in_browser = shown.get("authorize_url") is not None
    needs_configuration = shown["integration_state"] == IntegrationState.NEEDS_CONFIGURATION
    has_token = connection is not None and connection.token is not None
    without_browser = needs_token(connector) and not _is_in_browser(shown)
    return Offers(
        add=connection is None,
        enable=connection is not None and not connection.enabled,
        disable=is_enabled and visit.allows("disable"),
        authorize=is_enabled and in_browser and not has_token and not needs_configuration,
        is_authorize_blocked=is_enabled
        and _is_in_browser(shown)
        and not has_token
        and (not in_browser or needs_configuration),
        reauthorize=is_enabled and in_browser and has_token and visit.allows("reauthorize"),
        get_token=is_enabled and without_browser and _has_settings(connection),
        disconnect=shown.get("revoke_url") is not None
        and is_authorized
        and visit.allows("disconnect"),
        delete=connection is not None and visit.allows("delete"),
        resources=is_enabled
        and is_authorized
        and bool(shown["configurable_resources"])
        and not visit.shows("hide_resource_settings", by_default=False),
        mappings=is_enabled
        and state is ConnectionState.CALLABLE
        and bool(shown.get("custom_mappings")),
    )


def _is_in_browser(shown: Mapping[str, Any]) -> bool:
    return shown["auth_type"] == "oauth2" and shown.get("oauth_grant_type") == "authorization_code"


def _has_settings(connection: Connection | None) -> bool:
    return connection is not None and bool(connection.settings)
