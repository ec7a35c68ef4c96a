"""Takes away what a run made, by its ledger, and reads back whether it is gone."""

from collections.abc import Sequence

from conformance.target import BudgetSpent, GuardRefused, Principal, Target, TargetUnreachable


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
    for _ in range(2):  # the first call after an interruption may fail with what was interrupted
        for who in [p for p in people if p not in deleted]:
            try:
                deleted[who] = target.call("consumersDelete", who).answer.is_good
            except (TargetUnreachable, GuardRefused, BudgetSpent):
                continue
    for who, is_deleted in deleted.items():  # after all of them: where reads lag, one wait will do
        try:
            after = target.call("consumersOne", who).answer
        except (TargetUnreachable, GuardRefused, BudgetSpent):
            continue
        if after.is_refusal and after.status not in {401, 429}:
            found["residue"] -= 1
            found["deleted" if is_deleted else "absent"] += 1
    return found
