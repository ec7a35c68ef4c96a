"""The stand-in with the switches of all four catalogues."""
# ruff: noqa: PLR0917, FBT001, N802

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from conformance.laws.sessions import claims_of
from tests.broken import choices
from tests.broken.vault import Refused, Reply, Request, sign


def _true_only(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


class Vault(choices.Vault):
    """One deployment. Give it bugs of all catalogues, and variants, by name."""

    def _dispatch(self, request: Request, rid: str, now: float, seen: dict[str, Any]) -> Reply:
        if self.bug("key_500"):
            request.headers.get("authorization", "").encode("ascii")
        return super()._dispatch(request, rid, now, seen)

    def _caller(
        self, request: Request, operation_id: str, needs_consumer: bool, now: float
    ) -> tuple[str, dict[str, Any] | None]:
        if self.bug("mapping_open") and operation_id == "customMappingsDelete":
            app = request.headers.get("x-apideck-app-id", "")
            if app in self.applications:
                return app, None
        return super()._caller(request, operation_id, needs_consumer, now)

    def _body(self, request: Request, operation_id: str) -> Any:
        if self.bug("mapping_update_open") and operation_id == "customMappingsUpdate":
            try:
                body = json.loads(request.body)
            except ValueError:
                return super()._body(request, operation_id)
            if isinstance(body, dict) and "value" in body:
                kept = json.dumps({"value": body["value"]}).encode()
                return super()._body(replace(request, body=kept), operation_id)
        return super()._body(request, operation_id)

    def _record(
        self, request: Request, reply: Reply, rid: str, now: float, seen: dict[str, Any]
    ) -> None:
        if self.bug("log_operation") and seen.get("operation") == "connectionsImport":
            seen = {**seen, "operation": "connectionsAdd"}
        if self.bug("log_query") and request.query:
            request = replace(request, path=f"{request.path}?{request.query}")
        super()._record(request, reply, rid, now, seen)
        if self.bug("count_no_delete") and request.method == "DELETE" and seen.get("log"):
            consumer = self._consumer(seen["app"], seen["log"])
            if consumer and consumer["calls"]:
                consumer["count"] -= 1
                consumer["calls"].pop()

    def _show(
        self, app: str, consumer_id: str, api: str, service: str, request: Request, now: float
    ) -> dict[str, Any]:
        shown = super()._show(app, consumer_id, api, service, request, now)
        stored = self._stored(app, consumer_id)["connections"].get(self._key(api, service))
        for field in shown["form_fields"] if stored and self.bug("form_stale") else ():
            first = stored.setdefault("first", {})
            if field["value"] != "":
                field["value"] = first.setdefault(field["id"], field["value"])
        if stored and stored.get("revoked") and self.bug("revoke_url_stays"):
            shown["revoke_url"] = shown["authorize_url"].replace("/authorize/", "/revoke/")
        return shown

    def _connectionsAll(
        self,
        app: str,
        consumer_id: str,
        api: str | None,
        configured: bool | None,
        request: Request,
        now: float,
    ) -> Reply:
        reply = super()._connectionsAll(app, consumer_id, api, configured, request, now)
        if self.bug("list_cached"):
            for row in reply.body["data"]:
                name = ("listed", app, consumer_id, row["id"])
                row["state"] = self.notes.setdefault(name, row["state"])
        return reply

    def _connectionsAdd(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        body: dict[str, Any],
        request: Request,
        now: float,
    ) -> Reply:
        if self.bug("post_settings_lost"):
            body = {name: value for name, value in body.items() if name != "settings"}
        return super()._connectionsAdd(
            app, consumer_id, unified_api, service_id, body, request, now
        )

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
        held = self._stored(app, consumer_id)["connections"].get(self._key(api, service))
        if held is not None and self.bug("consent_wipes") and token and not body:
            held["settings"] = {}
        return super()._write(app, consumer_id, api, service, body, request, now, token=token)

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
        if self.bug("config_falsy"):
            body = copy.deepcopy(body)
            for entry in body.get("configuration") or []:
                rows = entry.get("defaults") or []
                entry["defaults"] = [row for row in rows if row.get("value")]
        return super()._connectionSettingsUpdate(
            app, consumer_id, unified_api, service_id, resource, body, request, now
        )

    def _consumer_view(self, app: str, consumer: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        out = super()._consumer_view(app, consumer, whole=whole)
        if self.bug("shown_added") and whole:
            out["connections"] = [{**row, "state": "added"} for row in out["connections"]]
        if self.bug("metadata_text"):
            return {**out, "metadata": json.dumps(out["metadata"])}
        if self.bug("name_cut"):
            cut = {k: v[:255] if isinstance(v, str) else v for k, v in out["metadata"].items()}
            out["metadata"] = cut
        return out

    def _consumersUpdate(
        self, app: str, consumer_id: str, body: dict[str, Any], now: float
    ) -> Reply:
        if self.bug("empty_wipes_metadata") and not body:
            self._known(app, consumer_id)["metadata"] = {}
        return super()._consumersUpdate(app, consumer_id, body, now)

    def _consumersDelete(self, app: str, consumer_id: str) -> Reply:
        reply = super()._consumersDelete(app, consumer_id)
        if self.bug("cascade_namesake"):
            for world in self.world.values():
                if consumer_id in world:
                    world[consumer_id]["connections"].clear()
        if self.bug("deleted_id_lower"):
            reply.body["data"] = {"consumer_id": consumer_id.lower()}
        return reply

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
        size = limit or 20
        if self.bug("even_end_lost") and len(rows) > size and len(rows) % size == 0:
            rows = rows[:-size]
        if self.bug("third_is_last"):
            rows = rows[: 3 * size]
        reply = super()._page(request, rows, limit, cursor, view, kind, newest=newest)
        if self.bug("items_limit"):
            reply.body["meta"]["items_on_page"] = size
        if self.bug("link_elsewhere"):
            links = reply.body["links"]
            for name in ("previous", "next"):
                links[name] = links[name] and links[name].replace("/consumers?", "/logs?")
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
        consumer = self._stored(app, consumer_id)
        own = consumer["logs"]
        if self.bug("logs_alike"):
            alike = [c for n, c in self.world[app].items() if n.startswith(consumer_id)]
            consumer["logs"] = [entry for one in alike for entry in one["logs"]]
        try:
            return super()._logsAll(
                app, consumer_id, limit, cursor, status_code, exclude, connector_id, request
            )
        finally:
            consumer["logs"] = own

    def _sessionsCreate(
        self, app: str, consumer_id: str, body: dict[str, Any], request: Request, now: float
    ) -> Reply:
        if self.bug("claims_falsy") and body.get("custom_consumer_settings"):
            kept = _true_only(body["custom_consumer_settings"])
            body = {**body, "custom_consumer_settings": kept}
        reply = super()._sessionsCreate(app, consumer_id, body, request, now)
        data = reply.body["data"]
        if self.bug("claims_first_app"):
            first = next(iter(self.applications))
            claims = {**claims_of(data["session_token"]), "application_id": first}
            data |= {"session_uri": f"/session/{sign(claims)}", "session_token": sign(claims)}
        if self.bug("token_unsigned"):
            data |= {name: value.rpartition(".")[0] + "." for name, value in data.items()}
        return reply

    def _store_mapping(
        self,
        app: str,
        consumer_id: str,
        api: str,
        service: str,
        target: str,
        body: dict[str, Any],
        now: float,
        lost: bool,
    ) -> Reply:
        if self.bug("mapping_latin"):
            value = str(body.get("value", "")).encode("latin-1", "ignore").decode("latin-1")
            body = {"value": value}
        return super()._store_mapping(app, consumer_id, api, service, target, body, now, lost)

    def _target_uri(self, request: Request) -> str:
        uri = super()._target_uri(request)
        return unquote(uri) if self.bug("uri_decoded") else uri

    def _connectionsCallback(self, request: Request, path: dict[str, str], now: float) -> Reply:
        given = request.arg("code") == "granted"
        if not given and not self.bug("code_any") and not self.bug("code_optional"):
            raise Refused(422, "OAuthCodeExchangeError", "The code was not given by the provider")
        return super()._connectionsCallback(request, path, now)

    def _connectionsRevoke(self, request: Request, path: dict[str, str], now: float) -> Reply:
        reply = super()._connectionsRevoke(request, path, now)
        claims = self._claims(request, path, "revoke", now)
        key = self._key(claims["unified_api"], claims["service_id"])
        held = self._stored(claims["application_id"], claims["consumer_id"])["connections"]
        if key in held and self.bug("revoked_gone"):
            del held[key]
        elif key in held:
            held[key]["revoked"] = True
        return reply
