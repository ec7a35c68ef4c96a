"""Named ways to run: which phases, how much, and what a run may do to its target."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "in-process"})


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    help: str
    phases: tuple[str, ...]
    seconds: float
    max_requests: int
    histories: int = 0
    history_length: int = 0
    generated: int = 0
    may_write: bool = True
    rate: float = 0.0
    patience: float = 0.0
    rounds: bool = False
    generic: int = 0
    linked: int = 0


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("smoke", "the laws, deterministic, in seconds", ("laws",), 15.0, 7_000),
        Profile(
            "quick",
            "for CI: the laws from two sides, the contract case by case, short histories",
            ("laws", "examples", "coverage", "stateful", "robustness", "webhooks", "turned"),
            60.0,
            40_000,
            histories=40,
            history_length=12,
            generic=20,
        ),
        Profile(
            "thorough",
            "everything, in round after round with other seeds, as long as the budget lasts",
            (
                *("laws", "examples", "coverage", "stateful", "robustness", "webhooks", "turned"),
                *("fuzzing", "links"),
            ),
            600.0,
            400_000,
            histories=400,
            history_length=25,
            generated=60,
            generic=1_000,
            linked=60,
            rounds=True,
        ),
        Profile(
            "live",
            "for staging: reads only, slowly, unless writes are allowed",
            ("laws", "coverage"),
            1_800.0,
            8_000,
            may_write=False,
            rate=5.0,
            patience=5.0,
        ),
    )
}


def is_loopback(base_url: str) -> bool:
    """Whether a deployment is on this machine, where a run disturbs nobody."""
    return (urlsplit(base_url).hostname or "") in LOOPBACK


def chosen(name: str | None, base_url: str, *, allow_writes: bool) -> Profile:
    """Return the profile by name; `live` by default for any address that is not loopback."""
    profile = PROFILES[name or ("quick" if is_loopback(base_url) else "live")]
    if profile.name == "live" and allow_writes:
        return replace(profile, may_write=True)
    return profile


def considerate(profile: Profile, base_url: str) -> Profile:
    """Return the profile as `live` would have it where the deployment is not on this machine."""
    if is_loopback(base_url):
        return profile
    live = PROFILES["live"]
    return replace(profile, name="live", rate=live.rate, patience=live.patience)
