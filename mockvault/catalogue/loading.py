"""The directory of fixtures read: connectors made of its files, or everything that is wrong."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from mockvault.catalogue import shapes
from mockvault.catalogue.broken import BrokenFixture, BrokenFixtures
from mockvault.catalogue.lookup import Catalogue
from mockvault.catalogue.making import (
    UsualResources,
    complaints,
    complaints_of,
    connectors_of,
)
from mockvault.catalogue.reading import Complaint, Problem, Unreadable, judged
from mockvault.domain.connectors import Connector

# libyaml's parser reads the catalogue about ten times as fast as the one written in Python
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_catalogue(directory: Path) -> Catalogue:
    """Read `resources/*.yml` and `connectors/*.yml` of a directory of fixtures.

    Raises `BrokenFixtures` with all that is wrong in all the files.
    """
    reading = _Reading(directory)
    usual = dict(reading.files("resources", _usual_resources))
    # without the usual resources nothing can be said of those that connectors name
    read = partial(_connectors, usual=None if reading.broken else usual)
    connectors = [one for _, made in reading.files("connectors", read) for one in made]
    if reading.broken:
        raise BrokenFixtures(reading.broken)
    return Catalogue.of(connectors)


@dataclass
class _Reading:
    directory: Path
    broken: list[BrokenFixture] = field(default_factory=list)

    def files(
        self, folder: str, read: Callable[[yaml.Node, str], Any]
    ) -> Iterator[tuple[str, Any]]:
        """Yield each file's stem and what was read of it; keep what is wrong with the others."""
        files = sorted((self.directory / folder).glob("*.yml"))
        if not files:
            self.broken.append(BrokenFixture(self._label(folder), 1, "holds no *.yml files"))
        for file in files:
            try:
                yield file.stem, read(composed(file), file.stem)
            except Unreadable as unreadable:
                label = self._label(f"{folder}/{file.name}")
                self.broken.extend(
                    BrokenFixture(label, problem.line, str(problem))
                    for problem in sorted(unreadable.problems, key=lambda problem: problem.line)
                )

    def _label(self, path: str) -> str:
        return f"{self.directory.name}/{path}".removeprefix("/")


def composed(file: Path) -> yaml.Node:
    """Return the YAML of a file as nodes; raise `Unreadable` where it is none."""
    try:
        node = yaml.compose(file.read_bytes(), Loader=LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        line = mark.line + 1 if mark else 1
        raise Unreadable([Problem(line, (), f"is not YAML: {reason}")]) from None
    if node is None:
        raise Unreadable([Problem(1, (), "is empty")])
    return node


def _usual_resources(node: yaml.Node, stem: str) -> Any:
    if stem not in shapes.UNIFIED_APIS:
        raise Unreadable([Problem(1, (), f"is named '{stem}', which is not a unified API")])
    return shapes.usual_resources(node)


def _connectors(
    node: yaml.Node, stem: str, *, usual: UsualResources | None
) -> tuple[Connector, ...]:
    said = judged(shapes.connector_file(node), node, [partial(_misnamed, stem=stem)])
    if usual is None:
        return ()
    judged(said, node, [partial(complaints, usual=usual)])
    made = connectors_of(said, usual)
    judged(made, node, [partial(complaints_of, said=said)])
    return made


def _misnamed(said: Mapping[str, Any], stem: str) -> Iterator[Complaint]:
    if said["service_id"] != stem:
        yield ("service_id",), f"'{said['service_id']}' is not the file's name, '{stem}'"
