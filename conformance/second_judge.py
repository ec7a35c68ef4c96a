"""openapi-core behind one door: a second opinion on answers, of another make than the first."""

import copy
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters

from conformance.contract import Contract
from conformance.failures import Exchange


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
    def __init__(self, exchange: Exchange) -> None:
        answer = exchange.answer
        self.data = answer.body
        self.status_code = answer.status
        self.content_type = answer.headers.get("content-type", "").partition(";")[0]
        self.headers = dict(answer.headers)


class SecondJudge:
    """Validates answers with openapi-core."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

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
            bool(operation)
            and 200 <= answer.status < 500
            and answer.status not in {204, 301, 405, 413}
            and answer.json is not None
        )

    def problem(self, exchange: Exchange) -> str:
        """Tell what openapi-core has against an answer, or nothing."""
        try:
            self._api.validate_response(_Request(exchange), _Response(exchange))
        except Exception as error:  # noqa: BLE001 - whatever it raises is its opinion
            return f"{type(error).__name__}: {error}"[:300]
        return ""
