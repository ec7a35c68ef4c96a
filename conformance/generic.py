"""Schemathesis behind one door: its examples, coverage, fuzzing and links, sent through our guard.

Only this module imports it, at one exact version. It makes cases and judges what its checks can
judge truly on this contract; whether a request was right or wrong is judged by what was really
sent, and its own requests (probes, retries, redirects) are never sent.
"""

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisException
from requests.adapters import HTTPAdapter
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import SchemathesisError
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.hypothesis.examples import generate_one
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from urllib3 import HTTPResponse

from conformance.contract import Contract, Operation
from conformance.failures import Answer, Request

ADDRESS = "http://conformance.invalid"
# The others raise falsely on this contract: they take what was generated for what was sent, know
# no consumer in a header, or send requests of their own. Laws of ours judge what they are about.
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
# What a server may answer without the contract saying so: HTTP itself defines it.
_BY_HTTP = frozenset({403, 405, 406, 408, 409, 410, 411, 413, 414, 415, 417, 429, 431, 501, 503})

Send = Callable[[Operation | None, Request], Answer]


@dataclass(frozen=True, slots=True)
class Sent:
    """One case that was sent: to which operation, what, what came back, and what checks found."""

    operation: Operation | None
    request: Request
    answer: Answer
    found: tuple[tuple[str, str], ...]


