"""The stand-in with the switches of the sixth catalogue too."""
# ruff: noqa: PLR0917, FBT001, N802

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tests.broken import fifth
from tests.broken.vault import Refused, Reply, Request


class Vault(fifth.Vault):
    """One deployment. Give it bugs of all catalogues, and variants, by name."""

    def _again(self, *key: Any) -> bool:
        """Whether this was done before."""
        done = key in self.notes
        self.notes[key] = True
        return done

    # --- answers ---

    def _dress(self, reply: Reply, request: Request, rid: str) -> Reply:
        dressed = super()._dress(reply, request, rid)
        if dressed.status >= 400 and self.bug("refusal_without_id"):
            dressed.headers.pop("x-apideck-request-id", None)
        return dressed

    def _refusal(self, refused: Refused, request: Request, rid: str) -> Reply:
        reply = super()._refusal(refused, request, rid)
        if reply.status == 404 and self.bug("error_reason"):
            reply.body["error"] = "Bad Request"
        return reply

    # --- connections ---

    def _show(
        self, app: str, consumer_id: str, api: str, service: str, request: Request, now: float
    ) -> dict[str, Any]:
        shown = super()._show(app, consumer_id, api, service, request, now)
        for row in shown["form_fields"] if self.bug("secret_of_last") else ():
            if row.get("sensitive") and row["value"]:
                row["value"] = self.notes.get("last secret", row["value"])
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
        fresh = key not in owner["connections"]
        fields = self._connectors(app).get(service, {}).get("fields", ())
        for name in [f["id"] for f in fields if f.get("sensitive")]:
            self.notes["last secret"] = (body.get("settings") or {}).get(name) or self.notes.get(
                "last secret", ""
            )
        reply = super()._write(app, consumer_id, api, service, body, request, now, token=token)
        stored = owner["connections"].get(key)
        if stored is None:
            return reply
        if self.bug("orphan_consumer_config") and fresh:
            stored["config"] = self.notes.get(("config", app, consumer_id, key), {})
        if self.bug("twin_settings") and isinstance(body.get("settings"), dict):
            for twin in self._twins(owner, key):
                owner["connections"][twin]["settings"] = dict(stored["settings"])
        return reply

    def _held(self, app: str, consumer_id: str, now: float) -> dict[str, Any]:
        if not self.bug("race_fresh") or self._consumer(app, consumer_id) is not None:
            return super()._held(app, consumer_id, now)
        time.sleep(0.003)
        held = super()._held(app, consumer_id, now)
        held["connections"] = {}
        return held

    def _caller(
        self, request: Request, operation_id: str, needs_consumer: bool, now: float
    ) -> tuple[str, dict[str, Any] | None]:
        app, session = super()._caller(request, operation_id, needs_consumer, now)
        if session and request.method == "DELETE" and self.bug("guest_deletes"):
            session = {**session, "consumer_id": request.headers.get("x-apideck-consumer-id")}
        return app, session

    def _twins(self, owner: dict[str, Any], key: tuple[str, str]) -> list[tuple[str, str]]:
        return [k for k in owner["connections"] if k[1] == key[1] and k != key]

    def _connectionsOne(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        request: Request,
        now: float,
    ) -> Reply:
        if self.bug("reads_add"):
            self._connector(app, unified_api, service_id)
            key = self._key(unified_api, service_id)
            if key not in self._held(app, consumer_id, now)["connections"]:
                self._write(app, consumer_id, unified_api, service_id, {}, request, now)
        return super()._connectionsOne(app, consumer_id, unified_api, service_id, request, now)

    def _connectionsAll(
        self,
        app: str,
        consumer_id: str,
        api: str | None,
        configured: bool | None,
        request: Request,
        now: float,
    ) -> Reply:
        begins = bool(api) and self.bug("api_begins")
        asked = None if begins else api
        reply = super()._connectionsAll(app, consumer_id, asked, configured, request, now)
        if begins:
            rows = reply.body["data"]
            reply.body["data"] = [r for r in rows if r["unified_api"].startswith(api)]
        if self.bug("slow_full_list"):
            time.sleep(0.1 * max(0, len(self._stored(app, consumer_id)["connections"]) - 4))
        return reply

    def _connectionsDelete(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        request: Request,
        now: float,
    ) -> Reply:
        reply = super()._connectionsDelete(app, consumer_id, unified_api, service_id, request, now)
        owner = self._stored(app, consumer_id)
        if self.bug("cascade_twin"):
            for twin in self._twins(owner, self._key(unified_api, service_id)):
                del owner["connections"][twin]
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
        if self.bug("import_bare_callable") and not body.get("credentials"):
            body = {**body, "credentials": {"access_token": "none"}}
        reply = super()._connectionsImport(
            app, consumer_id, unified_api, service_id, body, request, now
        )
        if self.bug("import_unmaps"):
            self._mapping_home(app, consumer_id).clear()
        if self.bug("import_for_namesakes") and body.get("credentials"):
            for other in self.world:
                held = self._stored(other, consumer_id)["connections"]
                stored = held.get(self._key(unified_api, service_id))
                if stored:
                    stored["token"] = True
        return reply

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
        key = self._key(unified_api, service_id)
        stored = self._stored(app, consumer_id)["connections"].get(key) or {"config": {}}
        before = list(stored["config"].get(resource, ()))
        reply = super()._connectionSettingsUpdate(
            app, consumer_id, unified_api, service_id, resource, body, request, now
        )
        if self.bug("config_appends"):
            stored["config"][resource] = [*before, *stored["config"][resource]]
        return reply

    # --- mappings ---

    def _mapping_name(self, api: str, service: str, target: str) -> tuple[str, str, str]:
        name = super()._mapping_name(api, service, target)
        return ("any", service, name[2]) if self.bug("twin_mappings") else name

    def _targets(self, api: str, connector: dict[str, Any]) -> list[str]:
        found = super()._targets(api, connector)
        if self.bug("twin_mappings"):
            return [
                t for one in connector["apis"] for t in super(Vault, self)._targets(one, connector)
            ]
        return found

    def _mapping(
        self, app: str, consumer_id: str, api: str, service: str, target: str, *, need: bool
    ) -> dict[str, Any]:
        shown = super()._mapping(app, consumer_id, api, service, target, need=need)
        if self.bug("mapping_of_application"):
            shown["consumer_id"] = app
        if self.bug("mapping_trimmed") and "value" in shown:
            shown["value"] = shown["value"].strip()
        return shown

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
        reply = super()._customMappingsAdd(
            app, consumer_id, unified_api, service_id, target_field_id, body, now
        )
        home = self._mapping_home(app, consumer_id)
        if self._loses_third() and len(home) > 2:
            home.pop(self._mapping_name(unified_api, service_id, target_field_id), None)
        return reply

    def _loses_third(self) -> bool:
        return self.bug("third_mapping_lost")

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
        own = self._mapping_value(app, consumer_id, unified_api, service_id, target_field_id)
        if own is None and self.bug("namesake_mapping"):
            app = next((a for a in self.world if a != app and self._maps(a, consumer_id)), app)
        return super()._customMappingsUpdate(
            app, consumer_id, unified_api, service_id, target_field_id, body, now
        )

    def _maps(self, app: str, consumer_id: str) -> bool:
        return bool(self._consumer(app, consumer_id) and self._mapping_home(app, consumer_id))

    def _customMappingsDelete(
        self, app: str, consumer_id: str, unified_api: str, service_id: str, target_field_id: str
    ) -> Reply:
        place = ("unmapped", app, consumer_id, unified_api, service_id, target_field_id)
        if self.bug("mapping_twice_deleted") and self._again(*place):
            return Reply(204)
        return super()._customMappingsDelete(
            app, consumer_id, unified_api, service_id, target_field_id
        )

    # --- consumers ---

    def _consumersAdd(self, app: str, body: dict[str, Any], now: float) -> Reply:
        known = self._consumer(app, str(body.get("consumer_id")))
        if known is not None and self.bug("creation_renewed"):
            known["created"] = now
        if known is None and self.bug("race_same_500"):
            time.sleep(0.003)
            if self._consumer(app, str(body.get("consumer_id"))) is not None:
                raise RuntimeError("there is one")
        return super()._consumersAdd(app, body, now)

    def _consumersAll(
        self, app: str, limit: int | None, cursor: str | None, request: Request
    ) -> Reply:
        if cursor and limit is None and self.bug("next_page_of_one"):
            limit = 1
        if self.variant("list_late"):
            whole, then = self.world[app], self.clock.now() - 1.0
            self.world[app] = {name: c for name, c in whole.items() if c["created"] <= then}
            try:
                return super()._consumersAll(app, limit, cursor, request)
            finally:
                self.world[app] = whole
        reply = super()._consumersAll(app, limit, cursor, request)
        if self.bug("list_plain_ids"):
            rows = reply.body["data"]
            reply.body["data"] = [row for row in rows if row["consumer_id"].isascii()]
        return reply

    def _consumersDelete(self, app: str, consumer_id: str) -> Reply:
        there = self._consumer(app, consumer_id) and self.bug("second_deletion_void")
        if there and self._again("deleted", app, consumer_id):
            return self._ok({"consumer_id": consumer_id})
        for key, stored in self._stored(app, consumer_id)["connections"].items():
            self.notes["config", app, consumer_id, key] = stored["config"]
        return super()._consumersDelete(app, consumer_id)

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
        keys = [self._position(row[1], kind) for row in rows]
        here = self._uncursor(cursor, kind) if cursor else None
        if here and self.bug("anchor_gone") and self.notes.get(("ends", here[0])) not in keys:
            cursor = None
        self.notes |= {("ends", key): last for last, key in pairwise(keys)}
        return super()._page(request, rows, limit, cursor, view, kind, newest=newest)

    # --- consents and traces ---

    def _connectionsAuthorize(self, request: Request, path: dict[str, str], now: float) -> Reply:
        reply = super()._connectionsAuthorize(request, path, now)
        if self.bug("newest_flow_only"):
            claims = self._claims(request, path, "authorize", now)
            owner = (claims["application_id"], claims["consumer_id"])
            self.notes["newest", *owner] = request.arg("state")
        return reply

    def _connectionsCallback(self, request: Request, path: dict[str, str], now: float) -> Reply:
        if self.bug("newest_flow_only"):
            claims = self._claims(request, path, "callback", now)
            newest = self.notes.get(("newest", claims["application_id"], claims["consumer_id"]))
            if newest != request.arg("state"):
                raise Refused(401, "OAuthInvalidStateError", "Another flow has begun")
        return super()._connectionsCallback(request, path, now)

    def _connectionsRevoke(self, request: Request, path: dict[str, str], now: float) -> Reply:
        if self.bug("second_revocation_void") or self.bug("revocation_empties"):
            claims = self._claims(request, path, "revoke", now)
            owner = (claims["application_id"], claims["consumer_id"])
            key = self._key(claims["unified_api"], claims["service_id"])
            stored = self._stored(*owner)["connections"].get(key)
            if stored and self.bug("revocation_empties"):
                stored["metadata"] = {}
            if self.bug("second_revocation_void") and self._again("revoked", *owner, key):
                return self._redirect(self._back(self._target_uri(request)))
        reply = super()._connectionsRevoke(request, path, now)
        if self.bug("revoke_of_all") and reply.status == 301:
            for consumer in self.world[path["application_id"]].values():
                for (_, service), stored in consumer["connections"].items():
                    stored["token"] = stored["token"] and service != path["service_id"]
        return reply

    def _record(
        self, request: Request, reply: Reply, rid: str, now: float, seen: dict[str, Any]
    ) -> None:
        if self.bug("log_config_read") and seen.get("operation") == "connectionSettingsUpdate":
            seen = {**seen, "operation": "connectionSettingsAll"}
        consumer = self._consumer(seen["app"], seen["log"]) if seen.get("log") else None
        super()._record(request, reply, rid, now, seen)
        if self.bug("log_path_query") and consumer and consumer["logs"] and request.query:
            consumer["logs"][-1]["path"] += "?" + request.query

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
        reply = super()._logsAll(
            app, consumer_id, limit, cursor, status_code, exclude, connector_id, request
        )
        if self.bug("filtered_logs_of_all") and status_code is not None:
            others = [c for name, c in self.world[app].items() if name != consumer_id]
            rows = [e for c in others[-3:] for e in c["logs"] if e["status_code"] == status_code]
            reply.body["data"] += rows[-5:]
        return reply
