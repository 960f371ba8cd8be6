"""The process of each node, and its machine."""

from typing import Final

from dashboards import native, style
from dashboards.layout import Section
from dashboards.panels import Panel, time_series
from dashboards.queries import PER_NODE, Query, by, by_node, mean_seconds, rate, ratio, select
from dashboards.sections.traffic import in_flight
from vault_exporter.metrics import catalogue as c

__all__ = ["MEMORY_LIMIT", "in_short", "machine", "runtime"]

MEMORY_LIMIT: Final = 1 << 30
"""Bytes; the threshold of the alert VaultHighMemoryUsage."""


def in_short() -> list[Panel]:
    """Return what the overview shows of the nodes' processes."""
    return [_memory(), _processor(), _files(), in_flight()]


def runtime() -> Section:
    """Return memory, goroutines, garbage collection, processor, files."""
    goroutines = time_series(
        "Goroutines",
        "Goroutines of the Vault process. Steady growth: requests or lease work that hang.",
        "short",
        Query(by_node(select(native.RUNTIME_NUM_GOROUTINES), "max"), PER_NODE),
    )
    collection = time_series(
        "Time in garbage collection",
        "Share of the time that the Vault process is paused for garbage collection.",
        "percentunit",
        Query(by_node(rate(native.VAULT_GC_DURATION_SUM)), PER_NODE),
    )
    return Section("Runtime", [(9, [_memory(), goroutines, collection]), (9, [_processor(), _files(), in_flight()])])


def machine() -> Section:
    """Return what the nodes' machines have left."""
    return Section("Machine", [(9, [_resident(), _available(), _disks()]), (9, [_objects(), _token_check()])])


def _memory() -> Panel:
    return time_series(
        "Memory",
        "Bytes allocated on the heap of the Vault process. Red: the limit of the alert VaultHighMemoryUsage.",
        "bytes",
        Query(by_node(select(native.RUNTIME_ALLOC_BYTES), "max"), PER_NODE),
        limit=MEMORY_LIMIT,
    )


def _files() -> Panel:
    return time_series(
        "Open files",
        "File descriptors in use, connections among them, as a share of what the process may have. At 1 nobody can "
        "connect.",
        "percentunit",
        Query(
            ratio(
                by_node(select(native.VAULT_PROCESS_OPEN_FDS), "max"),
                by_node(select(native.VAULT_PROCESS_MAX_FDS), "max"),
            ),
            PER_NODE,
        ),
    )


def _processor() -> Panel:
    return time_series(
        "Processor",
        "Processors that the Vault process keeps busy.",
        "short",
        Query(by_node(rate(native.VAULT_PROCESS_CPU)), PER_NODE),
    )


def _resident() -> Panel:
    return time_series(
        "Memory of the process",
        "What the Vault process takes of the machine's memory (resident), and what its runtime has from the system.",
        "bytes",
        Query(by_node(select(native.VAULT_PROCESS_MEMORY), "max"), f"{PER_NODE} resident"),
        Query(by_node(select(native.RUNTIME_SYS_BYTES), "max"), f"{PER_NODE} runtime"),
    )


def _available() -> Panel:
    return time_series(
        "Memory of the machine",
        "What programs of the node's machine can still have, and all it has. Vault locks its memory, so it is killed "
        "rather than swapped.",
        "bytes",
        Query(by_node(select(c.HOST_MEMORY_AVAILABLE), "min"), f"{PER_NODE} available"),
        Query(by_node(select(c.HOST_MEMORY_TOTAL), "max"), f"{PER_NODE} total"),
        overrides=[style.painted("total$", style.NEUTRAL)],
    )


def _disks() -> Panel:
    return time_series(
        "Disks filled",
        "Used share of each file system of the node's machine. A full disk under the audit log stops Vault.",
        "percentunit",
        Query(
            "1 - "
            + ratio(
                by("cluster, instance, mountpoint", select(c.HOST_DISK_FREE), "min"),
                by("cluster, instance, mountpoint", select(c.HOST_DISK_TOTAL), "max"),
            ),
            f"{PER_NODE} {{{{mountpoint}}}}",
        ),
    )


def _objects() -> Panel:
    return time_series(
        "Heap objects",
        "Objects on the heap of the Vault process.",
        "short",
        Query(by_node(select(native.RUNTIME_HEAP_OBJECTS), "max"), PER_NODE),
    )


def _token_check() -> Panel:
    return time_series(
        "Mean token check",
        "How long the node took to look up a token and its policies, on average: part of every request.",
        "s",
        Query(mean_seconds(native.CORE_CHECK_TOKEN), PER_NODE),
    )
