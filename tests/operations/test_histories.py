"""Any history of calls: the state is what the facts imply, and no answer leaves the contract."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mockvault.app import create_app
from mockvault.settings import Settings
from tests.asgi import Client, place

APP = create_app(Settings(log_format="none", validate_responses=True, scenario="empty"))
CONNECTORS = {connector.id: connector for connector in APP.catalogue.all}
CHOSEN = [
    "crm+salesforce",
    "crm+copper",
    "accounting+xero",
    "crm+microsoft-dynamics",
    "script+google-analytics",
    "hris+justworks",
    *(each.id for each in APP.catalogue.all if each.oauth_grant_type == "client_credentials"),
    *[each.id for each in APP.catalogue.all if each.validation_support][:3],
]
consumers = st.sampled_from(["alice", "bob"])
connections = st.sampled_from(CHOSEN)


def implied_state(connector: Any, shown: dict[str, Any], *, has_token: bool) -> str:
    """Say the state rule again, from what an answer shows and the history: not the mock's code."""
    if "created_at" not in shown:
        return "available"
    wants_token = connector.oauth_grant_type is not None
    values = {field["id"]: field["value"] for field in shown["form_fields"]}
    lacking = [
        field.id
        for field in connector.form_fields
        if field.required and not field.deprecated and values.get(field.id) in ("", None, [])
    ]
    if wants_token and not has_token:
        return "added"
    if lacking:
        return "authorized" if has_token else "added"
    judged = [
        str(values[field.id]).lower()
        for field in connector.form_fields
        if (field.sensitive or field.required) and isinstance(values.get(field.id), str)
    ]
    if connector.validation_support and any("invalid" in value for value in judged):
        return "invalid"
    return "callable"


class Histories(RuleBasedStateMachine):
    """Calls of two consumers in any order."""

    @initialize()
    def begin(self) -> None:
        APP.applications.reset()
        self.tokens: set[tuple[str, str]] = set()
        self.added: set[tuple[str, str]] = set()

    def client(self, consumer: str) -> Client:
        return Client(APP, consumer_id=consumer)

    @rule(
        consumer=consumers,
        connection=connections,
        method=st.sampled_from(["POST", "PATCH"]),
        enabled=st.none() | st.booleans(),
        fill=st.sampled_from(["nothing", "all", "one", "invalid", "clear"]),
    )
    def save(self, consumer: str, connection: str, method: str, enabled: Any, fill: str) -> None:
        fields = [field.id for field in CONNECTORS[connection].form_fields]
        value: Any = {"invalid": "Invalid!", "clear": None}.get(fill, "a value")
        wanted = {"nothing": [], "one": fields[:1]}.get(fill, fields)
        body: dict[str, Any] = {"settings": dict.fromkeys(wanted, value)}
        if enabled is not None:
            body["enabled"] = enabled
        answer = self.client(consumer)(method, place(connection), body)
        assert answer.status == 200
        self.added.add((consumer, connection))

    @rule(consumer=consumers, connection=connections)
    def delete(self, consumer: str, connection: str) -> None:
        answer = self.client(consumer)("DELETE", place(connection))
        assert answer.status == (204 if (consumer, connection) in self.added else 404)
        self.added.discard((consumer, connection))
        self.tokens.discard((consumer, connection))

    @rule(consumer=consumers)
    def delete_consumer(self, consumer: str) -> None:
        self.client("other")("DELETE", f"/vault/consumers/{consumer}")
        self.added = {each for each in self.added if each[0] != consumer}
        self.tokens = {each for each in self.tokens if each[0] != consumer}

    @rule(consumer=consumers, connection=connections)
    def authorize(self, consumer: str, connection: str) -> None:
        client = self.client(consumer)
        url = client.connection(connection).get("authorize_url")
        if url is None:
            return
        parts = urlsplit(url)
        sent = client(
            "GET",
            parts.path,
            query=f"{parts.query}&redirect_uri=http://app.example&mock_consent=approve",
        )
        callback = urlsplit(sent.headers["location"])
        assert client("GET", callback.path, query=callback.query).status == 301
        assert "code" in parse_qs(callback.query)
        self.tokens.add((consumer, connection))
        self.added.add((consumer, connection))

    @rule(consumer=consumers, connection=connections)
    def token(self, consumer: str, connection: str) -> None:
        answer = self.client(consumer)("POST", f"{place(connection)}/token")
        assert answer.status in (200, 404, 422)
        if answer.status == 200:
            self.tokens.add((consumer, connection))

    @rule(consumer=consumers, connection=connections)
    def revoke(self, consumer: str, connection: str) -> None:
        client = self.client(consumer)
        url = client.connection(connection)["revoke_url"]
        if url is not None:
            parts = urlsplit(url)
            query = f"{parts.query}&redirect_uri=http://app.example"
            assert client("GET", parts.path, query=query).status == 301
            self.tokens.discard((consumer, connection))

    @invariant()
    def the_state_is_what_the_facts_imply(self) -> None:
        for consumer in ("alice", "bob"):
            shown = {
                each["id"]: each for each in self.client(consumer)("GET", "/vault/connections").data
            }
            for connection in CHOSEN:
                connector, each = CONNECTORS[connection], shown[connection]
                has_token = (consumer, connection) in self.tokens
                assert each["state"] == implied_state(connector, each, has_token=has_token)
                assert ("created_at" in each) == ((consumer, connection) in self.added)

    @invariant()
    def no_answer_left_the_contract(self) -> None:
        assert APP.health.contract_violations == 0
        assert APP.health.unexpected_errors == 0


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
