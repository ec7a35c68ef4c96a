"""What a run can find broken, by id: laws, checks, and the promises of the other phases."""

from dataclasses import dataclass

from conformance.checks import CHECKS
from conformance.laws import LAWS
from conformance.phases import histories, robustness, sent


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise that a phase judges which has no laws."""

    id: str
    area: str
    promise: str
    phase: str
    source: str


_OF_REQUESTS = "parameters, requestBody and responses of each operation (contract)"
FURTHER = {
    promise.id: promise
    for promise in (
        *(
            Promise(name, area, sent.PROMISES[name], phase, _OF_REQUESTS)
            for name, area, phase in (
                (sent.ILLEGAL, "validation", "examples, coverage, fuzzing, links"),
                (sent.LEGAL, "validation", "examples, coverage, fuzzing, links"),
                (sent.SECOND, "envelope", "coverage"),
                (sent.GENERIC, "envelope", "examples, coverage, fuzzing, links"),
            )
        ),
        Promise(
            histories.LAW,
            "state",
            histories.PROMISE,
            "stateful",
            "guide: connection states; the reference model (documented)",
        ),
        Promise(robustness.LAW, "limits", robustness.PROMISE, "robustness", "RFC 9112"),
        Promise(
            robustness.LATE,
            "limits",
            robustness.IN_TIME,
            "laws, examples, coverage, stateful, robustness, webhooks, turned, fuzzing, links",
            robustness.ANSWERS,
        ),
    )
}


def known() -> frozenset[str]:
    """Return every id that a failure may have."""
    return frozenset({*LAWS, *CHECKS, *FURTHER})
