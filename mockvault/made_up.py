"""People and companies that do not exist, from Faker's names: the same for the same chance.

Faker takes a tenth of a second to import, for a few lists of names: they are kept from one start to
the next.
"""

from typing import Any, NamedTuple

from mockvault.cache import Cache, key_of
from mockvault.chance import Chance

DOMAINS = ("example.com", "example.net", "example.org")


class Names(NamedTuple):
    """Of what people and companies are called."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    suffixes: tuple[str, ...]


def names_of_faker(cache: Cache) -> Names:
    """Return Faker's American names, from the cache where they are there."""
    key = key_of(packages=("faker",), modules=("made_up.py",))
    kept = cache.get("names", key)
    if isinstance(kept, list) and len(kept) == len(Names._fields) and all(kept):
        return Names(*(tuple(map(str, each)) for each in kept))
    from faker.providers.company import Provider as Companies  # noqa: PLC0415  slow to import
    from faker.providers.person.en_US import Provider as People  # noqa: PLC0415  as above

    found = Names(
        tuple(People.first_names), tuple(People.last_names), tuple(Companies.company_suffixes)
    )
    cache.put("names", key, [list(each) for each in found])
    return found


def person(names: Names, chance: Chance) -> dict[str, Any]:
    """Return a consumer's metadata (contract: #/components/schemas/ConsumerMetadata)."""
    first, last = chance.pick(names.first), chance.pick(names.last)
    return {
        "account_name": _company(names, chance),
        "user_name": f"{first} {last}",
        "email": f"{first}.{last}@{chance.pick(DOMAINS)}".lower().replace(" ", ""),
        "image": f"https://avatars.example.com/{chance.bits(32)}.png",
    }


def _company(names: Names, chance: Chance) -> str:
    form, last = chance.below(3), chance.pick(names.last)
    if form == 0:
        return f"{last} {chance.pick(names.suffixes)}"
    if form == 1:
        return f"{last}-{chance.pick(names.last)}"
    return f"{last}, {chance.pick(names.last)} and {chance.pick(names.last)}"
