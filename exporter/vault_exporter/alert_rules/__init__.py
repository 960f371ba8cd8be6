"""The alert pack, as `vault-exporter rules` prints it: with other thresholds, for what the configuration feeds."""

from vault_exporter.alert_rules.forms import Form, render
from vault_exporter.alert_rules.needs import fed, needs, said
from vault_exporter.alert_rules.parameters import Overrides, Parameter, apply, parameters
from vault_exporter.alert_rules.rules import Group, PackError, Rule, load

__all__ = [
    "Form",
    "Group",
    "Overrides",
    "PackError",
    "Parameter",
    "Rule",
    "apply",
    "fed",
    "load",
    "needs",
    "parameters",
    "render",
    "said",
]
