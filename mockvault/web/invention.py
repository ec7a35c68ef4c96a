"""Answers invented from the contract, for operations that nothing here answers."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from mockvault.contract import Contract, MediaType, Operation
from mockvault.web.answers import answer_schemas
from mockvault.web.samples import Sampler

_ATTEMPTS = 8
_LAST_RESORTS: tuple[Any, ...] = ({}, [], "", 0, None)


class CannotInvent(Exception):
    """Nothing that was tried is a valid answer of the operation."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(f"No valid answer of {operation.operation_id} could be invented")
        self.operation = operation


class Invented(NamedTuple):
    """An invented answer; `body` is a JSON value, text for other media types, None for no body."""

    status: int
    body: Any | None
    headers: dict[str, str]


def invent(
    contract: Contract,
    operation: Operation,
    *,
    seed: int,
    parameters: Mapping[str, Any] | None = None,
) -> Invented:
    """Return the answer that the contract's examples give, or one generated from its schema.

    It is valid against the schema, and the same for the same seed, operation and parameters;
    a generated one repeats the request's `parameters` where it has properties of their names.
    Raises CannotInvent.
    """
    status = operation.success_status
    response = operation.responses.get(str(status))
    headers = {"location": "https://example.com/"} if 300 <= status < 400 else {}
    if response is None or not response.content:
        return Invented(status, None, headers)
    names = sorted(response.content, key=lambda name: name != "application/json")
    media_type = response.content[names[0]]
    headers["content-type"] = media_type.name
    chance = Random(f"{seed} {operation.operation_id}")  # noqa: S311  not a secret
    is_valid = _validity(contract, media_type)
    for body in _candidates(contract, media_type, chance, parameters or {}):
        if is_valid(body):
            return Invented(status, _with_status(body, status, is_valid), headers)
    raise CannotInvent(operation)


def _candidates(
    contract: Contract, media_type: MediaType, chance: Random, parameters: Mapping[str, Any]
) -> Iterator[Any]:
    yield from media_type.examples
    schema, pointer = contract.follow(media_type.schema, media_type.schema_pointer)
    if "example" in schema:
        yield schema["example"]
    sampler = Sampler(contract, answer_schemas(contract), chance, parameters)
    for _ in range(_ATTEMPTS):
        yield sampler.sample(schema, pointer)
    sampler.only_required = True
    for _ in range(_ATTEMPTS):
        yield sampler.sample(schema, pointer)
    yield from _LAST_RESORTS


def _validity(contract: Contract, media_type: MediaType) -> Any:
    if not media_type.schema:
        return lambda _body: True
    schemas = answer_schemas(contract)
    is_valid = schemas.validator(media_type.schema_pointer).is_valid
    if "json" in media_type.name:
        return is_valid
    return lambda body: isinstance(body, str) and is_valid(body)


def _with_status(body: Any, status: int, is_valid: Any) -> Any:
    """Return `body` with the status of the answer, where its example says another one."""
    if isinstance(body, dict) and type(body.get("status_code")) is int:
        told = {**body, "status_code": status}
        return told if is_valid(told) else body
    return body
