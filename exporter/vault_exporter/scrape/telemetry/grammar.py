"""The regular form of a page, which Vault writes and :mod:`.normalise` produces.

A regular page is a sequence of blocks, one per family, each with at least one sample and no other line::

    # HELP <name> <help>
    # TYPE <name> <counter|gauge|summary|histogram|untyped>
    <series> <number>

A series is ``name`` or ``name{label="value",...}``, without extra spaces or commas, and without a timestamp.
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import math
import re
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = [
    "GROWING",
    "HEAD",
    "LABEL_NAME",
    "LABEL_VALUE",
    "NAME",
    "NUMBER",
    "SUFFIXES",
    "USUAL_SUMMARY",
    "Labels",
    "Series",
    "identified",
    "match_usual_summary",
    "match_value",
    "number",
    "parse_series",
    "split_at_values",
]

GROWING: Final = frozenset({b"counter", b"summary", b"histogram"})
"""Types whose series restart."""

NAME: Final = rb"[a-zA-Z_:][a-zA-Z0-9_:]*+"
LABEL_NAME: Final = rb"(?!__)[a-zA-Z_][a-zA-Z0-9_]*+"
LABEL_VALUE: Final = rb'"[^"\\\n]*+(?:\\[\\"n][^"\\\n]*+)*+"'

# Bounded, because Prometheus refuses a whole page if one number overflows a float64.
NUMBER: Final = re.compile(
    rb"[-+]?(?:\d{1,22}(?:\.\d{1,40})?|\d(?:\.\d{1,40})?e(?:-\d{2,3}|\+(?:[0-2]?\d\d|30[0-7]))"
    rb"|1\.7976931348623157e\+308)|NaN|[-+]Inf"
)
# Nearly all numbers are of the first two forms, which are found much faster than by NUMBER.
_VALUE: Final = rb" (?:\d{1,22}+\.\d{1,40}+|\d{1,22}+|" + NUMBER.pattern + rb")"
VALUE: Final = re.compile(rb"(" + _VALUE + rb")$", re.MULTILINE)
"""A sample's value with the space before it, at the end of a line. Blocks of samples are split at it."""
match_value: Final = re.compile(_VALUE).fullmatch
"""Match a value with the space before it. Faster than splitting for families with one sample."""

USUAL_SUMMARY: Final = (b'{quantile="0.5"}', b'{quantile="0.9"}', b'{quantile="0.99"}', b"_sum", b"_count")
"""What the series of nearly all of Vault's summaries have after the family's name."""
match_usual_summary: Final = re.compile(
    rb"([^{]{1,512}+)"
    + rb"\n\1".join(
        re.escape(end) + (rb"(" + _VALUE + rb")" if end.startswith(b"_") else _VALUE) for end in USUAL_SUMMARY
    )
).fullmatch
"""Match the samples of such a summary: its name, sum and count. Twice as fast as splitting."""

HEAD: Final = re.compile(
    rb"(?P<name>" + NAME + rb") (?P<help>[^\n]*+)\n# TYPE (?P=name) (?P<kind>counter|gauge|summary|histogram|untyped)\n"
)
"""A block's first two lines, starting at the family's name."""

SUFFIXES: Final = {
    b"counter": (b"",),
    b"gauge": (b"",),
    b"untyped": (b"",),
    b"summary": (b"", b"_sum", b"_count"),
    b"histogram": (b"_bucket", b"_sum", b"_count"),
}
"""Suffixes of sample names by the type of the family."""

_LABEL = re.compile(rb"(" + LABEL_NAME + rb")=(" + LABEL_VALUE + rb")")
_PAIR = LABEL_NAME + rb"=" + LABEL_VALUE
_SERIES = re.compile(rb"(" + NAME + rb")(?:\{(" + _PAIR + rb"(?:," + _PAIR + rb")*+)\})?")

_EXACT_INTEGERS = 2**53
_PIECE_BYTES = 64 << 10
_LONGEST_CACHED: Final = 256
"""Bytes of a series' labels."""


Labels = tuple[tuple[bytes, bytes], ...]
"""Names, and values as written, including quotes."""


class Series(NamedTuple):
    """One time series."""

    name: bytes
    labels: Labels
    identity: Labels
    """The labels that identify a series of this name: sorted, without empty ones."""

    def label(self, name: bytes) -> bytes | None:
        """Return a label's value without quotes, with escapes unchanged; None if it is absent."""
        return next((value[1:-1] for key, value in self.labels if key == name), None)

    def identity_without(self, name: bytes) -> Labels:
        """Return the labels that identify the series apart from one label."""
        return tuple(pair for pair in self.identity if pair[0] != name)


def parse_series(text: bytes) -> Series | None:
    """Parse a series in the regular form; None if it is not regular."""
    match = _SERIES.fullmatch(text)
    if match is None:
        return None
    name, inside = match.groups()
    if inside is None:
        return Series(name, (), ())
    # Most series of a page have labels that others have, too.
    read = _read_short_labels if len(inside) <= _LONGEST_CACHED else _read_labels
    labels = read(inside)
    return Series(name, *labels) if labels is not None else None


def identified(labels: Labels) -> tuple[Labels, Labels] | None:
    """Return the labels, and those that identify a series; None if a label is repeated."""
    if len(dict(labels)) != len(labels):
        return None
    return labels, tuple(sorted(pair for pair in labels if pair[1] != b'""'))


def _read_labels(text: bytes) -> tuple[Labels, Labels] | None:
    return identified(tuple(_LABEL.findall(text)))


_read_short_labels = lru_cache(maxsize=4096)(_read_labels)


def split_at_values(block: bytes) -> list[bytes]:
    """Split samples at their values; return keys and values in alternation.

    A large block is split in pieces, because a regular expression search does not release the interpreter.
    """
    if len(block) <= _PIECE_BYTES:
        return VALUE.split(block)
    parts, start = [b""], 0
    while start < len(block):
        end = block.find(b"\n", start + _PIECE_BYTES)
        end = len(block) if end < 0 else end
        first, *others = VALUE.split(block[start:end])
        parts[-1] += first
        parts += others
        start = end
    return parts


def number(value: float) -> bytes:
    """Format a value with the fewest digits that parse to the same float64."""
    if math.isfinite(value):
        return b"%d" % value if value.is_integer() and abs(value) < _EXACT_INTEGERS else repr(value).encode()
    if math.isnan(value):
        return b"NaN"
    return b"+Inf" if value > 0 else b"-Inf"
