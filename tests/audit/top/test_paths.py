"""Path templates: what they fit, what they make of it, and that they make no more than they may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_exporter.audit.top.paths import Match, PathTemplates, TemplateError, check

SERVICE = "its-camera-ai/data/{service}/*"


@pytest.mark.parametrize(
    ("template", "path", "made"),
    [
        (SERVICE, "its-camera-ai/data/api/jwt", "its-camera-ai/data/api/*"),
        (SERVICE, "its-camera-ai/data/api/jwt/deep/er", "its-camera-ai/data/api/*"),
        (SERVICE, "its-camera-ai/data/api", None),
        (SERVICE, "its-camera-ai/data//jwt", None),
        (SERVICE, "its-camera-ai/data/api/", None),
        (SERVICE, "its-camera-ai/metadata/api/jwt", None),
        ("a/*/{b}", "a/x/y", "a/*/y"),
        ("a/*/{b}", "a/x/y/z", None),
        ("a/*/{b}", "a/x/{b}", "a/*/{b}"),
        ("a/b", "a/b", "a/b"),
        ("a/b", "a/b/", None),
        ("a.c/+d", "a.c/+d", "a.c/+d"),
        ("a.c/+d", "abc/d", None),
        ("a/{b}", "a/new\nline", "a/new\nline"),
    ],
)
def test_a_template(template: str, path: str, made: str | None) -> None:
    templates = PathTemplates([template], max_values=10)
    expected = None if made is None else Match(template, made)
    assert templates.match(path) == expected
    assert templates.match(path) == expected


def test_the_first_that_fits() -> None:
    templates = PathTemplates(["a/b/*", "a/{b}/*"], max_values=10)
    assert templates.match("a/b/c") == Match("a/b/*", "a/b/*")
    assert templates.match("a/c/c") == Match("a/{b}/*", "a/c/*")


@given(st.lists(st.integers(0, 60), max_size=200))
def test_no_more_than_the_bound(values: list[int]) -> None:
    templates = PathTemplates(["a/{b}"], max_values=5)
    made = [templates.match(f"a/{value}") for value in values]
    first = list(dict.fromkeys(values))[:5]
    assert made == [Match("a/{b}", f"a/{value}" if value in first else "other") for value in values]


def test_a_long_value_is_other() -> None:
    assert PathTemplates(["a/{b}"], max_values=5).match("a/" + "b" * 300) == Match("a/{b}", "other")


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("/a/b", "starts with /; paths of the audit log do not"),
        ("other", "has no /; begin with a mount, like secret/data/{app}"),
        ("a/b*", "b* is no segment; write {name} or * for a whole one, between slashes"),
        ("a/x{b}", "x{b} is no segment; write {name} or * for a whole one, between slashes"),
        ("a/{B}", "{B} is no segment; write {name} or * for a whole one, between slashes"),
        ("a/{b}/{b}", "has a {name} twice; give each its own"),
        ("*/*", "fits nearly every path; begin with a mount, like secret/data/*"),
    ],
)
def test_what_is_no_template(template: str, error: str) -> None:
    with pytest.raises(TemplateError) as caught:
        check(template)
    assert str(caught.value) == error
