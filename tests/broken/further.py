"""The stand-in with the switches of the second catalogue: what it does wrong, seam by seam."""
# ruff: noqa: C901, PLR0917, FBT001, N802, ARG002

import copy
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlencode

from tests.broken import vault as base
from tests.broken.vault import Refused, Reply, Request

_BOOLEANS = frozenset({"enabled", "show_logs", "isolation_mode", "sandbox_mode", "auto_redirect"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a value with each of its leaves changed."""
    if isinstance(value, dict):
        return {name: _each(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [_each(item, change) for item in value]
    return change(value)


def _cut(value: Any, depth: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return None
    if isinstance(value, dict):
        return {name: _cut(item, depth - 1) for name, item in value.items()}
    return [_cut(item, depth - 1) for item in value]


def _firsts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _firsts(item) for name, item in value.items()}
    return [_firsts(item) for item in value[:1]] if isinstance(value, list) else value


def _truths(value: Any) -> Any:
    if isinstance(value, list):
        return [_truths(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: {"true": True, "false": False}.get(item, item)
        if name in _BOOLEANS and isinstance(item, str)
        else _truths(item)
        for name, item in value.items()
    }


def _dotted(settings: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in settings.items():
        first, dot, rest = name.partition(".")
        if dot:
            out.setdefault(first, {})[rest] = value
        else:
            out[name] = value
    return out


def _prefixed(text: str) -> str:
    """Return the token with the right signature where its signature begins with it."""
    head, _, signature = text.rpartition(".")
    right = base._b64(hmac.new(base.SECRET, head.encode(), hashlib.sha256).digest())
    return f"{head}.{right}" if head and signature[:10] == right[:10] else text


class Vault(base.Vault):
    """One deployment. Give it bugs of both catalogues, and variants, by name."""

    def __init__(self, *bugs: str, **more: Any) -> None:
        self.notes: dict[Any, Any] = {}
        super().__init__(*bugs, **more)

    # --- the way of a request ---

    def _dispatch(self, request: Request, rid: str, now: float, seen: dict[str, Any]) -> Reply:
        early = self._early(request)
        if early is not None:
            return early
        request = self._asked(request)
        self.notes["method"], self.notes["session"] = request.method, False
        if request.method != "GET":
            self.notes.pop("cache", None)
        try:
            reply = super()._dispatch(request, rid, now, seen)
        except Refused as refused:
            self._refused(refused, request, seen, now)
            raise
        self.notes["refused"] = 0
        self._answered(request, reply)
        return reply

    def _early(self, request: Request) -> Reply | None:
        path, headers = request.path, request.headers
        is_call = path.startswith("/vault/")
        broken = (
            (self.bug("head_500") and request.method == "HEAD")
            or (
                self.bug("options_500")
                and request.method == "OPTIONS"
                and "access-control-request-method" not in headers
            )
            or (self.bug("slash_500") and path.endswith("/"))
            or (self.bug("duplicate_limit") and [k for k, _ in request.args()].count("limit") > 1)
            or (self.bug("body_200k") and 200_000 < len(request.body) < base.MIB)
            or (self.bug("long_header_500") and any(len(v) > 6000 for v in headers.values()))
        )
        if broken:
            raise RuntimeError(path)
        if self.bug("accept_406") and "," in headers.get("accept", "") and is_call:
            raise Refused(406, "NotAcceptableError", "Not acceptable")
        return None

    def _asked(self, request: Request) -> Request:
        headers, path, method, query = dict(request.headers), request.path, request.method, ""
        given = headers.get("authorization", "")
        if self.bug("basic_scheme") and given.startswith("Basic "):
            headers["authorization"] = "Bearer " + given.removeprefix("Basic ")
        if self.bug("key_in_query") and not given and (key := request.arg("api_key")):
            headers["authorization"] = f"Bearer {key}"
        if self.bug("head_unguarded") and method == "HEAD":
            app = headers.get("x-apideck-app-id", "")
            headers["authorization"] = f"Bearer {self.applications.get(app, 'mock-api-key')}"
            method = "GET"
        if (
            self.bug("options_served")
            and method == "OPTIONS"
            and "access-control-request-method" not in headers
        ):
            method = "GET"
        if self.bug("id_double_decoded"):
            path = "/".join(quote(unquote(unquote(p)), safe="") for p in path.split("/"))
        if self.bug("id_150"):
            path = "/".join(quote(unquote(p)[:150], safe="") for p in path.split("/"))
            if "x-apideck-consumer-id" in headers:
                headers["x-apideck-consumer-id"] = headers["x-apideck-consumer-id"][:150]
        if self.bug("code_optional") and path == "/vault/callback" and not request.arg("code"):
            query = "code=none"
        return Request(
            method,
            path,
            "&".join(part for part in (request.query, query) if part),
            headers,
            request.body,
            request.base,
        )

    def _refused(
        self, refused: Refused, request: Request, seen: dict[str, Any], now: float
    ) -> None:
        self.notes["refused"] = self.notes.get("refused", 0) + 1
        if (
            self.bug("hook_refused_update")
            and seen.get("operation") == "connectionsUpdate"
            and refused.status in {400, 422}
        ):
            api, service = request.path.split("/")[3:5]
            app, consumer_id = seen["app"], seen["log"]
            shown = self._show(app, consumer_id, api, service, request, now)
            self._event("updated", app, consumer_id, shown, now)

    def _refusal(self, refused: Refused, request: Request, rid: str) -> Reply:
        reply = super()._refusal(refused, request, rid)
        if self.bug("state_refusal_bare") and refused.type_name == "InvalidStateError":
            reply.body.pop("type_name", None)
        return reply

    def _answered(self, request: Request, reply: Reply) -> None:
        if self.bug("preflight_reads") and "access-control-allow-methods" in reply.headers:
            reply.headers["access-control-allow-methods"] = "GET"

    def _ok(self, data: Any, **more: Any) -> Reply:
        if self.bug("empty_list_null") and data == []:
            data = None
        reply = super()._ok(data, **more)
        if self.bug("second_page_bare") and (reply.body.get("meta") or {}).get("cursors", {}).get(
            "previous"
        ):
            del reply.body["meta"]
        return reply

    def _dress(self, reply: Reply, request: Request, rid: str) -> Reply:
        reply = super()._dress(reply, request, rid)
        if self.bug("key_in_header"):
            app = request.headers.get("x-apideck-app-id", "")
            reply.headers["x-vault-key"] = self.applications.get(app, "none")
        return reply

    def payload(self, reply: Reply) -> bytes:
        """Return the bytes of an answer."""
        whole = super().payload(reply)
        if self.bug("length_characters") and reply.body is not None:
            text = json.dumps(reply.body, ensure_ascii=False)
            return text.encode("utf-8", "replace")[: len(text)]
        return whole

    # --- who asks ---

    def _caller(
        self, request: Request, operation_id: str, needs_consumer: bool, now: float
    ) -> tuple[str, dict[str, Any] | None]:
        app = request.headers.get("x-apideck-app-id", "")
        token = request.headers.get("authorization", "").partition(" ")[2]
        kept = self.notes.setdefault("served", set())
        mark = (app, request.method, request.path)
        if app in self.applications and token and token.count(".") != 2:
            last = list(self.applications)[-1]
            lax = (
                (self.bug("auth_cached") and mark in kept)
                or (self.bug("second_app_any_key") and app == last)
                or (self.bug("fails_open") and self.notes.get("refused", 0) >= 10)
            )
            if lax:
                return app, None
        if self.bug("token_manages") and operation_id in {
            "consumersOne",
            "consumersUpdate",
            "consumersDelete",
        }:
            needs_consumer = True
        found = super()._caller(request, operation_id, needs_consumer, now)
        kept.add(mark)
        self.notes["session"] = found[1] is not None
        if self.bug("token_read_only") and found[1] is not None and request.method != "GET":
            raise Refused(401, "UnauthorizedError", "Unauthorized Request", "Read only")
        return found

    def _session(self, token: str, now: float) -> dict[str, Any] | None:
        if self.bug("signature_prefix"):
            token = _prefixed(token)
        if self.bug("expired_writes") and self.notes["method"] != "GET":
            now = 0.0
        return super()._session(token, now)

    # --- what is asked ---

    def _parameters(self, request: Request, operation_id: str) -> dict[str, Any]:
        out = super()._parameters(request, operation_id)
        for name in ("start_datetime", "end_datetime"):
            text = request.arg(name)
            if out.get(name) is None or text is None:
                continue
            if self.bug("count_offset_ignored"):
                bare = re.sub(r"[+ -]\d\d:\d\d$", "", text) + "Z"
                out[name] = base._moment(bare) or out[name]
            if self.bug("count_by_day"):
                day = out[name] // 86400 * 86400
                out[name] = day if name == "start_datetime" else day + 86400
        return out

    def _body(self, request: Request, operation_id: str) -> Any:
        if base._body_rule(operation_id) is None or not request.body.strip():
            return super()._body(request, operation_id)
        kind = request.headers.get("content-type", "")
        if (self.bug("charset_refused") and "charset" in kind) or (
            self.bug("media_case") and kind != kind.lower()
        ):
            raise Refused(415, "UnsupportedMediaTypeError", "Unsupported media type")
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            if not self.bug("trailing_body"):
                return super()._body(request, operation_id)
            try:
                body = json.JSONDecoder().raw_decode(request.body.decode("utf-8", "replace"))[0]
            except (ValueError, RecursionError):
                return super()._body(request, operation_id)
        judged, given = body, body
        if isinstance(body, dict):
            if self.bug("null_500") and "metadata" in body and body["metadata"] is None:
                raise RuntimeError("metadata")
            if (self.bug("large_unjudged") and len(request.body) > 10_000) or (
                self.bug("disabled_unjudged") and body.get("enabled") is False
            ):
                return body
            if self.bug("second_item_unjudged"):
                judged = _firsts(body)
            if self.bug("boolean_coerced"):
                judged = given = _truths(body)
        if judged is not body or self.bug("trailing_body"):
            request = Request(
                request.method,
                request.path,
                request.query,
                request.headers,
                json.dumps(judged).encode(),
                request.base,
            )
        super()._body(request, operation_id)
        return given if isinstance(given, dict) else {}

    # --- the world ---

    def _consumer(
        self, app: str, consumer_id: str, *, create: bool = False, now: float | None = None
    ) -> dict[str, Any] | None:
        is_new = create and consumer_id not in self.world[app]
        found = super()._consumer(app, consumer_id, create=create, now=now)
        if is_new and found is not None:
            self._related(app, found)
            left = self.notes.pop(("left", app, consumer_id), None)
            if left and self.bug("orphan_consumer_metadata"):
                found["metadata"] = left["metadata"]
            if left and self.bug("orphan_second"):
                found["connections"] = dict(list(left["connections"].items())[1:])
            if left and self.bug("orphan_consent"):
                found["consents"] = {k for k, c in left["connections"].items() if c["token"]}
        return found

    def _related(self, app: str, consumer: dict[str, Any]) -> None:
        ways: dict[str, Callable[[str], str]] = {
            "id_cut_shared": lambda n: n[:40],
            "plus_split": lambda n: n.split("+")[0],
            "case_shared": str.lower,
        }
        for bug, way in ways.items():
            if self.bug(bug):
                for other in self.world[app].values():
                    if other is not consumer and way(other["id"]) == way(consumer["id"]):
                        consumer["connections"] = other["connections"]

    def _known(self, app: str, consumer_id: str, kind: str = "read") -> dict[str, Any]:
        if self.bug("recreated_gone") and (app, consumer_id) in self.notes.get("dead", ()):
            raise Refused(404, "EntityNotFoundError", "Unknown Consumer")
        return super()._known(app, consumer_id, kind)

    def _record(
        self, request: Request, reply: Reply, rid: str, now: float, seen: dict[str, Any]
    ) -> None:
        app, consumer_id = seen.get("app"), seen.get("log")
        consumer = self._consumer(app, consumer_id) if app and consumer_id else None
        if consumer is None:
            super()._record(request, reply, rid, now, seen)
            return
        if self.bug("race_log_lost"):
            held = list(consumer["logs"])
            time.sleep(0.002)
            super()._record(request, reply, rid, now, seen)
            consumer["logs"] = [*held, consumer["logs"][-1]]
            return
        before = len(consumer["logs"])
        super()._record(request, reply, rid, now, seen)
        new = consumer["logs"][before:]
        for entry in new:
            if self.bug("log_hour_off"):
                entry["timestamp"] = base._iso(now - 3600)
            if self.bug("log_holds_body") and reply.status >= 400:
                entry["error_message"] = request.body.decode("utf-8", "replace")
        if (self.bug("log_token_calls") and self.notes.get("session")) or (
            self.bug("log_no_imports")
            and seen.get("operation") in {"connectionsImport", "connectionsToken"}
        ):
            del consumer["logs"][before:]
        if self.bug("log_fifty"):
            del consumer["logs"][:-50]

    # --- consumers ---

    def _consumer_view(self, app: str, consumer: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        out = super()._consumer_view(app, consumer, whole=whole)
        if self.bug("consumer_cut") and whole:
            out["connections"] = out["connections"][:5]
        if self.bug("services_stale"):
            gone = {service for _, service in consumer.get("remains", {})}
            out["services"] = sorted({*out["services"], *gone})
        if self.bug("count_fifty"):
            out["request_counts"]["vault"] = min(50, out["request_counts"]["vault"])
            out["aggregated_request_count"] = min(50, out["aggregated_request_count"])
        return out

    def _consumersAdd(self, app: str, body: dict[str, Any], now: float) -> Reply:
        name = str(body.get("consumer_id", ""))
        known = name in self.world[app]
        if self.bug("id_150"):
            body = {**body, "consumer_id": name[:150]}
        reply = super()._consumersAdd(app, self._pictured(body), now)
        if known and self.bug("created_again_201"):
            reply.status = 201
        return reply

    def _pictured(self, body: dict[str, Any]) -> dict[str, Any]:
        metadata = body.get("metadata")
        if isinstance(metadata, dict):
            if self.bug("image_lost"):
                metadata = {k: v for k, v in metadata.items() if k != "image"}
            return {**body, "metadata": metadata}
        return body

    def _consumersUpdate(
        self, app: str, consumer_id: str, body: dict[str, Any], now: float
    ) -> Reply:
        consumer = self._known(app, consumer_id, "update")
        modified = consumer["modified"]
        if self.bug("race_consumer"):
            held = dict(consumer["metadata"])
            time.sleep(0.003)
            consumer["metadata"] = held
        reply = super()._consumersUpdate(app, consumer_id, self._pictured(body), now)
        if self.bug("modified_stays"):
            consumer["modified"] = modified
            reply.body["data"]["modified"] = base._iso(modified)
        if self.bug("count_reset"):
            consumer["count"], consumer["calls"] = 0, []
        return reply

    def _consumersDelete(self, app: str, consumer_id: str) -> Reply:
        consumer = self._known(app, consumer_id, "delete")
        self.notes["left", app, consumer_id] = copy.deepcopy(consumer)
        reply = super()._consumersDelete(app, consumer_id)
        self.notes.setdefault("dead", set()).add((app, consumer_id))
        return reply

    def _consumerRequestCountsAll(
        self,
        app: str,
        consumer_id: str,
        start_datetime: float | None,
        end_datetime: float | None,
        request: Request,
    ) -> Reply:
        consumer = self._known(app, consumer_id, "stats")
        calls = consumer["calls"]
        if self.bug("counts_other_app"):
            homes = [w[consumer_id] for w in self.world.values() if consumer_id in w]
            consumer["calls"] = [moment for home in homes for moment in home["calls"]]
        if self.bug("count_second_app") and app == list(self.applications)[-1]:
            consumer["calls"] = []
        if self.bug("count_fifty"):
            consumer["calls"] = calls[-50:]
        try:
            return super()._consumerRequestCountsAll(
                app, consumer_id, start_datetime, end_datetime, request
            )
        finally:
            consumer["calls"] = calls

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
        if self.bug("limit_hundred") and limit:
            limit = min(limit, 100)
        if self.bug("limit_lost") and cursor:
            limit = None
        if self.bug("logs_limit_ignored") and kind == "logs":
            limit = 200
        if self.bug("sorted_by_modified") and kind == "consumers":
            rows = sorted(rows, key=lambda row: row[1]["modified"])
        if self.bug("hundred_listed") and kind == "consumers":
            rows = rows[:100]
        reply = super()._page(request, rows, limit, cursor, view, kind, newest=newest)
        meta, links = reply.body.get("meta"), reply.body.get("links")
        if not meta or not rows:
            return reply

        def link(value: str) -> str:
            kept = [(k, v) for k, v in request.args() if k != "cursor"]
            return f"{request.base}{request.path}?" + urlencode([*kept, ("cursor", value)])

        cursors = meta["cursors"]
        if (
            self.bug("limit_equals_rest")
            and cursors["next"] is None
            and meta["items_on_page"] == (limit or 20)
        ):
            cursors["next"] = self._cursor("end", len(rows), kind)
            links["next"] = link(cursors["next"])
        if self.bug("previous_always") and cursors["previous"] is None:
            cursors["previous"] = self._cursor(self._position(rows[0][1], kind), 0, kind)
            links["previous"] = link(cursors["previous"])
        if self.bug("current_wrong") and cursors["next"]:
            cursors["current"] = cursors["next"]
        return reply

    # --- connections ---

    def _show(
        self, app: str, consumer_id: str, api: str, service: str, request: Request, now: float
    ) -> dict[str, Any]:
        out = super()._show(app, consumer_id, api, service, request, now)
        if self.bug("time_seconds") and "created_at" in out:
            out["created_at"] = out["created_at"] // 1000
        if self.bug("null_state") and "settings" in out and not out["enabled"]:
            out["state"] = None
        return out

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
        rows = reply.body["data"]
        if self.bug("list_one_api") and isinstance(rows, list):
            first = {r["service_id"]: r for r in reversed(rows)}
            reply.body["data"] = [r for r in rows if first[r["service_id"]] is r]
        if self.bug("configured_enabled") and configured is not None:
            stored = self._stored(app, consumer_id)["connections"]
            off = {f"{a}+{s}" for (a, s), c in stored.items() if not c["enabled"]}
            reply.body["data"] = [r for r in rows or [] if r["id"] not in off]
        return reply

    def _connectionsOne(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        request: Request,
        now: float,
    ) -> Reply:
        if self.bug("race_context"):
            self.notes["current"] = consumer_id
            time.sleep(0.003)
            consumer_id = self.notes["current"]
        cache = self.notes.setdefault("cache", {})
        if self.bug("cache_shared") and request.path in cache:
            return copy.deepcopy(cache[request.path])  # type: ignore[no-any-return]
        reply = super()._connectionsOne(app, consumer_id, unified_api, service_id, request, now)
        cache[request.path] = copy.deepcopy(reply)
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
        reply = super()._connectionsAdd(
            app, consumer_id, unified_api, service_id, body, request, now
        )
        held = self._held(app, consumer_id, now)["connections"]
        if self.bug("add_answers_first") and len(held) > 1:
            api, service = next(iter(held))
            reply.body["data"] = self._show(app, consumer_id, api, service, request, now)
        return reply

    def _changed(self, body: dict[str, Any], held: dict[str, Any] | None) -> dict[str, Any]:
        """Return what is stored of the body of a write."""

        def leaf(value: Any) -> Any:
            if isinstance(value, str):
                if self.bug("value_trimmed"):
                    value = value.strip()
                if self.bug("dates_rewritten") and _DATE.fullmatch(value):
                    value += "T00:00:00.000Z"
                if self.bug("digits_to_numbers") and value.isdecimal():
                    return int(value)
                return value
            return value

        out = dict(body)
        for name in ("settings", "metadata"):
            value = out.get(name)
            if not isinstance(value, dict):
                continue
            value = _each(value, leaf)
            if self.bug("deep_values"):
                value = _cut(value, 10)
            if self.bug("dotted_keys") and name == "settings":
                value = _dotted(value)
            if self.bug("arrays_hundred") and name == "settings":
                value = {k: v[:100] if isinstance(v, list) else v for k, v in value.items()}
            if self.bug("metadata_keys_lower") and name == "metadata":
                value = {k.lower(): v for k, v in value.items()}
            if self.bug("many_metadata") and name == "metadata":
                value = dict(list(value.items())[:25])
            out[name] = value
        if held is not None:
            if self.bug("enabled_with_settings") and "settings" in out:
                out.pop("enabled", None)
            if self.bug("settings_enable") and "settings" in out and "enabled" not in out:
                out["enabled"] = True
        return out

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
        key = self._key(api, service)
        held = copy.deepcopy(owner["connections"].get(key))
        was_gone = key in owner.get("remains", {})
        reply = super()._write(
            app, consumer_id, api, service, self._changed(body, held), request, now, token=token
        )
        stored = owner["connections"].get(key)
        if stored is None:
            return reply
        stored["writes"] = (held or {}).get("writes", 0) + (held is not None)
        if self.bug("third_update_lost") and held and stored["writes"] >= 3 and not token:
            owner["connections"][key] = {**held, "writes": stored["writes"]}
        if self.bug("readd_stuck") and was_gone and held is None:
            owner["connections"].pop(key)
        if self.bug("metadata_drops_token") and held and "metadata" in body and not token:
            stored["token"] = False
        if key in owner.get("consents", ()):
            stored["token"] = True
        if self.bug("mapping_dropped") and held:
            for name in [n for n in owner["mappings"] if n[:2] == (api, service)]:
                del owner["mappings"][name]
        if self.bug("update_shows_import") and request.method == "PATCH" and "import" in stored:
            reply.body["data"]["metadata"] = {"credentials": stored["import"]}
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
        owner, key = self._held(app, consumer_id, now), self._key(unified_api, service_id)
        held = owner["connections"].get(key)
        if self.bug("delete_twice_500") and held is None and key in owner.get("remains", {}):
            raise RuntimeError("gone")
        if self.bug("disabled_stays") and held and not held["enabled"]:
            return Reply(204)
        if self.bug("cascade_metadata"):
            owner["metadata"] = {}
        return super()._connectionsDelete(app, consumer_id, unified_api, service_id, request, now)

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
        owner, key = self._held(app, consumer_id, now), self._key(unified_api, service_id)
        if (
            self.bug("import_once")
            and key in owner["connections"]
            and ("import" in owner["connections"][key])
        ):
            return self._ok(self._show(app, consumer_id, unified_api, service_id, request, now))
        self.notes["importing"] = True
        try:
            reply = super()._connectionsImport(
                app, consumer_id, unified_api, service_id, body, request, now
            )
        finally:
            self.notes["importing"] = False
        stored = owner["connections"].get(key)
        if stored is not None:
            stored["import"] = body.get("credentials") or {}
            if self.bug("import_all"):
                for other in self.world[app].values():
                    if key in other["connections"] and other is not owner:
                        other["connections"][key] = copy.deepcopy(stored)
        return reply

    # --- custom mappings ---

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
        if self.bug("mapping_short"):
            body = {**body, "value": str(body.get("value", ""))[:64]}
        home = self._mapping_home(app, consumer_id)
        gone = (app, consumer_id, api, service, target) in self.notes.get("unmapped", ())
        held = dict(home)
        if self.bug("race_mapping"):
            time.sleep(0.003)
        reply = super()._store_mapping(
            app,
            consumer_id,
            api,
            service,
            target,
            body,
            now,
            lost or (gone and self.bug("mapping_readd")),
        )
        if self.bug("race_mapping"):
            held[self._mapping_name(api, service, target)] = str(body.get("value", ""))
            home = self._mapping_home(app, consumer_id)
            home.clear()
            home.update(held)
        return reply

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
        if self.bug("mapping_update_first"):
            target_field_id = self._targets(
                unified_api, self._connector(app, unified_api, service_id)
            )[0]
        return super()._customMappingsUpdate(
            app, consumer_id, unified_api, service_id, target_field_id, body, now
        )

    def _customMappingsDelete(
        self, app: str, consumer_id: str, unified_api: str, service_id: str, target_field_id: str
    ) -> Reply:
        reply = super()._customMappingsDelete(
            app, consumer_id, unified_api, service_id, target_field_id
        )
        self.notes.setdefault("unmapped", set()).add(
            (app, consumer_id, unified_api, service_id, target_field_id)
        )
        if self.bug("mapping_delete_all"):
            for other in self.world[app].values():
                other["mappings"].pop((unified_api, service_id, target_field_id), None)
        return reply

    # --- authorization ---

    def _link(
        self,
        verb: str,
        app: str,
        consumer_id: str,
        api: str,
        service: str,
        request: Request,
        now: float,
    ) -> str:
        if self.bug("state_first_api"):
            api = self._connector(app, api, service)["apis"][0]
        return super()._link(verb, app, consumer_id, api, service, request, now)

    def _state_claims(self, claims: dict[str, Any], app: str) -> dict[str, Any]:
        return {**claims, "key": self.applications[app]} if self.bug("state_holds_key") else claims

    def _claims(
        self, request: Request, path: dict[str, str], verb: str, now: float
    ) -> dict[str, Any]:
        state = request.arg("state") or ""
        if self.bug("state_prefix") and _prefixed(state) != state:
            query = urlencode([("state", _prefixed(state))])
            request = Request(request.method, request.path, query, request.headers, b"", "")
        return super()._claims(request, path, verb, now)

    def _back(self, uri: str, **more: str) -> str:
        if self.bug("redirect_drops_query"):
            uri = uri.partition("?")[0]
        return super()._back(uri, **more)

    def _connectionsAuthorize(self, request: Request, path: dict[str, str], now: float) -> Reply:
        reply = super()._connectionsAuthorize(request, path, now)
        state = request.arg("state") or ""
        if state in self.flows and self.bug("redirect_stale"):
            claims = self._claims(request, path, "authorize", now)
            key = ("flow", claims["application_id"], claims["consumer_id"], claims["service_id"])
            uri = self.notes.setdefault(key, self.flows[state]["redirect_uri"])
            self.flows[state]["redirect_uri"] = uri
        return reply

    def _connectionsCallback(self, request: Request, path: dict[str, str], now: float) -> Reply:
        reply = super()._connectionsCallback(request, path, now)
        claims = self._claims(request, path, "callback", now)
        app, consumer_id = claims["application_id"], claims["consumer_id"]
        key = self._key(claims["unified_api"], claims["service_id"])
        stored = self._held(app, consumer_id, now)["connections"].get(key)
        if stored and self.bug("reconsent_lost") and stored.get("revoked"):
            stored["token"] = False
        if self.bug("consent_all"):
            for other in self.world[app].values():
                if key in other["connections"]:
                    other["connections"][key]["token"] = True
        return reply

    def _connectionsRevoke(self, request: Request, path: dict[str, str], now: float) -> Reply:
        reply = super()._connectionsRevoke(request, path, now)
        claims = self._claims(request, path, "revoke", now)
        held = self._held(claims["application_id"], claims["consumer_id"], now)["connections"]
        key = self._key(claims["unified_api"], claims["service_id"])
        if key in held:
            held[key]["revoked"] = True
        if self.bug("revoke_all"):
            for stored in held.values():
                stored["token"] = False
        return reply

    # --- events ---

    def _event(
        self, kind: str, app: str, consumer_id: str, shown: dict[str, Any], now: float
    ) -> None:
        if self.bug("hook_revoked_missing") and kind == "revoked":
            return
        if self.bug("hook_import_missing") and self.notes.get("importing"):
            return
        for _ in range(2 if self.bug("hook_two_keys") else 1):
            super()._event(kind, app, consumer_id, shown, now)

    # --- sessions and logs ---

    def _sessionsCreate(
        self, app: str, consumer_id: str, body: dict[str, Any], request: Request, now: float
    ) -> Reply:
        if self.bug("slow_sessions"):
            time.sleep(0.5)
        if self.bug("race_session"):
            self.notes["opening"] = consumer_id
            time.sleep(0.003)
            consumer_id = self.notes["opening"]
        settings = body.get("settings") or {}
        if self.bug("day_is_hour") and str(settings.get("session_length", "")).endswith("d"):
            hours = str(settings["session_length"])[:-1]
            body = {**body, "settings": {**settings, "session_length": f"{hours}h"}}
        reply = super()._sessionsCreate(app, consumer_id, body, request, now)
        if self.bug("session_wipes_metadata") and not body.get("consumer_metadata"):
            self._held(app, consumer_id, now)["metadata"] = {}
        if self.bug("upsert_first_app"):
            self._consumer(next(iter(self.applications)), consumer_id, create=True, now=now)
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
        logs = consumer["logs"]
        wanted = (status_code, exclude)
        if self.bug("filter_lost") and cursor:
            status_code = exclude = None
        if self.bug("log_filters_first") and status_code is not None:
            exclude = None
        if self.bug("filter_after_page"):
            status_code = exclude = None
        if self.bug("status_class") and status_code is not None:
            consumer["logs"] = [e for e in logs if e["status_code"] // 100 == status_code // 100]
            status_code = None
        try:
            reply = super()._logsAll(
                app, consumer_id, limit, cursor, status_code, exclude, connector_id, request
            )
        finally:
            consumer["logs"] = logs
        if self.bug("filter_after_page"):
            rows = [
                e
                for e in reply.body["data"]
                if (wanted[0] is None or e["status_code"] == wanted[0])
                and e["unified_api"] not in (wanted[1] or ())
            ]
            reply.body["data"] = rows
            reply.body["meta"]["items_on_page"] = len(rows)
        return reply
