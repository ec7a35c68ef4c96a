"""One history as it goes: each step sent, told to the model, and compared with what is seen."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.failures import Answer, Exchange
from conformance.laws.world import Connector
from conformance.model import Facts, Held, Key, Mind, states
from conformance.phases.registry import Context
from conformance.target import Principal

Step = tuple[str, dict[str, Any]]


class Parted(Exception):
    """The deployment and the model part ways."""

    def __init__(self, aspect: str, expected: str, seen: str) -> None:
        super().__init__(f"{aspect}: expected {expected}, seen {seen}")
        self.aspect, self.expected, self.seen = aspect, expected, seen


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a history is about: two consumers in each application, and some connectors."""

    principals: tuple[Principal, ...]
    connectors: tuple[Connector, ...]


class Walk:
    """One history as it goes: sends each step, tells the model, and compares."""

    def __init__(self, context: Context, cast: Cast) -> None:
        self.context, self.cast = context, cast
        self.mind = Mind()
        self.exchanges: deque[Exchange] = deque(maxlen=8)
        self.steps: list[Step] = []
        self.parted: Parted | None = None

    def step(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Take one step, and compare everything that it may have touched."""
        self.steps.append((name, dict(arguments)))
        who = self.cast.principals[arguments["who"] % len(self.cast.principals)]
        connectors = self.cast.connectors
        connector = (
            connectors[arguments.get("connector", 0) % len(connectors)] if connectors else None
        )
        getattr(self, f"_{name}")(who, connector, arguments)
        if connector is not None:
            self._compare(who, connector)

    def _call(self, operation_id: str, who: Principal, **arguments: Any) -> Answer:
        exchange = self.context.target.call(operation_id, who, **arguments)
        self.exchanges.append(exchange)
        return exchange.answer

    def _key(self, who: Principal) -> Key:
        return (who.application.id, who.consumer_id)

    def _settings(self, connector: Connector, arguments: Mapping[str, Any]) -> dict[str, Any]:
        count = arguments.get("fields", 0) % (len(connector.required) + 1)
        value = str(arguments.get("value", "v"))
        out: dict[str, Any] = {}
        for row in connector.required[:count]:
            options = [
                o["value"] for o in row.get("options") or () if isinstance(o, dict) and "value" in o
            ]
            text = (
                f"https://{value}.example.com"
                if row.get("type") == "url" or "url" in str(row["id"])
                else f"x{value}"
            )
            out[str(row["id"])] = options[0] if options else text
        if arguments.get("extra") is not None:
            out["extra"] = arguments["extra"]
        return out

    def _body(self, connector: Connector, arguments: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"settings": self._settings(connector, arguments)}
        if "enabled" in arguments:
            body["enabled"] = arguments["enabled"]
        if arguments.get("mark") is not None:
            body["metadata"] = {"mark": arguments["mark"]}
        return body

    # --- steps ---

    def _add(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        known = self.mind.held(self._key(who), (connector.unified_api, connector.service_id))
        body = {"enabled": True, **self._body(connector, arguments)}
        answer = self._call("connectionsAdd", who, body=body, **connector.path)
        if answer.is_good:
            self.mind.write(self._key(who), (connector.unified_api, connector.service_id), body)
        elif known is None:
            raise Parted("refused", "a new connection is added", f"HTTP {answer.status}")

    def _update(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        known = self.mind.held(self._key(who), (connector.unified_api, connector.service_id))
        body = self._body(connector, arguments)
        if known is None:
            body = {"enabled": True, **body}
        answer = self._call("connectionsUpdate", who, body=body, **connector.path)
        if answer.is_good:
            self.mind.write(self._key(who), (connector.unified_api, connector.service_id), body)
        elif known is not None:
            raise Parted("refused", "an added connection can be updated", f"HTTP {answer.status}")

    def _wrong(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        body = {
            "settings": {"extra": arguments["value"]},
            "metadata": {"mark": arguments["value"]},
            "enabled": "maybe",
        }
        self._call("connectionsUpdate", who, body=body, **connector.path)

    def _delete(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        del arguments
        key = (connector.unified_api, connector.service_id)
        known = self.mind.held(self._key(who), key)
        answer = self._call("connectionsDelete", who, **connector.path)
        if answer.is_good:
            self.mind.drop(self._key(who), key)
        elif known is not None:
            raise Parted("refused", "an added connection can be deleted", f"HTTP {answer.status}")

    def _import(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        if not connector.redirects:
            return
        tokens = {
            "access_token": f"canary-{arguments['value']}-at",
            "issued_at": "2026-01-01T00:00:00.000Z",
            "expires_in": 315_360_000,
        }
        self.context.target.secrets.add(tokens["access_token"], "VAULT_IMPORT_ACCESS_TOKEN")  # type: ignore[arg-type]
        body = self._body(connector, arguments)
        body.pop("enabled", None)
        answer = self._call(
            "connectionsImport", who, body={**body, "credentials": tokens}, **connector.path
        )
        if answer.is_good:
            self.mind.write(
                self._key(who), (connector.unified_api, connector.service_id), body, token=True
            )

    def _consumer(
        self, who: Principal, connector: Connector | None, arguments: Mapping[str, Any]
    ) -> None:
        del connector
        known = self.mind.exists(self._key(who))
        metadata = {"user_name": arguments["value"]}
        operation = "consumersUpdate" if known else "consumersAdd"
        body = (
            {"metadata": metadata}
            if known
            else {"consumer_id": who.consumer_id, "metadata": metadata}
        )
        answer = self._call(operation, who, body=body)
        if not known and answer.is_refusal and self._call("consumersOne", who).is_good:
            # a read has made it exist already, and adding what exists may be refused
            operation = "consumersUpdate"
            answer = self._call(operation, who, body={"metadata": metadata})
        if not answer.is_good:
            raise Parted("refused", f"{operation} succeeds", f"HTTP {answer.status}")
        self.mind.describe(self._key(who), metadata)

    def _forget(
        self, who: Principal, connector: Connector | None, arguments: Mapping[str, Any]
    ) -> None:
        del connector, arguments
        known = self.mind.exists(self._key(who))
        answer = self._call("consumersDelete", who)
        if known and not answer.is_good:
            raise Parted("refused", "a known consumer can be deleted", f"HTTP {answer.status}")
        self.mind.forget(self._key(who))
        answer = self._call("consumersOne", who)
        if answer.is_good:
            raise Parted("gone", "a deleted consumer is not found", f"HTTP {answer.status}")

    def _session(
        self, who: Principal, connector: Connector | None, arguments: Mapping[str, Any]
    ) -> None:
        del connector, arguments
        answer = self._call("sessionsCreate", who)
        if not answer.is_good:
            raise Parted("refused", "a session can be created", f"HTTP {answer.status}")
        self.mind.meet(self._key(who))

    # --- comparison ---

    def _compare(self, actor: Principal, connector: Connector) -> None:
        key = (connector.unified_api, connector.service_id)
        facts = _facts(connector)
        for who in self.cast.principals:
            own = who == actor
            if not own and not self.mind.exists(self._key(who)):
                continue
            answer = self._call("connectionsOne", who, **connector.path)
            held = self.mind.held(self._key(who), key)
            if answer.status == 404 and held is None:
                continue
            item = answer.item
            wrong = self._wrong_side(item, held, states(facts, held), connector.hidden)
            if wrong:
                aspect, expected, seen = wrong
                raise Parted(aspect if own else "others", expected, seen)
        self._counted(actor)

    def _wrong_side(
        self, item: Mapping[str, Any], held: Any, allowed: frozenset[str], hidden: frozenset[str]
    ) -> tuple[str, str, str] | None:
        if item.get("state") not in allowed:
            return "state", " or ".join(sorted(allowed)), str(item.get("state"))
        if held is None:
            return ("enabled", "not enabled", "enabled") if item.get("enabled") is True else None
        if item.get("enabled") is not held.enabled:
            return "enabled", str(held.enabled), str(item.get("enabled"))
        for name, book in (("settings", held.settings), ("metadata", held.metadata)):
            found = item.get(name) or {}
            for field, want in book.items():
                if field not in hidden and found.get(field) != want:
                    return name, f"{field}: {want!r}", repr(found.get(field))
            surplus = [f for f in ("extra", "mark") if f in found and f not in book]
            if surplus:
                return name, f"no {surplus[0]}", repr(found[surplus[0]])
        return None

    def _counted(self, who: Principal) -> None:
        key = self._key(who)
        answer = self._call("consumersOne", who)
        if not self.mind.exists(key):
            return
        if not answer.is_good:
            raise Parted("consumer", "the consumer exists", f"HTTP {answer.status}")
        metadata = answer.item.get("metadata") or {}
        for name, want in self.mind.metadata[key].items():
            if metadata.get(name) != want:
                raise Parted("consumer", f"{name}: {want!r}", repr(metadata.get(name)))
        rows = [r for r in answer.item.get("connections") or () if isinstance(r, dict)]
        listed = {
            (r.get("unified_api"), r.get("service_id"))
            for r in rows
            if r.get("state") != "available"
        }
        mine = self.mind.connections.get(key, {})
        # it shows "the connections they have authorized": of others it may be silent
        due = {name for name, held in mine.items() if self._is_callable(name, held)}
        if "connections" in answer.item and not due <= listed <= set(mine):
            raise Parted("list", str(sorted(mine)), str(sorted(map(str, listed))))

    def _is_callable(self, name: Key, held: Held) -> bool:
        rows = {(c.unified_api, c.service_id): c for c in self.cast.connectors}
        return held.enabled and states(_facts(rows[name]), held) <= {"callable", "invalid"}


def _facts(connector: Connector) -> Facts:
    required = tuple(str(f["id"]) for f in connector.required)
    return Facts(connector.auth_type, required, connector.validates)


def cast_for(context: Context, number: str) -> Cast:
    """Return the principals and connectors of the history with that number."""
    stem = f"{context.target.prefix}his{context.turn()}-{number}-"
    principals = [
        Principal(app, stem + name)
        for app in context.target.applications[:2]
        for name in ("a", "b")
    ]
    rows: list[Connector] = []
    offered = [{c.name for c in found} for found in context.target.catalogues.values()]
    known = [c for c in context.catalogue if all(c.name in names for names in offered)]
    known = [c for c in known if c.is_on]
    for kinds in (("apiKey", "basic"), ("oauth2",), ("custom", "basic"), ("none",)):
        found = [c for c in known if c.auth_type in kinds and c not in rows]
        rows += found[: 2 if kinds[0] == "oauth2" else 1]
    return Cast(tuple(principals), tuple(rows))
