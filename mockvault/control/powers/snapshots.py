"""The powers over worlds: named snapshots, saved, restored, carried away and brought back."""

from dataclasses import replace
from typing import Any

from mockvault.control.power import NAME, Asked, BodyRefused, Power
from mockvault.control.workbench import Workbench, World
from mockvault.delivery.outbox import Subscription, subscription_json
from mockvault.delivery.transport import refusal_of
from mockvault.domain.clock import iso_time
from mockvault.domain.errors import EntityNotFound
from mockvault.store.portable import Unportable, world_json
from mockvault.worlds import read_world


def list_snapshots(asked: Asked) -> Any:
    """List the snapshots of an application."""
    return {
        "snapshots": [
            {"name": name, "taken_at": iso_time(world.taken_at)}
            for name, world in asked.workbench.snapshots.items()
        ]
    }


def save(asked: Asked) -> Any:
    """Keep the world as it is now, under a name; one of that name is replaced."""
    return _saved(asked.workbench, _name(asked))


def restore(asked: Asked) -> None:
    """Make the world what it was when the snapshot was taken."""
    workbench, name = asked.workbench, asked.path["name"]
    workbench.restore(_snapshot(workbench, name))
    workbench.did("snapshot", restored=name)


def remove(asked: Asked) -> None:
    """Forget a snapshot."""
    _snapshot(asked.workbench, asked.path["name"])
    del asked.workbench.snapshots[asked.path["name"]]


def export(asked: Asked) -> Any:
    """Answer a snapshot as JSON that `--scenario` and an import take."""
    return exported(asked.workbench, _snapshot(asked.workbench, asked.path["name"]))


def export_now(asked: Asked) -> Any:
    """Answer the world as it is now, as JSON that `--scenario` and an import take."""
    return exported(asked.workbench, asked.workbench.snapshot())


def import_(asked: Asked) -> Any:
    """Take an exported world in as a snapshot."""
    workbench, body, name = asked.workbench, asked.body, _name(asked)
    try:
        world = read_world(body, workbench.vault.surroundings.catalogue)
    except Unportable as reason:
        raise BodyRefused(reason.problems[0][0], reason.problems[0][1]) from None
    now = workbench.snapshot()
    workbench.snapshots[name] = replace(
        now,
        taken_at=now.taken_at if world.clock.frozen_at is None else world.clock.frozen_at,
        store=world.store,
        ids=world.ids,
        clock=world.clock,
        timers=(0, ()),
        outbox=replace(
            now.outbox,
            sequence=0,
            numbers=0,
            deliveries={},
            events=(),
            held={},
            subscriptions={**now.outbox.subscriptions, **_subscriptions(workbench, body)},
        ),
    )
    return {"name": name}


def save_all(asked: Asked) -> Any:
    """Keep the world of every application under one name."""
    name = _name(asked)
    for workbench in asked.mock.workbenches:
        _saved(workbench, name)
    return {"name": name, "applications": len(asked.mock.applications)}


def restore_all(asked: Asked) -> None:
    """Restore the snapshot of that name in every application that has it."""
    name = asked.path["name"]
    having = [each for each in asked.mock.workbenches if name in each.snapshots]
    if not having:
        raise EntityNotFound("snapshot", name)
    for workbench in having:
        workbench.restore(workbench.snapshots[name])
        workbench.did("snapshot", restored=name)


def remove_all(asked: Asked) -> None:
    """Forget the snapshot of that name in every application."""
    name = asked.path["name"]
    having = [each for each in asked.mock.workbenches if name in each.snapshots]
    if not having:
        raise EntityNotFound("snapshot", name)
    for workbench in having:
        del workbench.snapshots[name]


def exported(workbench: Workbench, world: World) -> dict[str, Any]:
    """Return a world as JSON that can be carried away; what is on its way stays behind."""
    return {
        **world_json(world.store),
        "application_id": workbench.vault.application.id,
        "taken_at": iso_time(world.taken_at),
        "ids": world.ids,
        "clock": {"frozen_at_ms": world.clock.frozen_at, "offset_ms": world.clock.offset},
        "webhooks": [
            {
                key: value
                for key, value in subscription_json(each).items()
                if key in ("delivery_url", "events", "description", "signature")
            }
            for each in world.outbox.subscriptions.values()
            if each.source == "control"
        ],
    }


def _subscriptions(workbench: Workbench, body: dict[str, Any]) -> dict[str, Subscription]:
    found = {}
    for place, said in enumerate(body.get("webhooks", ())):
        if not isinstance(said, dict) or refusal_of(str(said.get("delivery_url"))) is not None:
            raise BodyRefused(f"/webhooks/{place}/delivery_url", "an http or https URL")
        now = workbench.vault.now()
        subscription = Subscription(
            f"imported-{place + 1}",
            said["delivery_url"],
            tuple(said.get("events", ("*",))),
            now,
            now,
            description=said.get("description", ""),
            signature=said.get("signature", "hex"),
        )
        found[subscription.id] = subscription
    return found


def _saved(workbench: Workbench, name: str) -> Any:
    world = workbench.snapshot()
    workbench.snapshots[name] = world
    workbench.did("snapshot", saved=name)
    return {"name": name, "taken_at": iso_time(world.taken_at)}


def _snapshot(workbench: Workbench, name: str) -> World:
    found = workbench.snapshots.get(name)
    if found is None:
        raise EntityNotFound("snapshot", name)
    return found


def _name(asked: Asked) -> str:
    from re import fullmatch  # noqa: PLC0415

    name = asked.path["name"]
    if not fullmatch(NAME["pattern"], name):
        raise BodyRefused(
            "/name", "1 to 100 letters, digits, dots, dashes or underscores", name[:80], "path"
        )
    return name


_ONE = "/_mock/apps/{app}/snapshots/{name}"
_ALL = "/_mock/snapshots/{name}"
POWERS = (
    Power(
        "GET",
        "/_mock/apps/{app}/snapshots",
        "snapshotsList",
        "List the snapshots",
        list_snapshots,
        "Worlds",
    ),
    Power("PUT", _ONE, "snapshotsSave", "Keep the world as it is now", save, "Worlds", 201),
    Power(
        "POST",
        f"{_ONE}/restore",
        "snapshotsRestore",
        "Make the world what it was then",
        restore,
        "Worlds",
        204,
    ),
    Power("GET", _ONE, "snapshotsExport", "Carry a snapshot away as JSON", export, "Worlds"),
    Power(
        "POST",
        f"{_ONE}/import",
        "snapshotsImport",
        "Take an exported world in as a snapshot",
        import_,
        "Worlds",
        201,
        takes={"type": "object"},
        needs_body=True,
    ),
    Power("DELETE", _ONE, "snapshotsRemove", "Forget a snapshot", remove, "Worlds", 204),
    Power(
        "GET",
        "/_mock/apps/{app}/world",
        "worldExport",
        "Carry the world away as it is now, as JSON",
        export_now,
        "Worlds",
    ),
    Power(
        "PUT",
        _ALL,
        "snapshotsSaveAll",
        "Keep the world of every application",
        save_all,
        "Worlds",
        201,
    ),
    Power(
        "POST",
        f"{_ALL}/restore",
        "snapshotsRestoreAll",
        "Restore a snapshot in every application that has it",
        restore_all,
        "Worlds",
        204,
    ),
    Power("DELETE", _ALL, "snapshotsRemoveAll", "Forget it everywhere", remove_all, "Worlds", 204),
)
