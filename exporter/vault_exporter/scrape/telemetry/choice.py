"""Which families of a telemetry page are passed on."""

import fnmatch
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

from vault_exporter.scrape.telemetry.family import NativeFamily, Verdict
from vault_exporter.scrape.telemetry.naming import USUAL, Naming
from vault_exporter.scrape.telemetry.page import openmetrics_claims

__all__ = ["FamilyChoice"]


class FamilyChoice:
    """Passes a family on if no filter names it and nothing else on the page has its sample names."""

    reserved: frozenset[bytes]
    """Names of the exporter's own families, and of their samples in both text formats."""

    def __init__(self, drop: Iterable[str], replaced: frozenset[str]) -> None:
        """Create the choice for one target.

        Args:
            drop: patterns of the names to filter, as in ``fnmatch``.
            replaced: names of the exporter's own families. Vault's families of these names are dropped.
        """
        self._filter = re.compile("|".join(map(fnmatch.translate, drop)) or r"(?!)")
        self.reserved = _claimed(replaced)

    def choose(self, families: list[NativeFamily], naming: Naming) -> list[NativeFamily]:
        """Decide which families are passed on. The exporter's own names come first, then the first claim of a name.

        Returns:
            the families whose decision changed.
        """
        taken: set[bytes] = set()
        claims: list[bytes] = [*self.reserved]
        changed = []
        for family in families:
            verdict = self._verdict(family, taken, naming)
            if not verdict:
                taken |= family.title.claims
                claims += family.title.openmetrics_claims
            if verdict != family.verdict:
                family.verdict = verdict
                changed.append(family)
        claimed = Counter(claims)
        for family in families:
            family.fit_openmetrics(all(claimed[name] == 1 for name in family.title.openmetrics_claims))
        return changed

    def is_filtered(self, name: bytes) -> bool:
        """Return whether a filter names this family."""
        return self._filter.match(name.decode()) is not None

    def _verdict(self, family: NativeFamily, taken: set[bytes], naming: Naming) -> Verdict:
        if self.is_filtered(family.name) or (naming != USUAL and self.is_filtered(family.title.canonical)):
            return "filtered"
        if family.name in self.reserved or not self.reserved.isdisjoint(family.title.claims):
            return "replaced"
        if taken.isdisjoint(family.title.claims):
            return ""
        return "replaced" if family.title.renamed else "invalid"


@cache
def _claimed(replaced: frozenset[str]) -> frozenset[bytes]:
    """Return the names that the exporter's own families reserve. They are the same for every target."""
    claimed = (
        openmetrics_claims(name.encode(), b"counter" if name.endswith("_total") else b"gauge") for name in replaced
    )
    return frozenset().union(*claimed)
