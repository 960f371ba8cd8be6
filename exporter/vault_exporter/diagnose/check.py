"""Describe the results of ``check --online``. What is the same for several nodes is said once."""

from collections.abc import Iterable, Iterator, Sequence

from vault_exporter.diagnose.online import Finding, TargetDiagnosis
from vault_exporter.scrape.collector_run import Skipped
from vault_exporter.scrape.node_state import Mode
from vault_exporter.util.printable import printable

__all__ = ["describe_targets"]

_STATES = {
    Mode.SEALED: "sealed; what only an unsealed node answers was not checked: unseal it and check again",
    Mode.UNINITIALIZED: "not initialized; what only an unsealed node answers was not checked",
}
_ANSWERS = "answers"
_NOT_ASKED = {Skipped.SCOPE, Skipped.STATE}


def describe_targets(targets: Sequence[TargetDiagnosis]) -> Iterator[str]:
    """Yield a line for each node, then the result of each part of the exporter, over all nodes that answer."""
    for one in targets:
        where = f"{one.settings.name} ({one.settings.address})"
        down = one.down
        if down is not None:
            yield f"{where}: down, {down.problem} ({down.remedy})"
        else:
            yield f"{where}: {_STATES.get(one.scrape.state.mode, _ANSWERS)}"
    up = [one for one in targets if not one.down]
    for name in dict.fromkeys(finding.name for one in up for finding in one.findings):
        yield from _part(name, up)
    for text, names in _grouped((_identity(one), one.settings.name) for one in up if one.entity_id or one.display_name):
        yield f"  {_on(names, len(up))}{text}"


def _part(name: str, targets: Sequence[TargetDiagnosis]) -> Iterator[str]:
    """Yield the lines of one part. Nodes that were not asked count only if no node was."""
    found = [(finding, one.settings.name) for one in targets for finding in one.findings if finding.name == name]
    asked = [(finding, target) for finding, target in found if finding.problem or finding.skipped not in _NOT_ASKED]
    groups = list(_grouped((_text(finding), target) for finding, target in asked or found))
    for text, names in groups:
        everywhere = len(groups) == 1 and (len(names) == len(targets) or not any(one.problem for one, _ in asked))
        where = "" if everywhere else f" ({', '.join(names)})"
        first, _, rest = text.partition("\n")
        more = f"\n    {' ' * 18}{rest}" if rest else ""
        yield f"  {name:18}  {first}{where}{more}"


def _text(finding: Finding) -> str:
    text = finding.problem or finding.skipped or "works"
    return f"{text}\n{finding.remedy}" if finding.remedy else text


def _identity(target: TargetDiagnosis) -> str:
    """Say which entries of Vault's audit log are the exporter's own, and how to leave them out."""
    entity_id, display_name = map(printable, (target.entity_id, target.display_name))
    name = f"display_name {display_name or '(none)'}"
    if entity_id:
        return (
            f"In Vault's audit log, the exporter's requests have entity_id {entity_id} and {name}. "
            "audit.exclude.own: true leaves them out of the audit metrics."
        )
    return (
        f"In Vault's audit log, the exporter's requests have no entity_id, and {name}. audit.exclude.display_names "
        "leaves out every client with that name. With a login, such as AppRole, audit.exclude.own leaves out only the "
        "exporter."
    )


def _grouped(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, list[str]]]:
    """Group the names of targets by what is said of them."""
    groups: dict[str, list[str]] = {}
    for text, name in pairs:
        groups.setdefault(text, []).append(name)
    return groups.items()


def _on(names: Sequence[str], number: int) -> str:
    return "" if len(names) == number else f"{', '.join(names)}: "
