"""What a planted bug is: a switch with a name, the area it belongs to, and one sentence."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    name: str
    area: str
    sentence: str


def area_of(area: str, **sentences: str) -> list[Bug]:
    """Return the bugs of an area, by name and sentence."""
    return [Bug(name, area, sentence) for name, sentence in sentences.items()]
