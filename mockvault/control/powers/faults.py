"""The powers over what goes wrong: faults, the request limit, and what answers are preferred."""

from http import HTTPStatus
from typing import Any

from mockvault.control.examples import Examples
from mockvault.control.faults import PRESETS, TRANSPORT, rule_json
from mockvault.control.power import (
    COUNT,
    DURATION,
    TEXT,
    Asked,
    BodyRefused,
    Power,
    an_object,
)
from mockvault.control.preferences import Preference, preference_json
from mockvault.control.workbench import ANY
from mockvault.domain.errors import EntityNotFound

_ONE_OR_MORE = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 50}]}
_MILLISECONDS = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 60_000}, DURATION]}
_MATCH = an_object(
    operation_id={**_ONE_OR_MORE, "description": "One or more; * stands for any text."},
    consumer=TEXT,
    service={**TEXT, "description": "As salesforce, crm+salesforce or crm/salesforce."},
    nth={"anyOf": [COUNT, {"type": "array", "items": COUNT, "minItems": 1, "maxItems": 100}]},
    every=COUNT,
    probability={"type": "number", "minimum": 0, "maximum": 1},
    seed={"type": "integer"},
)
_STATUSES = [int(each) for each in HTTPStatus if each >= 400]
_EFFECT = {
    **an_object(
        status={"enum": _STATUSES},
        retry_after={"type": "integer", "minimum": 0, "maximum": 86_400},
        detail=TEXT,
        latency={
            "anyOf": [
                _MILLISECONDS,
                an_object(("fixed",), fixed=_MILLISECONDS),
                an_object(
                    ("lognormal",),
                    lognormal=an_object(
                        ("median", "sigma"),
                        median=_MILLISECONDS,
                        sigma={"type": "number", "minimum": 0, "maximum": 5},
                    ),
                ),
            ]
        },
        drip={
            "anyOf": [
                {"const": True},
                an_object(
                    over=_MILLISECONDS, pieces={"type": "integer", "minimum": 1, "maximum": 1_000}
                ),
            ]
        },
        empty={"const": True},
        reset={"const": True},
        truncate={"const": True},
        malformed_json={"const": True},
        contract_violation={"const": True},
        executed={
            "type": "boolean",
            "description": "Whether the vault does what was asked before the answer is lost.",
        },
    ),
    "minProperties": 1,
}
_BOUNDS = {"times": COUNT, "ttl": DURATION}
_HARMS = ("status", *TRANSPORT)


def list_faults(asked: Asked) -> Any:
    """List the rules, in the order in which they are asked, and the presets."""
    return {
        "faults": [rule_json(rule) for rule in asked.workbench.faults.rules.values()],
        "presets": {name: list(rules) for name, rules in PRESETS.items()},
    }


def add_faults(asked: Asked) -> Any:
    """Make a rule, or those of a preset."""
    workbench, body = asked.workbench, asked.body
    bounds = {key: body[key] for key in _BOUNDS if key in body}
    try:
        if "preset" in body:
            rules = workbench.faults.apply(body["preset"], **bounds)
        else:
            _check(body["effect"])
            rules = [workbench.faults.add(body)]
    except ValueError as reason:
        raise BodyRefused("", str(reason)) from None
    workbench.did("fault", **body)
    return {"faults": [rule_json(rule) for rule in rules]}


def clear_faults(asked: Asked) -> None:
    """Forget every rule and the limit."""
    asked.workbench.faults.clear()
    asked.workbench.did("fault", cleared=True)


def remove_fault(asked: Asked) -> None:
    """Forget one rule."""
    asked.workbench.faults.remove(asked.path["id"])


def show_limit(asked: Asked) -> Any:
    """Tell the request limit and how much of it is used."""
    faults = asked.workbench.faults
    return {"limit": faults.limit, "requests": faults.calls}


def set_limit(asked: Asked) -> Any:
    """Refuse every request with 402 after so many more."""
    asked.workbench.faults.set_limit(asked.body["limit"])
    return show_limit(asked)


def drop_limit(asked: Asked) -> None:
    """Take the limit away."""
    asked.workbench.faults.set_limit(None)


def list_preferences(asked: Asked) -> Any:
    """List what sticks to which operation; `*` is every operation."""
    return {
        "preferences": {
            operation: preference_json(each)
            for operation, each in asked.workbench.preferences.items()
        }
    }


