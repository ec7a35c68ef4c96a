"""The stand-in with the switches of the seventh catalogue too."""
# ruff: noqa: PLR0917, N802

import json
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.broken import sixth
from tests.broken.vault import Refused, Reply, Request

_NAMED = ("consumersAdd", "consumersUpdate", "consumersOne")
_UNSHOWN = ("first_aid_training", "shirt_size", "desk_number")


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a value with everything in it changed."""
    if isinstance(value, dict):
        return change({name: _mapped(each, change) for name, each in value.items()})
    if isinstance(value, list):
        return change([_mapped(each, change) for each in value])
    return change(value)


def _composed(value: Any) -> Any:
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if each is not None}
    return [each for each in value if each is not None] if isinstance(value, list) else value


def _patched(value: Any) -> Any:
    """Return what RFC 7396 makes of an object that is new."""
    if not isinstance(value, dict):
        return value
    return {name: _patched(each) for name, each in value.items() if each is not None}


class Vault(sixth.Vault):
    """One deployment. Give it bugs of all catalogues, and variants, by name."""

    # --- the way of a request ---

    def _dispatch(self, request: Request, rid: str, now: float, seen: dict[str, Any]) -> Reply:
        told = request.arg("error") if request.path == "/vault/callback" else None
        if told and self._takes_errors():
            return self._failed(request, now)
        return super()._dispatch(request, rid, now, seen)

    def _connectors(self, app: str) -> dict[str, dict[str, Any]]:
        found = super()._connectors(app)
        if self.variant("consent_only"):
            found = {
                name: row
                for name, row in found.items()
                if row["auth"] == "oauth2" and "grant" not in row
            }
        return found

    def _record(
        self, request: Request, reply: Reply, rid: str, now: float, seen: dict[str, Any]
    ) -> None:
        operation, app = seen.get("operation", ""), seen.get("app")
        named = request.path.removeprefix("/vault/consumers/")
        if self.variant("named_logged") and operation in _NAMED and app and reply.status < 400:
            body = json.loads(request.body or b"{}")
            owner = body.get("consumer_id") if operation == "consumersAdd" else unquote(named)
            if self._consumer(app, str(owner)) is not None:
                seen = {**seen, "log": owner, "template": request.path}
        consumer = self._consumer(app, seen["log"]) if app and seen.get("log") else None
        before = (consumer["count"], list(consumer["calls"])) if consumer else (0, [])
        super()._record(request, reply, rid, now, seen)
        bearer = request.headers.get("authorization", "")
        lost = (self.bug("count_token_lost") and operation == "connectionsToken") or (
            self.bug("count_guests") and bearer.count(".") == 2
        )
        if consumer and lost and reply.status < 400:
            consumer["count"], consumer["calls"] = before

    # --- connections ---

    def _secrets(self, app: str, consumer_id: str, api: str, service: str) -> dict[str, Any]:
        found: dict[str, Any] = self.notes.setdefault(("own", app, consumer_id, api, service), {})
        return found

    def _own(self, app: str, consumer_id: str) -> str:
        if self.bug("id_cut_connections"):
            return next((n for n in self.world[app] if n[:300] == consumer_id[:300]), consumer_id)
        return consumer_id

    def _stored(self, app: str, consumer_id: str) -> dict[str, Any]:
        return super()._stored(app, self._own(app, consumer_id))

    def _held(self, app: str, consumer_id: str, now: float) -> dict[str, Any]:
        return super()._held(app, self._own(app, consumer_id), now)

    def _state(self, connector: dict[str, Any], stored: dict[str, Any] | None) -> str:
        if stored is not None and self.bug("secret_outlives"):
            kept = stored.get("kept", {})
            stored = {**stored, "settings": {**kept, **stored["settings"]}}
        return super()._state(connector, stored)

    def _show(
        self, app: str, consumer_id: str, api: str, service: str, request: Request, now: float
    ) -> dict[str, Any]:
        shown = super()._show(app, consumer_id, api, service, request, now)
        kept = self._secrets(app, consumer_id, api, service)
        first = self.notes.setdefault(("first", app, consumer_id, api, service), {})
        of_consent = "oauth_grant_type" in shown
        for row in shown["form_fields"]:
            name, secret = row["id"], row.get("sensitive")
            if secret and self.bug("secret_outlives"):
                row["value"] = ""
            if secret and self.bug("secret_form_filled") and (row["value"] or name in kept):
                row["value"] = "••••••"
            lasts = (of_consent and self.bug("form_consent_first")) or (
                secret and self.bug("form_secret_first")
            )
            if row["value"] and lasts:
                row["value"] = first.setdefault(name, row["value"])
        return shown

    def _write(
        self,
        app: str,
        consumer_id: str,
        api: str,
        service: str,
        body: dict[str, Any],
        request: Request,
        now: float,
        *,
        token: bool = False,
    ) -> Reply:
        owner, key = self._held(app, consumer_id, now), self._key(api, service)
        kept = self._secrets(app, consumer_id, api, service)
        fields = self._connectors(app).get(service, {}).get("fields", ())
        sensitive = {f["id"] for f in fields if f.get("sensitive")}
        kept |= {n: v for n, v in (body.get("settings") or {}).items() if n in sensitive and v}
        by_consent = token and request.method == "GET"
        if by_consent and self.bug("consent_unmaps"):
            self._mapping_home(app, consumer_id).clear()
        body = {**body, **self._to_store(body, request.method)}
        reply = super()._write(app, consumer_id, api, service, body, request, now, token=token)
        stored = owner["connections"].get(key)
        if stored is None:
            return reply
        if (by_consent and self.bug("consent_wipes_metadata")) or (
            body.get("configuration") and self.bug("config_wipes_metadata")
        ):
            stored["metadata"] = {}
        if self.bug("secret_outlives"):
            stored["kept"] = dict(kept)
            shown = self._show(app, consumer_id, api, service, request, now)
            reply.body["data"]["state"] = shown["state"]
        return reply

    def _to_store(self, body: dict[str, Any], method: str) -> dict[str, Any]:
        """Return what is stored for the settings and metadata of a body."""
        found: dict[str, Any] = {}
        for name in ("metadata", "settings"):
            value = body.get(name)
            if not isinstance(value, dict):
                continue
            if self.bug(f"{name}_nfc"):
                value = _mapped(value, _composed)
            if name == "metadata" and self.bug("metadata_nested_nulls"):
                value = {k: _mapped(v, _without_nulls) for k, v in value.items()}
            if self.variant("merge_patch") and method == "PATCH":
                value = {k: _patched(v) for k, v in value.items()}
            found[name] = value
        return found

    # --- resources ---

    def _connectionSettingsUpdate(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        resource: str,
        body: dict[str, Any],
        request: Request,
        now: float,
    ) -> Reply:
        reply = super()._connectionSettingsUpdate(
            app, consumer_id, unified_api, service_id, resource, body, request, now
        )
        owner = self._stored(app, consumer_id)
        key = self._key(unified_api, service_id)
        stored = owner["connections"][key]
        if self.bug("config_wipes_settings"):
            stored["settings"] = {}
        if self.bug("config_touches_settings"):
            rows = stored["config"].get(resource, ())
            stored["settings"] |= {row["id"]: row.get("value") for row in rows}
        if self.bug("config_wipes_metadata"):
            stored["metadata"] = {}
        if self.bug("config_twin"):
            for twin in self._twins(owner, key):
                owner["connections"][twin]["config"] = dict(stored["config"])
        return reply

    # --- mappings ---

    def _are_unshown(self, connector: dict[str, Any]) -> bool:
        wanted = ("consent_unmaps", "revoke_unmaps", "third_field_lost")
        free = self.variant("targets_unshown") or any(self.bug(name) for name in wanted)
        return free and not connector.get("targets") and bool(connector["resources"])

    def _targets(self, api: str, connector: dict[str, Any]) -> list[str]:
        if self.bug("third_field_lost"):
            connector = {**connector, "targets": []}
        if self._are_unshown(connector):
            return [f"{api}+{connector['resources'][0]}+{name}" for name in _UNSHOWN]
        return super()._targets(api, connector)

    def _mappings(
        self, app: str, consumer_id: str, api: str, service: str, connector: dict[str, Any]
    ) -> list[dict[str, Any]]:
        rows = super()._mappings(app, consumer_id, api, service, connector)
        if self.bug("third_field_lost") or self._are_unshown(connector):
            rows = [row for row in rows if row.get("value") is not None]
        return rows

    def _customMappingsAdd(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        target_field_id: str,
        body: dict[str, Any],
        now: float,
    ) -> Reply:
        if self.bug("mapping_nfc"):
            body = _mapped(body, _composed)
        return super()._customMappingsAdd(
            app, consumer_id, unified_api, service_id, target_field_id, body, now
        )

    def _loses_third(self) -> bool:
        return super()._loses_third() or self.bug("third_field_lost")

    def _customMappingsUpdate(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        target_field_id: str,
        body: dict[str, Any],
        now: float,
    ) -> Reply:
        if self.bug("mapping_nfc"):
            body = _mapped(body, _composed)
        return super()._customMappingsUpdate(
            app, consumer_id, unified_api, service_id, target_field_id, body, now
        )

    # --- consumers ---

    def _consumersAdd(self, app: str, body: dict[str, Any], now: float) -> Reply:
        self.notes["made"] = self.notes.get("made", 0) + 1
        return super()._consumersAdd(app, self._of_consumer(body), now)

    def _consumersUpdate(
        self, app: str, consumer_id: str, body: dict[str, Any], now: float
    ) -> Reply:
        return super()._consumersUpdate(app, consumer_id, self._of_consumer(body), now)

    def _of_consumer(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.bug("consumer_nfc") and isinstance(body.get("metadata"), dict):
            return {**body, "metadata": _mapped(body["metadata"], _composed)}
        return body

    def _page(
        self,
        request: Request,
        rows: list[tuple[Any, Any]],
        limit: int | None,
        cursor: str | None,
        view: Callable[[Any], Any],
        kind: str,
        *,
        newest: bool,
    ) -> Reply:
        if self.variant("places_hidden") and kind == "consumers":
            rows.reverse()
        count = self.notes.get("made", 0)
        if cursor and self.bug("insertion_restarts") and kind == "consumers":
            made_then = self.notes.get(("given", cursor), count)
            if count > made_then and self._uncursor(cursor, kind):
                cursor = None
        reply = super()._page(request, rows, limit, cursor, view, kind, newest=newest)
        following = ((reply.body.get("meta") or {}).get("cursors") or {}).get("next")
        if following and kind == "consumers":
            self.notes["given", following] = count
        return reply

    def _cursor(self, key: str, place: int, kind: str) -> str:
        if self.variant("places_hidden"):
            return f"{kind[0]}{place * 7919 + 104_729:x}"
        return super()._cursor(key, place, kind)

    def _uncursor(self, cursor: str, kind: str) -> tuple[str, int] | None:
        if not self.variant("places_hidden"):
            return super()._uncursor(cursor, kind)
        try:
            place, rest = divmod(int(cursor[1:], 16) - 104_729, 7919)
        except ValueError:
            return None
        return ("", place) if cursor[0] == kind[0] and not rest and place >= 0 else None

    # --- authorization ---

    def _takes_errors(self) -> bool:
        bugs = ("deny_wipes", "deny_wipes_token", "fail_dropquery", "fail_silent")
        return self.variant("errors_taken") or any(self.bug(name) for name in bugs)

    def _failed(self, request: Request, now: float) -> Reply:
        """Take the word of a provider that there is no consent."""
        state = request.arg("state") or ""
        try:
            claims = self._claims(request, {}, "callback", now)
        except Refused as refused:
            return self._refusal(refused, request, "")
        flow = self.flows.get(state)
        if flow is None or state in self.used:
            return self._refusal(Refused(401, "OAuthInvalidStateError", "Used"), request, "")
        self.used.add(state)
        owner = self._stored(claims["application_id"], claims["consumer_id"])
        key = self._key(claims["unified_api"], claims["service_id"])
        stored = owner["connections"].get(key)
        if stored and self.bug("deny_wipes"):
            stored["settings"] = {}
        if stored and self.bug("deny_wipes_token"):
            stored["token"] = False
        uri = flow["redirect_uri"]
        if self.bug("fail_silent"):
            return self._redirect(uri)
        if self.bug("fail_dropquery"):
            uri = urlsplit(uri)._replace(query="").geturl()
        told = {"error_type": "OAuthConnectorError", "error_message": "Denied"}
        return self._redirect(self._back(uri, **told, origin="callback"))

    def _connectionsRevoke(self, request: Request, path: dict[str, str], now: float) -> Reply:
        reply = super()._connectionsRevoke(request, path, now)
        if self.bug("revoke_unmaps"):
            claims = self._claims(request, path, "revoke", now)
            self._mapping_home(claims["application_id"], claims["consumer_id"]).clear()
        return reply

    # --- events ---

    def _wants(self, hook: dict[str, Any], event_type: str) -> bool:
        if self.bug("hook_unasked"):
            hook = {**hook, "events": ["*"]}
        if self.bug("hook_to_disabled"):
            hook = {**hook, "status": "enabled"}
        return super()._wants(hook, event_type)

    def _deliver(
        self, app: str, url: str, event_type: str, key: str, payload: dict[str, Any]
    ) -> None:
        entity = dict(payload["entity"])
        if event_type.endswith(".deleted"):
            if self.bug("hook_deleted_state"):
                entity["state"] = "callable"
            if self.bug("hook_deleted_stateless"):
                del entity["state"]
        if self.bug("hook_entity_elsewhere"):
            entity["id"] = f"{entity['unified_api']}+{entity['service_id']}"
        super()._deliver(app, url, event_type, key, {**payload, "entity": entity})
