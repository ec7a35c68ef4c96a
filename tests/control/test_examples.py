import orjson
import pytest

from mockvault.app import MockVault
from mockvault.contract import Operation
from mockvault.control.examples import Examples
from mockvault.locations import builtin_fixtures
from mockvault.web.answers import AnswerJudge, response_for

EXAMPLES = Examples(builtin_fixtures() / "examples")
STATUSES = {400, 401, 402, 404, 422, 429, 500, 503}


def operations(app: MockVault) -> tuple[Operation, ...]:
    return tuple(app.contract.operations)


def test_every_operation_has_an_example_of_success_and_of_each_refusal(app: MockVault) -> None:
    for operation in operations(app):
        statuses = {each.status for each in EXAMPLES.of(operation.operation_id)}

        assert statuses == {operation.success_status, *STATUSES}, operation.operation_id


def test_every_example_is_an_answer_that_the_contract_declares(app: MockVault) -> None:
    for operation in operations(app):
        judge = AnswerJudge(app.contract, operation)
        for example in EXAMPLES.of(operation.operation_id):
            content = None if example.value is None else orjson.dumps(example.value)
            headers = {
                **({} if content is None else {b"content-type": b"application/json"}),
                **{name.encode(): value.encode() for name, value in example.headers.items()},
            }

            assert response_for(operation, example.status) is not None
            assert judge.violations(example.status, headers, content) == (), (
                operation.operation_id,
                example.name,
            )


def test_names_of_examples_are_unique_within_an_operation(app: MockVault) -> None:
    for operation in operations(app):
        names = [(each.status, each.name) for each in EXAMPLES.of(operation.operation_id)]

        assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["../applications", "", "nope", "a/b"])
def test_what_is_no_operation_has_no_examples(name: str) -> None:
    assert EXAMPLES.of(name) == ()
