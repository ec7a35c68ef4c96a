"""The stand-in with three catalogues of switches, and with what other hands may choose by right."""
# ruff: noqa: PLR0917, FBT001, N802

import base64
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from tests.broken import third
from tests.broken.vault import Refused, Reply, Request

_NAMED = re.compile(r"/vault/consumers/([^/]+)(/stats)?")
_PLACE = re.compile(rb"apideck-vault::offset::(\d+)")
_LATE = 1.0


class Vault(third.Vault):
    """One deployment. Give it bugs of three catalogues, and variants, by name."""

    def _dispatch(self, request: Request, rid: str, now: float, seen: dict[str, Any]) -> Reply:
        reply = super()._dispatch(request, rid, now, seen)
        allowed = reply.headers.get("access-control-allow-headers", "")
        if self.variant("keys_alone"):
            allowed = allowed.replace(", x-apideck-auth-type", "")
        return Reply(
            reply.status,
            reply.body,
            {**reply.headers, **({"access-control-allow-headers": allowed} if allowed else {})},
        )

    def _caller(
        self, request: Request, operation_id: str, needs_consumer: bool, now: float
    ) -> tuple[str, dict[str, Any] | None]:
        app, session = super()._caller(request, operation_id, needs_consumer, now)
        if session is not None and self.variant("keys_alone"):
            raise Refused(401, "UnauthorizedError", "Unauthorized Request", "Unknown key")
        return app, session

    def _record(
        self, request: Request, reply: Reply, rid: str, now: float, seen: dict[str, Any]
    ) -> None:
        super()._record(request, reply, rid, now, seen)
        named = _NAMED.fullmatch(request.path) if self.variant("named_counted") else None
        app = seen.get("app")
        consumer = self._consumer(app, unquote(named[1])) if named and app else None
        if consumer is not None:
            consumer["calls"].append(now)
            consumer["count"] += 1

    def _show(
        self, app: str, consumer_id: str, api: str, service: str, request: Request, now: float
    ) -> dict[str, Any]:
        shown = super()._show(app, consumer_id, api, service, request, now)
        if self.variant("unready") and service == "hubspot":
            shown["integration_state"] = "needs_configuration"
            shown["authorize_url"] = None
        return shown

    def _consumer_view(self, app: str, consumer: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        out = super()._consumer_view(app, consumer, whole=whole)
        if self.variant("authorized_shown"):
            rows = out.get("connections", [])
            rows = [row for row in rows if row["state"] in {"authorized", "callable"}]
            out |= {"connections": rows} if whole else {}
            out["services"] = sorted({row["service_id"] for row in rows})
        return out

    def _consumersUpdate(
        self, app: str, consumer_id: str, body: dict[str, Any], now: float
    ) -> Reply:
        if self.variant("metadata_replaced") and body.get("metadata") is not None:
            self._known(app, consumer_id)["metadata"] = {}
        return super()._consumersUpdate(app, consumer_id, body, now)

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
        if self.variant("metadata_replaced") and body.get("metadata") is not None:
            held = self._stored(app, consumer_id)["connections"].get(self._key(api, service))
            if held is not None:
                held["metadata"] = {}
        return super()._write(app, consumer_id, api, service, body, request, now, token=token)

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
        if self.variant("settings_whole"):
            held = self._stored(app, consumer_id)["connections"]
            rows = held.get(self._key(unified_api, service_id), {"config": {}})["config"]
            reply.body["data"]["configuration"] = [
                {"resource": name, "defaults": defaults} for name, defaults in rows.items()
            ]
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
        asked = (app, consumer_id, limit, cursor, status_code, exclude, connector_id, request)
        if not self.variant("logs_late"):
            return super()._logsAll(*asked)
        consumer = self._stored(app, consumer_id)
        whole, now = consumer["logs"], self.clock.now()
        consumer["logs"] = [
            e for e in whole if datetime.fromisoformat(e["timestamp"]).timestamp() <= now - _LATE
        ]
        try:
            return super()._logsAll(*asked)
        finally:
            consumer["logs"] = whole

    def _cursor(self, key: str, place: int, kind: str) -> str:
        if not self.variant("cursor_places"):
            return super()._cursor(key, place, kind)
        return base64.b64encode(f"apideck-vault::offset::{place}".encode()).decode()

    def _uncursor(self, cursor: str, kind: str) -> tuple[str, int] | None:
        if not self.variant("cursor_places"):
            return super()._uncursor(cursor, kind)
        try:
            found = _PLACE.fullmatch(base64.b64decode(cursor, validate=True))
        except ValueError:
            found = None
        return ("", int(found[1])) if found else None

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
        if self.variant("cursor_places") and kind == "consumers":
            rows.reverse()
        return super()._page(request, rows, limit, cursor, view, kind, newest=newest)
