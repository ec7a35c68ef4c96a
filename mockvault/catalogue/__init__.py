"""The connector catalogue: what can be connected, read from the fixtures and proved valid."""

from mockvault.catalogue.broken import BrokenFixture, BrokenFixtures
from mockvault.catalogue.loading import load_catalogue
from mockvault.catalogue.lookup import Catalogue

__all__ = ["BrokenFixture", "BrokenFixtures", "Catalogue", "load_catalogue"]