def prefer(asked: Asked) -> Any:
    """Have answers be as preferred until it is taken back, whatever headers a client sends."""
    body = dict(asked.body)
    operation_id = body.pop("operation_id", ANY)
    if not body:
        raise BodyRefused("", "one of code, example, delay")
    examples: Examples = asked.mock.tools["examples"]
    if operation_id != ANY:
        known = examples.of(operation_id)
        if not known:
            raise EntityNotFound("operation", operation_id)
        preference = Preference(**body)
        if (
            preference.forces
            and examples.find(operation_id, preference.code, preference.example) is None
        ):
            told = ", ".join(f"{each.name} ({each.status})" for each in known)
            raise BodyRefused("/example" if "example" in body else "/code", f"one of {told}")
    asked.workbench.prefer(operation_id, Preference(**body))
    return list_preferences(asked)


def forget_preferences(asked: Asked) -> None:
    """Let answers be what the vault says."""
    for operation_id in tuple(asked.workbench.preferences):
        asked.workbench.prefer(operation_id, None)


def list_examples(asked: Asked) -> Any:
    """List the named examples of an operation."""
    examples: Examples = asked.mock.tools["examples"]
    known = examples.of(asked.path["operation_id"])
    if not known:
        raise EntityNotFound("operation", asked.path["operation_id"])
    return {
        "examples": [
            {
                "name": each.name,
                "status": each.status,
                "summary": each.summary,
                "value": each.value,
                "headers": each.headers,
            }
            for each in known
        ]
    }


def _check(effect: dict[str, Any]) -> None:
    harms = [name for name in _HARMS if name in effect]
    if len(harms) > 1:
        raise BodyRefused("/effect", f"one of {', '.join(_HARMS)}, not {' and '.join(harms)}")
    if not harms and "latency" not in effect:
        raise BodyRefused("/effect", f"one of latency, {', '.join(_HARMS)}")


_FAULTS = "/_mock/apps/{app}/faults"
_LIMIT = "/_mock/apps/{app}/limit"
_PREFER = "/_mock/apps/{app}/prefer"
POWERS = (
    Power("GET", _FAULTS, "faultsList", "List the rules and the presets", list_faults, "Faults"),
    Power(
        "POST",
        _FAULTS,
        "faultsAdd",
        "Make a rule, or those of a preset",
        add_faults,
        "Faults",
        201,
        takes={
            "anyOf": [
                an_object(("effect",), match=_MATCH, effect=_EFFECT, **_BOUNDS),
                an_object(("preset",), preset={"enum": list(PRESETS)}, **_BOUNDS),
            ]
        },
        needs_body=True,
    ),
    Power("DELETE", _FAULTS, "faultsClear", "Forget every rule", clear_faults, "Faults", 204),
    Power(
        "DELETE",
        f"{_FAULTS}/{{id}}",
        "faultsRemove",
        "Forget one rule",
        remove_fault,
        "Faults",
        204,
    ),
    Power("GET", _LIMIT, "limitShow", "Tell the request limit", show_limit, "Faults"),
    Power(
        "PUT",
        _LIMIT,
        "limitSet",
        "Refuse requests with 402 after so many more",
        set_limit,
        "Faults",
        takes=an_object(("limit",), limit={"type": "integer", "minimum": 0}),
        needs_body=True,
    ),
    Power("DELETE", _LIMIT, "limitDrop", "Take the limit away", drop_limit, "Faults", 204),
    Power("GET", _PREFER, "preferShow", "List what is preferred", list_preferences, "Prefer"),
    Power(
        "PUT",
        _PREFER,
        "preferSet",
        "Have answers be as preferred, whatever a client sends",
        prefer,
        "Prefer",
        takes=an_object(
            operation_id=TEXT,
            code={"type": "integer", "minimum": 100, "maximum": 599},
            example=TEXT,
            delay={"type": "integer", "minimum": 0, "maximum": 60_000},
        ),
        needs_body=True,
    ),
    Power("DELETE", _PREFER, "preferForget", "Prefer nothing", forget_preferences, "Prefer", 204),
    Power(
        "GET",
        "/_mock/examples/{operation_id}",
        "examplesList",
        "List the named examples of an operation",
        list_examples,
        "Prefer",
    ),
)