class Generic:
    """Makes cases from the contract with one seed, and sends them by a function of ours."""

    def __init__(self, contract: Contract, seed: int, send: Send) -> None:
        self._contract, self._seed = contract, seed
        self._door = _Door(contract, send)
        self._session = requests.Session()
        self._session.mount(ADDRESS, self._door)

    def examples(self, operation: Operation, values: Mapping[str, str]) -> Iterator[Sent]:
        """Send the examples of the contract, filled up with the simplest values."""
        with _quiet():
            made = [
                generate_one(strategy)
                for strategy in self._found(operation).get_strategies_from_examples()
            ]
        yield from self._send_each(made, values)

    def coverage(
        self, operation: Operation, values: Mapping[str, str], most: int, rng: Random
    ) -> Iterator[Sent]:
        """Send every keyword of the request's schemas at its bounds, kept and broken.

        Where that is more than `most` cases, chance chooses which.
        """
        with _quiet():
            made = list(
                self._schema.iter_coverage_cases(
                    self._found(operation),
                    generation_modes=list(GenerationMode),
                    generation_config=self._schema.config.generation,
                )
            )
        if len(made) > most:
            made = [made[index] for index in sorted(rng.sample(range(len(made)), most))]
        yield from self._send_each(made, values)

    def fuzzing(
        self, operation: Operation, values: Mapping[str, str], count: int
    ) -> Iterator[Sent]:
        """Send cases of chance: half of them meant to break the contract somewhere."""
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            made: list[Any] = []
            config = _settings(max_examples=max(1, count // 2))
            strategy = self._found(operation).as_strategy(generation_mode=mode)
            decorated: Any = given(strategy)
            draw: Any = seeded(self._seed)(decorated(_keeper(made)))
            with _quiet(), contextlib.suppress(HypothesisException, SchemathesisError):
                config(draw)()
            yield from self._send_each(made, values)

    def links(
        self, values: Mapping[str, str], histories: int, steps: int, take: Callable[[Sent], None]
    ) -> None:
        """Walk along the links that follow from the contract: what was answered is asked for."""
        generic = self

        class Walk(self._schema.as_state_machine()):  # type: ignore[misc]
            def before_call(self, case: Any) -> None:
                _fit(case, values)

            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                del case
                return {"base_url": ADDRESS, "session": generic._session, "allow_redirects": False}

            def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
                take(generic._sent(case, response))

        config = _settings(max_examples=histories, stateful_step_count=steps)
        walk: Any = seeded(self._seed)(Walk)
        with _quiet(), contextlib.suppress(HypothesisException, SchemathesisError):
            walk.run(settings=config)

    @cached_property
    def _schema(self) -> Any:
        config = schemathesis.Config.from_dict(
            {
                "seed": self._seed,
                "max-redirects": 0,
                "cache": {"enabled": False},
                "generation": {"database": "none"},
                "phases": {"coverage": {"unexpected-methods": []}},
            }
        )
        return schemathesis.openapi.from_dict(strict(self._contract.document), config=config)

    def _found(self, operation: Operation) -> Any:
        return self._schema[operation.path][operation.method]

    def _send_each(self, made: list[Any], values: Mapping[str, str]) -> Iterator[Sent]:
        for case in made:
            _fit(case, values)
            try:
                response = case.call(base_url=ADDRESS, session=self._session, allow_redirects=False)
            except (requests.RequestException, SchemathesisError, UnicodeError):
                continue  # it cannot be put into a request
            yield self._sent(case, response)

    def _sent(self, case: Any, response: Any) -> Sent:
        found: tuple[tuple[str, str], ...] = ()
        try:
            case.validate_response(response, checks=list(CHECKS))
        except FailureGroup as group:
            found = tuple((type(e).__name__, _first_lines(e)) for e in group.exceptions)
        operation, request, answer = self._door.last
        return Sent(operation, request, answer, found)


class _Door(HTTPAdapter):
    """Takes what Schemathesis would send, and hands it to our guard instead of the network."""

    def __init__(self, contract: Contract, send: Send) -> None:
        super().__init__()
        self._contract, self._send = contract, send
        self.last: tuple[Operation | None, Request, Answer] = (
            None,
            Request("GET", "/"),
            Answer(0, {}, b"", 0.0),
        )

    def send(self, request: Any, *_: Any, **__: Any) -> Any:
        """Send one request by our own way, and give its answer the shape that is expected."""
        parts = urlsplit(str(request.url))
        pairs = [part.partition("=") for part in parts.query.split("&") if part]
        body = request.body.encode() if isinstance(request.body, str) else request.body
        ours = Request(
            str(request.method),
            parts.path,
            tuple((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs),
            tuple(
                (name.lower(), value if isinstance(value, str) else value.decode("latin-1"))
                for name, value in request.headers.items()
                if name.lower() not in _NOT_OURS
            ),
            body,
        )
        operation = self._contract.operation_at(ours.method, ours.path)
        answer = self._send(operation, ours)
        self.last = (operation, ours, answer)
        raw = HTTPResponse(
            body=io.BytesIO(answer.body),
            headers=dict(answer.headers),
            status=answer.status,
            preload_content=False,
        )
        return self.build_response(request, raw)


_NOT_OURS = frozenset(
    {
        *("user-agent", "accept-encoding", "accept", "connection", "content-length"),
        "x-schemathesis-testcaseid",
    }
)


def strict(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contract read strictly: no `default` that takes every status, no empty names.

    Every operation has a `default`, which hides each wrong status; what HTTP itself defines is
    declared instead. A consumer has a name, which the contract forgets to say.
    """
    out = copy.deepcopy(dict(document))
    for item in out["paths"].values():
        for raw in item.values():
            if not isinstance(raw, dict) or "responses" not in raw:
                continue
            raw["responses"].pop("default", None)
            for status in _BY_HTTP:
                raw["responses"].setdefault(str(status), {"description": "as HTTP defines it"})
    for row in out["components"]["parameters"].values():
        if row["in"] in {"path", "header"} and row["schema"].get("type") == "string":
            row["schema"]["minLength"] = 1
        if row["in"] == "query":
            row["schema"].pop("nullable", None)
            for part in row["schema"].get("properties", {}).values():
                part.pop("nullable", None)
    return out


def _fit(case: Any, values: Mapping[str, str]) -> None:
    """Put in what only the deployment knows: ids that exist, and the consumer of this run."""
    for name in case.path_parameters or {}:
        if name in values:
            case.path_parameters[name] = values[name]
    for name in list(case.headers or {}):
        if name.lower() in values:
            case.headers[name] = values[name.lower()]
    if isinstance(case.body, dict) and isinstance(case.body.get("consumer_id"), str):
        case.body = {**case.body, "consumer_id": values["consumer_id"]}


def _keeper(made: list[Any]) -> Callable[[Any], None]:
    def keep(case: Any) -> None:
        made.append(case)

    return keep


def _first_lines(error: BaseException) -> str:
    text = str(getattr(error, "message", "")) or str(error)
    return " ".join(text.split())[:300]


def _settings(**more: Any) -> settings:
    return settings(
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
        phases=(Phase.generate,),
        **more,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
