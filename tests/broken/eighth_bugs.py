"""An eighth catalogue of planted bugs: reads that are answered from a cache."""

from tests.broken.catalogue import Bug, area_of

EIGHTH: dict[str, Bug] = {
    bug.name: bug
    for bug in area_of(
        "state",
        reads_cached="What was read is shown as it was for two seconds.",
        consumer_cached="A consumer that was read is shown as it was for two seconds.",
        connection_cached="A connection that was read is shown as it was for two seconds.",
        lists_cached="A list that was read is shown as it was for two seconds.",
    )
}
