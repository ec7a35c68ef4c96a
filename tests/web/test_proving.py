"""What is kept is proved once, and what is joined of parts by those that are new."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockvault.app import MockVault, create_app
from mockvault.contract import load_contract
from mockvault.locations import builtin_contract, builtin_overlay
from mockvault.presenting import connections
from mockvault.settings import Settings
from mockvault.web.answers import AnswerJudge, answer_schemas
from mockvault.web.proving import data_of
from tests.asgi import Client

CONTRACT = load_contract(builtin_contract(), builtin_overlay())
CONNECTION = "#/components/schemas/Connection"
ANSWER = "#/components/schemas/GetConnectionResponse"

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "callable", "crm", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
names = st.sampled_from([*CONTRACT.resolve(CONNECTION)["properties"], "stranger"])
objects = st.dictionaries(names, values, max_size=6)


def parts_of(beginning: dict[str, Any], rest: dict[str, Any]) -> list[bytes]:
    texts = [json.dumps(beginning, separators=(",", ":")).encode()[:-1]]
    for place, (name, value) in enumerate(rest.items()):
        comma = b"," if beginning or place else b""
        texts.append(comma + json.dumps({name: value}).encode()[1:-1])
    return [*texts, b"}"]


@pytest.fixture
def app() -> MockVault:
    return create_app(Settings(log_format="none", validate_responses=True))


@given(beginning=objects, rest=objects)
def test_what_is_proved_by_its_parts_is_right_as_a_whole_and_the_other_way_round(
    beginning: dict[str, Any], rest: dict[str, Any]
) -> None:
    schemas = answer_schemas(CONTRACT)
    data = data_of(schemas, ANSWER, 200)
    assert data is not None
    rest = {name: value for name, value in rest.items() if name not in beginning}
    if not beginning and rest:  # an object begins with what goes together
        name = next(iter(rest))
        beginning = {name: rest.pop(name)}
    parts = parts_of(beginning, rest)

    is_right = schemas.validator(CONNECTION).is_valid(json.loads(b"".join(parts)))

    assert [data.proves(parts) for _ in range(3)] == [is_right] * 3


def test_an_answer_is_proved_by_parts_only_where_its_schema_asks_of_properties_alone() -> None:
    schemas = answer_schemas(CONTRACT)

    def is_provable(operation_id: str, status: int) -> bool:
        response = CONTRACT.by_id[operation_id].responses[str(status)]
        pointer = response.content["application/json"].schema_pointer
        return data_of(schemas, pointer, status) is not None

    assert is_provable("connectionsOne", 200)
    assert is_provable("connectionsUpdate", 200)
    assert not is_provable("connectionsAll", 200)  # its data is an array
    assert not is_provable("connectionsOne", 404)  # no data, and another envelope


def test_an_answer_that_is_proved_stays_proved_by_as_few(app: MockVault) -> None:
    client = Client(app)
    client.patch("crm+salesforce", metadata={"a": 1})
    for _ in range(20):
        client.connection()

    vault = next(iter(app.applications))
    kept = vault.shown.get(("test-consumer", "crm", "salesforce", "http://testserver"))

    assert kept is not None
    assert (
        len(kept[-1].proved_by) == 2
    )  # by the operation that changed it, and by the one that reads


def test_every_connection_is_proved_by_its_parts(app: MockVault) -> None:
    client, judge = Client(app), AnswerJudge(app.contract, app.contract.by_id["connectionsOne"])
    vault = next(iter(app.applications))
    for connection_id in ("crm+salesforce", "crm+copper", "hris+bamboohr", "crm+pipedrive"):
        shown = client.connection(connection_id)
        kept = vault.shown.get(
            ("test-consumer", shown["unified_api"], shown["service_id"], "http://testserver")
        )
        assert kept is not None
        assert json.loads(b"".join(kept[-1].parts)) == shown
        assert judge.proves(200, kept[-1].parts)


def test_what_is_kept_is_judged_once_and_what_is_new_again(
    app: MockVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    by_parts, whole = AnswerJudge.proves, AnswerJudge.is_plainly_valid

    def noted(name: str, judge: Any) -> Any:
        def judging(*arguments: Any) -> Any:
            judged.append(name)
            return judge(*arguments)

        return judging

    monkeypatch.setattr(AnswerJudge, "proves", noted("parts", by_parts))
    monkeypatch.setattr(AnswerJudge, "is_plainly_valid", noted("whole", whole))
    client = Client(app)

    for _ in range(3):
        client.connection()
    assert judged == ["parts"]
    client.patch("crm+salesforce", metadata={"a": 1})
    client.connection()
    client.connection()
    assert judged == ["parts"] * 3  # by the operation that changed it, and by the one that reads
    for _ in range(3):
        client("GET", "/vault/connections")
        client("GET", "/vault/consumers")
    assert judged.count("whole") == 4  # a call for a consumer is counted, and so a page changes
    for _ in range(3):
        client("GET", "/vault/consumers")
    assert judged.count("whole") == 4


@pytest.mark.parametrize("path", ["/vault/connections/crm/salesforce", "/vault/connections"])
def test_a_bug_of_ours_is_told_each_time_though_the_answer_is_kept(
    app: MockVault, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    wrong = dict.fromkeys(connections._TEXT_BY_STATE, b',"state":1')
    monkeypatch.setattr(connections, "_TEXT_BY_STATE", wrong)

    for times in (1, 2):
        Client(app)("GET", path)
        assert app.health.contract_violations >= times
