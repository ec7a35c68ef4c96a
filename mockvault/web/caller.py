"""Who asks: the consumer for whom, and by which address the mock was reached."""


class Caller:
    """The consumer of the call, if it has one, and the base of the URLs in its answer.

    `consumer` is the consumer's id where the operation requires one, and empty elsewhere.
    """

    __slots__ = ("base_url", "consumer", "consumer_id")

    def __init__(self, consumer_id: str | None, base_url: str) -> None:
        self.consumer_id = consumer_id
        self.consumer = consumer_id or ""
        self.base_url = base_url
