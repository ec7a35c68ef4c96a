"""People and companies that do not exist, from Faker: the same for the same seed."""

from functools import cache

from faker import Faker


@cache
def _faker() -> Faker:
    return Faker("en_US", use_weighting=False)


def person(seed: int) -> dict[str, str]:
    """Return a consumer's metadata (contract: #/components/schemas/ConsumerMetadata)."""
    faker = _faker()
    faker.seed_instance(seed)
    first, last, company = faker.first_name(), faker.last_name(), faker.company()
    return {
        "account_name": company,
        "user_name": f"{first} {last}",
        "email": f"{first}.{last}@{faker.safe_domain_name()}".lower().replace(" ", ""),
        "image": f"https://avatars.example.com/{seed}.png",
    }
