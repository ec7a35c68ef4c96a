"""openapi-core behind one door: a second opinion on every answer, of another make than the first.

It takes milliseconds for an answer, so it is asked once for each shape: for what in an answer
its schema looks at. Of a list it is shown the kinds of items that it has not yet accepted.
"""

import copy
import json
from collections.abc import Hashable
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_schema_validator import oas30_format_checker

from conformance.contract import Contract
from conformance.failures import Exchange
from conformance.shapes import Node, Reducer, compiled, visited


class _Request:
    def __init__(self, exchange: Exchange) -> None:
        request = exchange.request
        self.host_url = "http://conformance.invalid"
        self.path = request.path
        self.full_url_pattern = f"{self.host_url}{request.path}"
        self.method = request.method.lower()
        self.body = request.body
        self.content_type = request.header("content-type") or ""
        self.parameters = RequestParameters()
        self.query = urlencode(request.query)


class _Response:
    def __init__(self, exchange: Exchange, body: bytes) -> None:
        answer = exchange.answer
        self.data = body
        self.status_code = answer.status
        self.content_type = answer.headers.get("content-type", "").partition(";")[0]
        self.headers = dict(answer.headers)


class SecondJudge:
    """Validates answers with openapi-core, and remembers the shapes that it has judged."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._reducer = Reducer(lambda kind, value: oas30_format_checker.conforms(value, kind))
        self._nodes: dict[tuple[str, int], Node | None] = {}
        self._opinions: dict[Hashable, str] = {}
        self.judged = 0
        self.before = 0
        """Shapes that were judged in an earlier sitting, or by another shard."""
        self.seen: dict[tuple[str, int], set[str]] = {}

    @property
    def shapes(self) -> int:
        """How many shapes of answers were judged, one by one, at each sitting anew."""
        return self.before + len(self._opinions)

    @cached_property
    def _api(self) -> Any:
        document = copy.deepcopy(dict(self._contract.document))
        document["servers"] = [{"url": "http://conformance.invalid"}]
        return OpenAPI.from_dict(document)

    def can_judge(self, exchange: Exchange) -> bool:
        """Whether the contract says anything of the body of this answer."""
        operation = self._contract.operations.get(exchange.operation_id)
        answer = exchange.answer
        return (
            operation is not None
            and exchange.request.method == operation.method
            and 200 <= answer.status < 500
            and answer.status not in {204, 301, 405, 413}
            and answer.json is not None
        )

    def problem(self, exchange: Exchange) -> str:
        """Tell what openapi-core has against an answer, or nothing."""
        self.judged += 1
        answer = exchange.answer
        where = (exchange.operation_id, answer.status)
        node = self.node(*where)
        if node is None:
            return self._opinion((where, answer.body), exchange, answer.body)
        pending: list[tuple[Node, Hashable]] = []
        shape, reduced = self._reducer.reduce(node, answer.json, pending)
        key = (where, answer.headers.get("content-type"), shape)
        if key not in self._opinions:
            seen = self.seen.setdefault(where, set())
            for place in visited(node, reduced):
                seen.update(place.places())
        told = self._opinion(key, exchange, json.dumps(reduced).encode())
        if not told:
            for place, kind in pending:
                place.proven.add(kind)
        return told

    def node(self, operation_id: str, status: int) -> Node | None:
        """Return the schema of an answer, or None where the contract has none."""
        where = (operation_id, status)
        if where not in self._nodes:
            resolved = self._contract.resolved
            answers = self._contract.operations[operation_id].answers
            response = resolved(answers.get(status) or {})
            media = response.get("content", {}).get("application/json")
            self._nodes[where] = compiled(media["schema"], resolved) if media else None
        return self._nodes[where]

    def _opinion(self, key: Hashable, exchange: Exchange, body: bytes) -> str:
        if key not in self._opinions:
            try:
                self._api.validate_response(_Request(exchange), _Response(exchange, body))
                self._opinions[key] = ""
            except Exception as error:  # noqa: BLE001 - whatever it raises is its opinion
                self._opinions[key] = f"{type(error).__name__}: {error}"[:300]
        return self._opinions[key]
