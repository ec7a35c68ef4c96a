"""Takes away what a run made, by its ledger, and reads back whether it is gone."""

from collections.abc import Sequence

from conformance.failures import Answer
from conformance.target import (
    BudgetSpent,
    GuardRefused,
    Overdue,
    Principal,
    Target,
    TargetUnreachable,
)

# So many calls may wait in vain for their answers before nothing more is asked.
MOST_OVERDUE = 4
# Seconds in all that reads may show what was deleted: `cleanup` has not measured how they lag.
PATIENCE, STEP = 4.0, 0.5


def clean(
    target: Target, made: Sequence[tuple[str, str]], found: dict[str, int] | None = None
) -> dict[str, int]:
    """Delete consumers and read them back; count those created, deleted, absent and left.

    A consumer is left until a read has not found it, so the count is right after an interruption
    too: it is kept in `found` from the first consumer on.
    """
    found = {} if found is None else found
    found.update(created=len(made), deleted=0, absent=0, residue=len(made))
    application_by_id = {a.id: a for a in target.applications}
    people = [Principal(application_by_id[a], c) for a, c in made if a in application_by_id]
    deleted: dict[Principal, bool] = {}
    ask = _Asking(target)
    for _ in range(2):  # the first call after an interruption may fail with what was interrupted
        for who in [p for p in people if p not in deleted]:
            if answer := ask("consumersDelete", who):
                deleted[who] = answer.is_good
    left = PATIENCE
    for who, is_deleted in deleted.items():  # after all of them: where reads lag, one wait will do
        after = ask("consumersOne", who)
        while after and after.is_good and left > 0:
            target.clock.sleep(STEP)
            left -= STEP
            after = ask("consumersOne", who)
        if after and after.is_refusal and after.status not in {401, 429}:
            found["residue"] -= 1
            found["deleted" if is_deleted else "absent"] += 1
    return found


class _Asking:
    """Calls that may go wrong, until too many have waited in vain."""

    def __init__(self, target: Target) -> None:
        self._target, self._overdue = target, 0

    def __call__(self, operation_id: str, who: Principal) -> Answer | None:
        if self._overdue >= MOST_OVERDUE:
            return None
        try:
            return self._target.call(operation_id, who).answer
        except (TargetUnreachable, GuardRefused, BudgetSpent) as why:
            self._overdue += isinstance(why, Overdue)
            return None
