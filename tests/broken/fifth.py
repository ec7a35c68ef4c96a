"""The stand-in with the switches of the fifth catalogue too."""
# ruff: noqa: PLR0917, FBT001, N802

import copy
import re
import time
import unicodedata
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from tests.broken import fourth
from tests.broken.vault import Refused, Reply, Request, _iso, _moment


class Vault(fourth.Vault):
    """One deployment. Give it bugs of all catalogues, and variants, by name."""

    def _first(self, *key: Any, value: Any) -> Any:
        """Return what was kept under a key before, else keep a value and return it."""
        return self.notes.setdefault(key, copy.deepcopy(value))

    # --- connections ---

    def _state(self, connector: dict[str, Any], stored: dict[str, Any] | None) -> str:
        bare = stored is not None and connector["auth"] == "none" and not connector["fields"]
        if bare and self.bug("bare_stays_added"):
            return "added"
        return super()._state(connector, stored)

    def _show(
        self, app: str, consumer_id: str, api: str, service: str, request: Request, now: float
    ) -> dict[str, Any]:
        shown = super()._show(app, consumer_id, api, service, request, now)
        if self.bug("config_ghost"):
            shown["configurable_resources"] = [*shown["configurable_resources"], "ghosts"]
        if self.bug("form_of_first"):
            for row in shown["form_fields"]:
                if row["value"]:
                    place = (app, consumer_id, api, service, row["id"])
                    row["value"] = self._first("form", *place, value=row["value"])
        if self.bug("link_shared") and shown["state"] == "available" and "authorize_url" in shown:
            url = self._first("link", app, api, service, value=shown["authorize_url"])
            shown["authorize_url"] = url
        if self.bug("authorize_credentials") and shown.get("oauth_grant_type") != (
            "authorization_code"
        ):
            url = self._link("authorize", app, consumer_id, api, service, request, now)
            shown["authorize_url"] = url if shown["auth_type"] == "oauth2" else None
        return shown

    def _mappings(
        self, app: str, consumer_id: str, api: str, service: str, connector: dict[str, Any]
    ) -> list[dict[str, Any]]:
        rows = super()._mappings(app, consumer_id, api, service, connector)
        for row in rows if self.bug("mapping_view_stale") else ():
            if row.get("value"):
                place = (app, consumer_id, api, service, row["id"])
                row["value"] = self._first("mapped", *place, value=row["value"])
        return rows

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
        before = owner["connections"].get(key)
        if self.bug("settings_of_all") and before is None:
            everything = self.notes.setdefault("settings of all", {})
            everything |= body.get("settings") or {}
            body = {**body, "settings": dict(everything)}
        if self.bug("race_connections") and before is None:
            held = dict(owner["connections"])
            time.sleep(0.003)
            owner["connections"] = held
        if self.bug("race_resurrect") and before is not None and request.method == "PATCH":
            time.sleep(0.005)
            owner["connections"].setdefault(key, before)
        if self.bug("consent_enables") and token and request.method == "GET":
            body = {**body, "enabled": True}
        reply = super()._write(app, consumer_id, api, service, body, request, now, token=token)
        stored = owner["connections"].get(key)
        if stored and self.bug("disable_drops_token") and body.get("enabled") is False:
            stored["token"] = False
        return reply

    def _connectionsAll(
        self,
        app: str,
        consumer_id: str,
        api: str | None,
        configured: bool | None,
        request: Request,
        now: float,
    ) -> Reply:
        if self.bug("slow_long_ids") and len(consumer_id) > 90:
            time.sleep(1)
        if self.bug("race_lists"):
            self.notes["asks"] = consumer_id
            time.sleep(0.003)
            consumer_id = self.notes["asks"]
        reply = super()._connectionsAll(app, consumer_id, api, configured, request, now)
        if self.bug("list_token_stale"):
            held = self._stored(app, consumer_id)["connections"]
            for row in reply.body["data"]:
                if held.get((row["unified_api"], row["service_id"]), {}).get("token"):
                    row["state"] = "added"
        if self.bug("configured_kept") and configured is not None:
            place = (app, consumer_id, api, configured)
            reply.body["data"] = self._first("filtered", *place, value=reply.body["data"])
        return reply

    def _connectionsImport(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        body: dict[str, Any],
        request: Request,
        now: float,
    ) -> Reply:
        credentials = body.get("credentials") or {}
        if self.bug("import_needs_refresh") and not credentials.get("refresh_token"):
            body = {**body, "credentials": {}}
        held = self._stored(app, consumer_id)["connections"]
        onto = self._key(unified_api, service_id) in held
        self.notes["import onto"] = onto and self.bug("hook_import_added")
        try:
            return super()._connectionsImport(
                app, consumer_id, unified_api, service_id, body, request, now
            )
        finally:
            self.notes["import onto"] = False

    # --- resources ---

    def _connectionSettingsAll(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        resource: str,
        request: Request,
        now: float,
    ) -> Reply:
        reply = super()._connectionSettingsAll(
            app, consumer_id, unified_api, service_id, resource, request, now
        )
        data = reply.body["data"]
        if self.bug("resource_view_stale") and data["state"] != "available":
            names = ("state", "enabled", "metadata")
            place = (app, consumer_id, unified_api, service_id, data["created_at"])
            data |= self._first("resource", *place, value={name: data[name] for name in names})
        return reply

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
        if self.bug("config_first_default"):
            rows = [
                {**row, "defaults": (row.get("defaults") or [])[:1]}
                for row in body.get("configuration") or ()
            ]
            body = {**body, "configuration": rows}
        return super()._connectionSettingsUpdate(
            app, consumer_id, unified_api, service_id, resource, body, request, now
        )

    def _customFieldsAll(self, app: str, unified_api: str, service_id: str, resource: str) -> Reply:
        known = self._connector(app, unified_api, service_id)["resources"]
        if self.bug("custom_fields_of_any") and resource not in known:
            return self._ok([])
        return super()._customFieldsAll(app, unified_api, service_id, resource)

    def _connectionsExample(
        self, app: str, unified_api: str, service_id: str, resource: str
    ) -> Reply:
        reply = super()._connectionsExample(app, unified_api, service_id, resource)
        if self.bug("example_of_first"):
            first = self._connector(app, unified_api, service_id)["resources"][0]
            reply.body["data"]["resource"]["id"] = first
        return reply

    # --- mappings ---

    def _mapping(
        self, app: str, consumer_id: str, api: str, service: str, target: str, *, need: bool
    ) -> dict[str, Any]:
        shown = super()._mapping(app, consumer_id, api, service, target, need=need)
        if self.bug("mapping_key_label"):
            shown["key"] = f"Label of {target}"
        return shown

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
        before = self._mapping(
            app, consumer_id, unified_api, service_id, target_field_id, need=True
        )
        reply = super()._customMappingsUpdate(
            app, consumer_id, unified_api, service_id, target_field_id, body, now
        )
        return self._ok(before) if self.bug("mapping_answers_before") else reply

    # --- consumers ---

    def _consumersAdd(self, app: str, body: dict[str, Any], now: float) -> Reply:
        if self.bug("id_normalised") and isinstance(body.get("consumer_id"), str):
            body = {**body, "consumer_id": unicodedata.normalize("NFC", body["consumer_id"])}
        return super()._consumersAdd(app, body, now)

    def _consumer_view(self, app: str, consumer: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        out = super()._consumer_view(app, consumer, whole=whole)
        if self.bug("listed_metadata_stale") and not whole:
            place = (app, consumer["id"], consumer["created"])
            out["metadata"] = self._first("listed", *place, value=out["metadata"])
        if self.bug("consumer_hides_disabled") and whole:
            out["connections"] = [row for row in out["connections"] if row["enabled"]]
        if self.bug("consumer_latin"):
            out["metadata"] = {
                name: value.encode("latin-1", "replace").decode("latin-1")
                if isinstance(value, str)
                else value
                for name, value in out["metadata"].items()
            }
        return out

    def _consumersUpdate(
        self, app: str, consumer_id: str, body: dict[str, Any], now: float
    ) -> Reply:
        if not self.bug("consumer_answers_before"):
            return super()._consumersUpdate(app, consumer_id, body, now)
        before = copy.deepcopy(self._consumersOne(app, consumer_id))
        super()._consumersUpdate(app, consumer_id, body, now)
        return before

    def _consumerRequestCountsAll(
        self,
        app: str,
        consumer_id: str,
        start_datetime: float | None,
        end_datetime: float | None,
        request: Request,
    ) -> Reply:
        reply = super()._consumerRequestCountsAll(
            app, consumer_id, start_datetime, end_datetime, request
        )
        if self.bug("count_range_echo"):
            reply.body["data"]["end_datetime"] = reply.body["data"]["start_datetime"]
        return reply

    def _consumersOne(self, app: str, consumer_id: str) -> Reply:
        if self.bug("plus_is_blank"):
            raw = self.notes.get("path", "").rpartition("/")[2]
            consumer_id = unquote_plus(raw)
        return super()._consumersOne(app, consumer_id)

    def _consumersAll(
        self, app: str, limit: int | None, cursor: str | None, request: Request
    ) -> Reply:
        reply = super()._consumersAll(app, limit, cursor, request)
        for row in reply.body["data"] if cursor and self.bug("listed_bare_pages") else ():
            row["metadata"] = {}
        return reply

    # --- sessions and consents ---

    def _caller(
        self, request: Request, operation_id: str, needs_consumer: bool, now: float
    ) -> tuple[str, dict[str, Any] | None]:
        app = request.headers.get("x-apideck-app-id", "")
        self.notes["path"] = request.path
        if self.bug("app_folded") and app.lower() in self.applications:
            request.headers["x-apideck-app-id"] = app = app.lower()
        found = re.fullmatch(r"/vault/consumers/([^/]+)", request.path)
        if found and app in self.world and self.bug("existence_told"):
            self._known(app, unquote(found[1]))
        if self.bug("session_prefix"):
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            claims = self._session(token, now) if token.count(".") == 2 else None
            asked = request.headers.get("x-apideck-consumer-id", "")
            own = claims is not None and claims["application_id"] == app
            if claims and own and asked.startswith(str(claims["consumer_id"])):
                return app, {**claims, "consumer_id": asked}
        return super()._caller(request, operation_id, needs_consumer, now)

    def _session(self, token: str, now: float) -> dict[str, Any] | None:
        if self.bug("session_kept") and ("right", token) in self.notes:
            found: dict[str, Any] = self.notes["right", token]
            return found
        claims = super()._session(token, now)
        if claims is not None:
            self.notes["right", token] = claims
        return claims

    def _sessionsCreate(
        self, app: str, consumer_id: str, body: dict[str, Any], request: Request, now: float
    ) -> Reply:
        named = consumer_id.lower() if self.bug("session_lower") else consumer_id
        reply = super()._sessionsCreate(app, named, body, request, now)
        if self.bug("session_uri_first"):
            data = reply.body["data"]
            data["session_uri"] = self._first("uri", app, named, value=data["session_uri"])
        return reply

    def _claims(
        self, request: Request, path: dict[str, str], verb: str, now: float
    ) -> dict[str, Any]:
        claims = self._session(request.arg("state") or "", now)
        if self.bug("session_is_state") and claims and "for" not in claims:
            raise KeyError("service_id")
        return super()._claims(request, path, verb, now)

    def _connectionsAuthorize(self, request: Request, path: dict[str, str], now: float) -> Reply:
        reply = super()._connectionsAuthorize(request, path, now)
        place = reply.headers.get("location", "")
        if self.bug("denied_drops_query") and "error_type" in place:
            parts = urlsplit(place)
            query = "&".join(p for p in parts.query.split("&") if not p.startswith(("step", "of")))
            reply.headers["location"] = parts._replace(query=query).geturl()
        if self.bug("scope_last"):
            last = r"scope=(?:[^&]*(?:\+|%20))?([^&+%]*(?:%3A[^&+%]*)*)"
            reply.headers["location"] = re.sub(last, r"scope=\1", place)
        return reply

    def _target_uri(self, request: Request) -> str:
        if self.bug("revoke_script") and "/revoke/" in request.path:
            return request.arg("redirect_uri") or ""
        return super()._target_uri(request)

    # --- events ---

    def _event(
        self, kind: str, app: str, consumer_id: str, shown: dict[str, Any], now: float
    ) -> None:
        if not self.notes.get("import onto"):
            super()._event(kind, app, consumer_id, shown, now)

    def _deliver(
        self, app: str, url: str, event_type: str, key: str, payload: dict[str, Any]
    ) -> None:
        if self.bug("hook_key_shared"):
            key = str(uuid5(NAMESPACE_URL, payload["entity_id"] + payload["occurred_at"]))
        if self.bug("hook_key_number"):
            key = str(UUID(key).int)
        if self.bug("hook_hours_off"):
            happened = _moment(payload["occurred_at"]) or 0.0
            payload = {**payload, "occurred_at": _iso(happened + 7200)}
        super()._deliver(app, url, event_type, key, payload)

    # --- bodies and traces ---

    def _body(self, request: Request, operation_id: str) -> Any:
        if self.bug("long_id_500") and re.search(rb'"consumer_id": ?"[^"]{255}', request.body):
            raise OverflowError("value too long")
        if self.bug("whole_number_500") and re.search(rb"[0-9]{40}", request.body):
            raise OverflowError("whole number")
        try:
            return super()._body(request, operation_id)
        except Refused:
            if self.bug("refused_creation") and operation_id == "consumersAdd":
                found = re.search(rb'"consumer_id": ?"([^"\\]+)"', request.body)
                app = request.headers.get("x-apideck-app-id", "")
                if found and app in self.world:
                    self._consumer(app, found[1].decode(), create=True)
            raise

    def _record(
        self, request: Request, reply: Reply, rid: str, now: float, seen: dict[str, Any]
    ) -> None:
        operation = seen.get("operation", "")
        if self.bug("log_operation_list") and "/vault/connections/" in request.path:
            seen = {**seen, "operation": "connectionsAll"}
        consumer = self._consumer(seen["app"], seen["log"]) if seen.get("log") else None
        super()._record(request, reply, rid, now, seen)
        if consumer is None or not consumer["logs"]:
            return
        if self.bug("log_mappings_lost") and operation == "customMappingsDelete":
            consumer["logs"].pop()
        if self.bug("count_import_twice") and operation == "connectionsImport":
            consumer["count"] += 1
            consumer["calls"].append(now)

    def _logsAll(
        self,
        app: str,
        consumer_id: str,
        limit: int | None,
        cursor: str | None,
        status_code: int | None,
        exclude: list[str] | None,
        connector_id: str | None,
        request: Request,
    ) -> Reply:
        if self.bug("logs_default_fifty") and limit is None:
            limit = 50
        return super()._logsAll(
            app, consumer_id, limit, cursor, status_code, exclude, connector_id, request
        )
