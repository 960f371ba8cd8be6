"""Options of commands that print objects of Kubernetes."""

from typing import Annotated

import typer

from vault_exporter.cli.options import refuse
from vault_exporter.util.kubernetes import Metadata, MetadataError, metadata

__all__ = ["AnnotationOption", "LabelOption", "NameOption", "ObjectNamespaceOption", "wishes"]

NameOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of the object of Kubernetes; of dashboards, its beginning.")
]
ObjectNamespaceOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Namespace of the object of Kubernetes.")
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Label of the object, such as release=kube-prometheus-stack; repeatable."),
]
AnnotationOption = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="Annotation of the object; repeatable.")
]


def wishes(
    name: str | None,
    namespace: str | None,
    labels: list[str] | None,
    annotations: list[str] | None,
    *,
    allowed: bool,
) -> Metadata:
    """Collect the options, or print what is wrong with them and exit.

    Args:
        name: name of the object.
        namespace: its namespace.
        labels: its labels as KEY=VALUE.
        annotations: its annotations as KEY=VALUE.
        allowed: whether the chosen format is an object of Kubernetes.
    """
    if not allowed and (name or namespace or labels or annotations):
        refuse("--name, --namespace, --label and --annotation go with a --format that is an object of Kubernetes.")
    try:
        return metadata(name, namespace, labels or (), annotations or ())
    except MetadataError as error:
        refuse(str(error))
