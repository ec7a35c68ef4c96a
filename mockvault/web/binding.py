"""The contract bound to the handlers: connexion resolves each operation, a plan answers it.

Connexion's AsyncApp reads the contract and resolves each operationId to what answers it. In front
of its stack stands `Planned`, which routes once and answers by the operation's plan; with
`plans_first=False` a request takes connexion's way (routing, context, `RoutedPlans`) to the same
plan, which is how both ways are held against each other in tests.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from mockvault.contract import METHODS, Contract, ContractInvalid, Operation
from mockvault.web.answers import AnswerJudge
from mockvault.web.judgement import Judge
from mockvault.web.plans import Handler, Plan, Service
from mockvault.web.recording import Exchange
from mockvault.web.replies import Reply, refusal
from mockvault.web.routes import Routes
from mockvault.web.writing import head

with warnings.catch_warnings():
    # connexion 3.3 imports starlette.testclient, which has moved away from httpx and says so
    warnings.simplefilter("ignore")
    from connexion import AsyncApp
    from connexion.exceptions import ResolverError
    from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware, SpecMiddleware
    from connexion.middleware.context import ContextMiddleware
    from connexion.middleware.exceptions import ExceptionMiddleware
    from connexion.middleware.lifespan import LifespanMiddleware
    from connexion.middleware.main import API
    from connexion.middleware.routing import RoutingMiddleware
    from connexion.operations import AbstractOperation
    from connexion.options import SwaggerUIOptions
    from connexion.resolver import Resolution, Resolver
    from connexion.spec import OpenAPISpecification

ALLOWED_HEADERS = (
    b"Authorization, Content-Type, x-apideck-app-id, x-apideck-consumer-id, x-apideck-auth-type, "
    b"Prefer"
)
_VALUES = "mockvault.values"


def handler_name(operation_id: str) -> str:
    """Return the name of an operation's handler.

    >>> handler_name("consumerRequestCountsAll")
    'consumer_request_counts_all'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()


def handlers_of(modules: tuple[ModuleType, ...], contract: Contract) -> dict[str, Handler]:
    """Return the handler of each operation of the contract that has one, by operationId."""
    return {
        operation.operation_id: getattr(module, name)
        for operation in contract.operations
        for name in [handler_name(operation.operation_id)]
        for module in modules
        if hasattr(module, name)
    }


def make_plans(
    contract: Contract,
    handlers: Mapping[str, Handler],
    invented: Callable[[Operation], Handler] | None,
    service: Service,
    *,
    strict_read_only: bool,
    validate_responses: bool,
) -> dict[str, Plan]:
    """Return a plan for each operation.

    `invented` gives what answers an operation without a handler; without it such an operation
    raises ContractInvalid, for then the mock does not know the contract that it is built for.
    """
    plans = {}
    for operation in contract.operations:
        handler = handlers.get(operation.operation_id)
        source = None
        if handler is None:
            if invented is None:
                raise ContractInvalid(
                    operation.pointer,
                    f"operation {operation.operation_id} has no handler",
                    contract.file,
                )
            handler, source = invented(operation), b"contract"
        plans[operation.operation_id] = Plan(
            service,
            operation,
            Judge(contract, operation, strict_read_only=strict_read_only),
            handler,
            answer_judge=AnswerJudge(contract, operation) if validate_responses else None,
            source=source,
        )
    return plans


class _Judged(OpenAPISpecification):  # type: ignore[misc]  # connexion ships no types
    """A document that `load_contract` has judged, or a test of ours for the one built in."""

    @classmethod
    def _validate_spec(cls, spec: Any) -> None:
        pass


def _with_text_keys(node: Any) -> Any:
    """Return the mappings of a document with every key as text, as connexion wants them."""
    if isinstance(node, dict):
        return {str(key): _with_text_keys(value) for key, value in node.items()}
    return node


class PlanResolver(Resolver):  # type: ignore[misc]  # connexion ships no types
    """Resolves an operationId to the plan by which the operation is answered."""

    def __init__(self, plans: Mapping[str, Plan]) -> None:
        super().__init__()
        self._plans = plans

    def resolve(self, operation: AbstractOperation) -> Resolution:
        """Return the plan; raise ResolverError where there is none."""
        plan = self._plans.get(operation.operation_id)
        if plan is None:
            raise ResolverError(f"operation {operation.operation_id} has no plan")
        return Resolution(plan, operation.operation_id)


class _RoutedPlan:
    """A plan where connexion's routing has led to its operation."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._plan(scope, receive, send, scope[_VALUES])


class _PlansApi(RoutedAPI[_RoutedPlan]):  # type: ignore[misc]  # connexion ships no types
    """The operations of the contract, as connexion knows them, each with its plan."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> _RoutedPlan:
        return _RoutedPlan(operation.function)


class RoutedPlans(RoutedMiddleware[_PlansApi]):  # type: ignore[misc]  # connexion ships no types
    """Behind connexion's routing: answers an operation by its plan."""

    api_cls = _PlansApi


