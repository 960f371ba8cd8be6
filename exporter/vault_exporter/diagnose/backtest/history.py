"""Read the history of series in Prometheus: range queries in chunks, a bounded number at once."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Final, Generic, Literal, TypeVar

import msgspec
import yaml

from vault_exporter.diagnose.backtest.rules import seconds
from vault_exporter.diagnose.doctor.read.api import Api, ApiError
from vault_exporter.util.terminal import visible
from vault_exporter.util.yaml_loader import load_simple

__all__ = ["Chunk", "FailedEvaluation", "History", "Series", "Server"]

T = TypeVar("T")

_CHUNK: Final = 2000
"""Evaluations a query. Prometheus gives at most 11,000 points a series."""
_SMALLEST_CHUNK: Final = 100
"""Evaluations a query, after queries that took too long."""
_AT_ONCE: Final = 2
"""Queries at once, of the twenty that Prometheus runs for everybody."""
_TOO_MUCH: Final = frozenset({0, 413, 422, 502, 503, 504})
"""Statuses of a query that takes too many samples or too long: it is asked in halves.

422 is also an evaluation that failed.
"""
_TOO_LONG: Final = frozenset({0, 503, 504})
"""Those of them after which the later queries are shorter, too."""
_MOST_LOST: Final = 4
"""Times the patience with one request, that failed requests of a backtest may take together."""
_FAILURES: Final = 100
"""Failed queries for an alert, after which it is given up."""
_FAILED: Final = 422
_DEFAULT_INTERVAL: Final = 60.0
_SHORTEST: Final = 0.001
_LONGEST: Final = 1e9
"""Limits of an interval between evaluations, in seconds."""
_LONGEST_KIND: Final = 20
_PHASE_STEP: Final = "5m"
_MOMENTS: Final = 1000
_SELECTORS: Final = 30
"""Selectors a query. Proxies often refuse addresses of more than 8 KiB."""
_SECOND: Final = 1000
_NEVER: Final = 1
"""The year of the time that stands for none."""


class FailedEvaluation(Exception):  # noqa: N818 - it says what happened
    """An expression cannot be evaluated on this history."""


class Series(msgspec.Struct, frozen=True):
    """The values of one series by time."""

    metric: dict[str, str]
    values: list[tuple[float, str]]


class Chunk(msgspec.Struct, frozen=True):
    """The results of consecutive evaluations."""

    times: range
    """Milliseconds."""
    series: tuple[Series, ...]
    failed: bool = False
    """Whether the expression, on this data, is an error: a rule keeps its states then."""


class Server(msgspec.Struct, frozen=True):
    """What the server says about itself."""

    interval: float
    """Seconds between evaluations, where a group does not say."""
    external: Mapping[str, str]
    intervals: Mapping[str, float]
    """By group that is loaded."""
    evaluated: Mapping[str, int]
    """When a loaded group began its last evaluation, some milliseconds after the time that it evaluates at."""


class _Answer(msgspec.Struct, Generic[T], frozen=True):
    status: Literal["success"]
    data: T


class _Matrix(msgspec.Struct, frozen=True, rename={"kind": "resultType"}):
    kind: str
    result: msgspec.Raw


class _Yaml(msgspec.Struct, frozen=True):
    yaml: str


class _Group(msgspec.Struct, frozen=True, rename={"evaluated": "lastEvaluation"}):
    name: str
    interval: float = 0
    evaluated: dt.datetime | None = None


class _Groups(msgspec.Struct, frozen=True):
    groups: tuple[_Group, ...] = ()


class _Sample(msgspec.Struct, frozen=True):
    value: tuple[float, str]


class History:
    """The series of one server."""

    def __init__(self, api: Api, progress: Callable[[int], None], patience: float) -> None:
        """Read from a server.

        Args:
            api: the server.
            progress: called with the number of evaluations after each answer.
            patience: seconds for each request.
        """
        self._api: Final = api
        self._progress: Final = progress
        self._free: Final = asyncio.Semaphore(_AT_ONCE)
        self._chunk = _CHUNK
        self._most_lost: Final = _MOST_LOST * patience
        self._lost = 0.0
        """Seconds that failed requests took."""
        self._gone: ApiError | None = None
        """Why nothing is asked any more."""

    async def server(self) -> Server:
        """Read intervals and external labels; Mimir and others that do not say them have the defaults.

        Raises:
            ApiError: the server does not answer, or refuses.
        """
        await self._get("/api/v1/query", _Answer[_Matrix], {"query": "vector(1)"})
        interval, external = _DEFAULT_INTERVAL, {}
        try:
            read = load_simple((await self._get("/api/v1/status/config", _Answer[_Yaml])).data.yaml)
            settings = (read or {}).get("global") or {}
            interval = seconds(settings.get("evaluation_interval", "1m")) or _DEFAULT_INTERVAL
            external = {str(key): str(value) for key, value in (settings.get("external_labels") or {}).items()}
        except (ApiError, ValueError, yaml.YAMLError, AttributeError):
            pass
        try:
            loaded = (await self._get("/api/v1/rules", _Answer[_Groups])).data.groups
        except ApiError:
            loaded = ()
        return Server(
            interval,
            external,
            {group.name: group.interval for group in loaded if _SHORTEST <= group.interval <= _LONGEST},
            {
                group.name: round(group.evaluated.timestamp() * 1000)
                for group in loaded
                if group.evaluated and group.evaluated.year > _NEVER
            },
        )

    async def phase(self, selectors: Iterable[str], interval: int, start: int, end: int) -> int | None:
        """Return when in its interval a group was evaluated, in milliseconds, from a sample that it left.

        Args:
            selectors: of such samples, in the order in which they are looked for.
            interval: milliseconds.
            start: of the history.
            end: of the history.
        """
        windows = [f"{max(1, (end - start) // 1000)}s:{_PHASE_STEP}"]
        if interval < _DEFAULT_INTERVAL * 1000:
            windows.insert(0, "10m:1s")
        query = " or ".join(
            f"max(max_over_time(timestamp({selector})[{window}]))" for window in windows for selector in selectors
        )
        try:
            async with self._free:
                found = await self._get(
                    "/api/v1/query", _Answer[_Matrix], {"query": query, "time": f"{end / 1000:.3f}"}
                )
            samples = msgspec.json.decode(found.data.result, type=tuple[_Sample, ...])
            return round(float(samples[0].value[1]) * 1000) % interval if samples else None
        except (ApiError, msgspec.DecodeError, OverflowError, ValueError):
            return None

    async def first(self, selectors: Iterable[str], start: int, end: int) -> int | None:
        """Return when the first sample of series was taken, to the second; None if there is none.

        It looks at a thousand moments, and then between two of them. So a history that ends before it goes on may
        begin later than its first sample.

        Args:
            selectors: of the series.
            start: milliseconds, of the time that is searched.
            end: of this time.

        Raises:
            ApiError: the server does not answer, or refuses.
        """
        selectors = tuple(selectors)
        queries = [
            " or ".join(f"count({selector})" for selector in selectors[at : at + _SELECTORS])
            for at in range(0, len(selectors), _SELECTORS)
        ]
        found = await asyncio.gather(*(self._first(query, start, end) for query in queries))
        return min((one for one in found if one is not None), default=None)

    async def _first(self, query: str, start: int, end: int) -> int | None:
        step = (end - start) // _MOMENTS
        while True:
            step = max(_SECOND, step)
            # The last moment is the end, so a history that has just begun is found.
            async with self._free:
                chunk = await self._range(query, range(end - (end - start) // step * step, end + 1, step))
            times = [min(max(start, round(moment * 1000)), end) for one in chunk.series for moment, _ in one.values]
            if not times:
                return None
            if step == _SECOND:
                return min(times)
            start, end, step = max(start, min(times) - step), min(times), step // _MOMENTS

    async def has(self, selector: str, start: int, end: int) -> bool:
        """Return whether a series was there at any time.

        Raises:
            ApiError: the server refuses.
        """
        parameters = {"match[]": selector, "start": f"{start / 1000:.3f}", "end": f"{end / 1000:.3f}"}
        async with self._free:
            answer = await self._get("/api/v1/label/__name__/values", _Answer[tuple[str, ...] | None], parameters)
        return bool(answer.data)

    async def evaluated(self, expr: str, times: range) -> AsyncIterator[Chunk]:
        """Yield the results of an expression, in the order of time.

        Raises:
            FailedEvaluation: the expression is wrong, or fails nearly always.
            ApiError: the server is gone.
        """
        failures = 0
        waiting = [times] if times else []
        while waiting:
            try:
                async with self._free:
                    asked = waiting.pop()
                    # Only now: a query that ended meanwhile may have taken too long, and made the chunks smaller.
                    if len(asked) > self._chunk:
                        waiting.append(asked[self._chunk :])
                        asked = asked[: self._chunk]
                    found = await self._range(expr, asked)
            except ApiError as error:
                if error.gone:
                    raise
                failures += 1
                if error.status not in _TOO_MUCH or failures > _FAILURES:
                    raise FailedEvaluation(error.said) from None
                if len(asked) > 1:
                    half = len(asked) // 2
                    if error.status in _TOO_LONG:
                        self._chunk = min(self._chunk, max(half, _SMALLEST_CHUNK))
                    waiting += [asked[half:], asked[:half]]
                    continue
                if error.status != _FAILED:
                    raise FailedEvaluation(error.said) from None
                found = Chunk(asked, (), failed=True)
            self._progress(len(asked))
            yield found

    async def _get(self, path: str, kind: type[T], parameters: Mapping[str, str] | None = None) -> T:
        """Read an answer, unless too much time was lost with requests that failed.

        Raises:
            ApiError: the server does not answer, or refuses.
        """
        if self._gone is not None:
            raise self._gone
        began = time.monotonic()
        try:
            return await self._api.get(path, kind, parameters)
        except ApiError as error:
            self._lost += time.monotonic() - began
            if self._lost < self._most_lost or error.gone:
                raise
            self._gone = ApiError(
                f"{error}; {self._lost:.0f} s went to requests without an answer, so nothing more was asked",
                "look at the load of Prometheus, evaluate less with --days or --profile, or raise --timeout",
                gone=True,
            )
            raise self._gone from None

    async def _range(self, expr: str, times: range) -> Chunk:
        parameters = {
            "query": expr,
            "start": f"{times[0] / 1000:.3f}",
            "end": f"{times[-1] / 1000:.3f}",
            "step": f"{times.step / 1000:.3f}",
        }
        answer = await self._get("/api/v1/query_range", _Answer[_Matrix], parameters)
        problem = f"a result of the type {visible(answer.data.kind[:_LONGEST_KIND])}"
        if answer.data.kind == "matrix":
            try:
                series = msgspec.json.decode(answer.data.result, type=tuple[Series, ...])
            except msgspec.DecodeError:
                problem = "a result of an unexpected form"
            else:
                margin = times.step + _SECOND  # VictoriaMetrics may move times by less than a step
                first, last = (times[0] - margin) / 1000, (times[-1] + margin) / 1000
                if all(first < moment < last for one in series for moment, _ in one.values):
                    return Chunk(times, series)
                problem = "values of a time that was not asked for"
        remedy = "give the address of Prometheus' API, not that of another server"
        raise ApiError(f"{self._api.name}: /api/v1/query_range: {problem}", remedy, gone=True)
