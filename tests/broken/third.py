"""The stand-in with the switches of three catalogues."""
# ruff: noqa: PLR0917, FBT001, N802

import copy
from collections.abc import Callable
from typing import Any

from tests.broken import further
from tests.broken.vault import Refused, Reply, Request


class Vault(further.Vault):
    """One deployment. Give it bugs of three catalogues, and variants, by name."""

    def _dispatch(self, request: Request, rid: str, now: float, seen: dict[str, Any]) -> Reply:
        if self.bug("etag_stale") and "if-none-match" in request.headers:
            return Reply(304)
        return super()._dispatch(request, rid, now, seen)

    def _refusal(self, refused: Refused, request: Request, rid: str) -> Reply:
        reply = super()._refusal(refused, request, rid)
        if self.bug("language_text") and request.headers.get("accept-language", "en")[:2] != "en":
            return Reply(reply.status, "Abgelehnt", {"content-type": "text/plain"})
        return reply

    def _connector(self, app: str, unified_api: str, service_id: str) -> dict[str, Any]:
        known = self._connectors(app)
        if self.bug("service_prefix") and service_id not in known:
            service_id = next((n for n in known if n.startswith(service_id[:4])), service_id)
        return super()._connector(app, unified_api, service_id)

    def _resource(self, app: str, api: str, service: str, resource: str) -> dict[str, Any]:
        if self.bug("resource_prefix"):
            rows = self._connector(app, api, service)["resources"]
            resource = next((n for n in rows if n.startswith(resource[:3])), resource)
        return super()._resource(app, api, service, resource)

    def _state(self, connector: dict[str, Any], stored: dict[str, Any] | None) -> str:
        state = super()._state(connector, stored)
        if stored is not None and self.bug("cleared_callable"):
            stored["reached"] = stored.get("reached", False) or state == "callable"
            return "callable" if stored["reached"] and state == "added" else state
        return state

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
        owner = self._held(app, consumer_id, now)
        self.notes["before", app, consumer_id] = copy.deepcopy(owner["connections"])
        reply = super()._write(app, consumer_id, api, service, body, request, now, token=token)
        stored = owner["connections"].get(self._key(api, service))
        if stored is not None and self.bug("same_key"):
            both = set(stored["settings"]) & set(stored["metadata"])
            stored["settings"] |= {name: stored["metadata"][name] for name in both}
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
        owner, before = self._stored(app, consumer_id), self.notes.get(("before", app, consumer_id))
        if not self.bug("list_one_behind") or before is None:
            return super()._connectionsAll(app, consumer_id, api, configured, request, now)
        held, owner["connections"] = owner["connections"], before
        try:
            return super()._connectionsAll(app, consumer_id, api, configured, request, now)
        finally:
            owner["connections"] = held

    def _connectionsDelete(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        request: Request,
        now: float,
    ) -> Reply:
        owner = self._held(app, consumer_id, now)
        held = owner["connections"].get(self._key(unified_api, service_id))
        self.notes["silent"] = bool(
            held and not held["enabled"] and self.bug("hook_deleted_disabled")
        )
        reply = super()._connectionsDelete(app, consumer_id, unified_api, service_id, request, now)
        self.notes["silent"] = False
        if self.bug("delete_both_apis"):
            for key in [k for k in owner["connections"] if k[1] == service_id]:
                del owner["connections"][key]
        return reply

    def _event(
        self, kind: str, app: str, consumer_id: str, shown: dict[str, Any], now: float
    ) -> None:
        if not self.notes.get("silent"):
            super()._event(kind, app, consumer_id, shown, now)

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
        reply = super()._connectionsImport(
            app, consumer_id, unified_api, service_id, body, request, now
        )
        if self.bug("import_disables"):
            key = self._key(unified_api, service_id)
            self._held(app, consumer_id, now)["connections"][key]["enabled"] = False
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
        reply = super()._connectionSettingsUpdate(
            app, consumer_id, unified_api, service_id, resource, body, request, now
        )
        if self.bug("config_second"):
            held = self._stored(app, consumer_id)["connections"]
            stored = held[self._key(unified_api, service_id)]
            stored["config"] = {resource: stored["config"].get(resource, [])}
        return reply

    def _consumer_view(self, app: str, consumer: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        out = super()._consumer_view(app, consumer, whole=whole)
        if self.bug("listed_secrets") and not whole:
            out["connections"] = [
                {"unified_api": api, "service_id": service, "settings": stored["settings"]}
                for (api, service), stored in consumer["connections"].items()
            ]
        return out

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
        if self.bug("limit_one_two") and limit == 1:
            limit = 2
        size = limit or 20
        if self.bug("last_alone") and len(rows) > size and len(rows) % size == 1:
            rows = rows[:-1]
        return super()._page(request, rows, limit, cursor, view, kind, newest=newest)

    def _record(
        self, request: Request, reply: Reply, rid: str, now: float, seen: dict[str, Any]
    ) -> None:
        super()._record(request, reply, rid, now, seen)
        if self.bug("count_no_sessions") and seen.get("operation") == "sessionsCreate":
            consumer = self._consumer(seen["app"], seen["log"])
            if consumer and consumer["calls"]:
                consumer["count"] -= 1
                consumer["calls"].pop()

    def _sessionsCreate(
        self, app: str, consumer_id: str, body: dict[str, Any], request: Request, now: float
    ) -> Reply:
        if self.bug("settings_leak"):
            if body.get("settings"):
                self.notes["settings"] = body["settings"]
            body = {**body, "settings": self.notes.get("settings", {})}
        metadata = body.get("consumer_metadata") or {}
        if self.bug("long_metadata_dropped") and len(str(metadata)) > 200:
            body = {**body, "consumer_metadata": {}}
        reply = super()._sessionsCreate(app, consumer_id, body, request, now)
        if self.bug("session_elsewhere") and metadata:
            for world in self.world.values():
                if consumer_id in world:
                    world[consumer_id]["metadata"] |= metadata
        return reply

    def _connectionsAuthorize(self, request: Request, path: dict[str, str], now: float) -> Reply:
        reply = super()._connectionsAuthorize(request, path, now)
        if self.bug("denied_locks"):
            claims = self._claims(request, path, "authorize", now)
            key = (claims["application_id"], claims["consumer_id"], claims["service_id"])
            denied = self.notes.setdefault("denied", set())
            if request.arg("mock_consent") == "deny":
                denied.add(key)
            elif key in denied:
                raise Refused(401, "OAuthInvalidStateError", "The consent was denied")
        return reply

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
        owners = self.notes.setdefault("cursors", {})
        if self.bug("cursor_consumer") and cursor in owners:
            app, consumer_id = owners[cursor]
        reply = super()._logsAll(
            app, consumer_id, limit, cursor, status_code, exclude, connector_id, request
        )
        following = (reply.body.get("meta") or {}).get("cursors", {}).get("next")
        if following:
            owners[following] = (app, consumer_id)
        return reply
