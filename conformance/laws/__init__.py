"""Promises across several calls, each a function that could find them broken."""

from conformance.laws import (
    access,
    cascades,
    concurrency,
    connections,
    consumers,
    expiry,
    filters,
    isolation,
    limits,
    mappings,
    oauth,
    paging,
    records,
    resources,
    secrecy,
    sessions,
    validation,
)
from conformance.laws.registry import LAWS, Law

__all__ = [
    "LAWS",
    "Law",
    "access",
    "cascades",
    "concurrency",
    "connections",
    "consumers",
    "expiry",
    "filters",
    "isolation",
    "limits",
    "mappings",
    "oauth",
    "paging",
    "records",
    "resources",
    "secrecy",
    "sessions",
    "validation",
]
