"""Who asks: the consumer for whom, and by which address the mock was reached."""

from typing import NamedTuple


class Caller(NamedTuple):
    """The consumer of the call, if it has one, and the base of the URLs in its answer."""

    consumer_id: str | None
    base_url: str

    @property
    def consumer(self) -> str:
        """The consumer's id, where the operation requires one."""
        assert self.consumer_id is not None
        return self.consumer_id
