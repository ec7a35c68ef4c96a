"""The stages of a run: each judges cases of one kind and tells what it judged."""

from conformance.phases import cases, generic, histories, laws, robustness, turned, webhooks
from conformance.phases.registry import PHASES, Context, Phase

__all__ = [
    "PHASES",
    "Context",
    "Phase",
    "cases",
    "generic",
    "histories",
    "laws",
    "robustness",
    "turned",
    "webhooks",
]
