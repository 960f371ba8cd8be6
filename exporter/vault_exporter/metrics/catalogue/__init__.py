"""Every metric family the exporter publishes, declared once.

A name stands here, in the module of its area, and nowhere else: collectors, the audit reader, rules, panels and
``docs/metrics.md`` take it from this package or are checked against it. A published name, type or label is for ever;
choose it with that in mind.

Conventions: base units with a true suffix; timestamps, not ages; 0 and 1 for booleans. ``source`` is the endpoint of
Vault (see https://openbao.org/api-docs/ and https://developer.hashicorp.com/vault/api-docs) or the part of the
exporter that a value comes from. Where Vault did not say, there is no sample, except for the families whose help says
"always present".
"""

from typing import Final

from vault_exporter.metrics.catalogue.node import *  # isort: skip
from vault_exporter.metrics.catalogue.machine import *  # isort: skip
from vault_exporter.metrics.catalogue.cluster import *  # isort: skip
from vault_exporter.metrics.catalogue.inventory import *  # isort: skip
from vault_exporter.metrics.catalogue.watched import *  # isort: skip
from vault_exporter.metrics.catalogue.telemetry import *  # isort: skip
from vault_exporter.metrics.catalogue.scrape import *  # isort: skip
from vault_exporter.metrics.catalogue.login import *  # isort: skip
from vault_exporter.metrics.catalogue.audit import *  # isort: skip
from vault_exporter.metrics.catalogue.exporter import *  # isort: skip
from vault_exporter.metrics.family import Family

FAMILIES: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Family))
"""Every family, in the order of the imports above and of declaration."""

NAMES: Final = frozenset(family.name for family in FAMILIES)
"""Every family's name."""

SERIES: Final = frozenset(name for family in FAMILIES for name in family.series)
"""The name of every series, as expressions have it: a histogram's end in ``_bucket``, ``_count`` and ``_sum``."""