class Planned(SpecMiddleware):  # type: ignore[misc]  # connexion ships no types
    """In front of connexion's stack: routes a request once and answers it by its plan."""

    def __init__(
        self, app: ASGIApp, *, service: Service, routes: Routes[Plan], plans_first: bool
    ) -> None:
        self.app = app
        self._service = service
        self._plans_first = plans_first
        self._routes = routes

    def add_api(self, specification: Any, **kwargs: Any) -> None:
        """Take the plan of each operation from what connexion resolved it to."""
        resolver = kwargs["resolver"]
        for path, methods in specification["paths"].items():
            for method in methods:
                if method in METHODS:
                    operation = specification.operation_cls.from_spec(
                        specification, path=path, method=method, resolver=resolver
                    )
                    self._routes.add(method.upper(), path, operation.function)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by plan; what has no route is answered here too."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        raw_path = scope.get("raw_path") or scope["path"].encode()
        method = scope["method"]
        routed = self._routes.find(method, raw_path)
        if routed is None:
            await self._unrouted(scope, raw_path, send)
        elif self._plans_first:
            await routed.target(scope, receive, send, routed.values)
        else:
            # connexion routes by the decoded path: it is given the raw one, as one segment each
            whole = {**scope, "path": raw_path.decode("ascii", "replace"), _VALUES: routed.values}
            await self.app(whole, receive, send)

    async def _unrouted(self, scope: Scope, raw_path: bytes, send: Send) -> None:
        headers = dict(scope["headers"])
        methods = self._routes.methods(raw_path)
        method = scope["method"]
        if method == "OPTIONS" and (methods or b"access-control-request-method" in headers):
            reply = _preflight(methods)
        elif methods:
            reply = _wrong_method(method, methods)
        else:
            reply = _unknown_route(scope["path"], self._routes.nearest(scope["path"]))
        request_id = self._service.ids.uuid()
        path = raw_path.decode("ascii", "replace")
        self._service.record(
            Exchange(
                method,
                path,
                "",
                "",
                "",
                reply.status,
                0.0,
                request_id,
                (),
                reply.error,
                query=scope["query_string"],
                headers=scope["headers"],
                answer=reply.content,
                answer_headers=reply.headers,
            )
        )
        await send(head(reply, request_id, headers.get(b"origin")))
        body = b"" if method == "HEAD" else reply.content or b""
        await send({"type": "http.response.body", "body": body})


def _preflight(methods: tuple[str, ...]) -> Reply:
    allowed = ", ".join((*(methods or ("GET", "POST", "PATCH", "DELETE")), "OPTIONS")).encode()
    return Reply(
        204,
        None,
        (
            (b"allow", allowed),
            (b"access-control-allow-methods", allowed),
            (b"access-control-allow-headers", ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        ),
    )


def _wrong_method(method: str, methods: tuple[str, ...]) -> Reply:
    allowed = ", ".join(methods)
    return refusal(
        405,
        "MethodNotAllowedError",
        "Method Not Allowed",
        {"message": f"{method} is not one of this path's methods", "allowed": list(methods)},
        ((b"allow", allowed.encode()),),
    )


def _unknown_route(path: str, nearest: list[str]) -> Reply:
    shown = path.encode("utf-8", "replace").decode()[:200]
    detail: dict[str, Any] = {
        "message": f"Could not find route with path: '{shown}'",
        "not_found": {"entity": "route", "id": shown},
    }
    if nearest:
        detail["hint"] = f"did you mean {' or '.join(nearest)}?"
    return refusal(404, "EntityNotFoundError", "Unknown Route", detail)


def bind(
    contract: Contract,
    plans: Mapping[str, Plan],
    service: Service,
    routes: Routes[Plan],
    *,
    plans_first: bool = True,
) -> ASGIApp:
    """Return connexion's app with the contract bound to the plans, ready to answer.

    The routes that connexion resolves are added to `routes`.
    """
    planned = partial(Planned, service=service, routes=routes, plans_first=plans_first)
    stack: list[Any] = [planned]
    stack += [ExceptionMiddleware, RoutingMiddleware, LifespanMiddleware, ContextMiddleware]
    stack += [RoutedPlans]
    app = AsyncApp(
        "mockvault",
        middlewares=stack,
        resolver=PlanResolver(plans),
        swagger_ui_options=SwaggerUIOptions(swagger_ui=False),
    )
    stack_of = app.middleware
    # what AsyncApp.add_api does, without judging the document a second time (0.12 s of each start)
    specification = _Judged(_with_text_keys(contract.document))
    stack_of.apis.append(API(specification, base_path="", name=None, **vars(stack_of.options)))
    stack_of.app, stack_of.middleware_stack = stack_of._build_middleware_stack()  # noqa: SLF001
    return app  # type: ignore[no-any-return]
