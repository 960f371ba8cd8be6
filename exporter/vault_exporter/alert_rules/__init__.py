"""The alert pack, as `vault-exporter rules` prints it: with changed parameters, filtered by configuration."""

from vault_exporter.alert_rules.forms import Form, render
from vault_exporter.alert_rules.needs import fed, needs, said
from vault_exporter.alert_rules.parameters import Overrides, apply, parameters
from vault_exporter.alert_rules.profiles import select
from vault_exporter.alert_rules.rules import Group, PackError, Rule, WrongValuesError, load
from vault_exporter.alert_rules.source import Parameter, Profile

__all__ = [
    "Form",
    "Group",
    "Overrides",
    "PackError",
    "Parameter",
    "Profile",
    "Rule",
    "WrongValuesError",
    "apply",
    "fed",
    "load",
    "needs",
    "parameters",
    "render",
    "said",
    "select",
]
