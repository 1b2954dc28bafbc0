from dataclasses import dataclass

import pytest
from gambol.configs.typed import from_mapping, to_mapping


def test_nested_tuples_and_optional_settings():
    @dataclass(frozen=True)
    class Inner:
        pair: tuple[int, ...] = ()
        maybe: float | None = None

    @dataclass(frozen=True)
    class Outer:
        inner: Inner = Inner()
        many: tuple[Inner, ...] = ()

    data = {"inner": {"maybe": 2}, "many": [{"pair": [1, 2]}, {"maybe": None}]}
    built = from_mapping(Outer, data)
    assert built == Outer(Inner((), 2.0), (Inner((1, 2)), Inner()))
    assert from_mapping(Outer, to_mapping(built)) == built
    with pytest.raises(ValueError, match=r"many\[1\].pair\[0\] is 'x': expected a whole number"):
        from_mapping(Outer, {"many": [{}, {"pair": ["x"]}]})


def test_names_with_values_and_fields_that_must_be_there():
    @dataclass(frozen=True)
    class Range:
        low: float
        high: float

    @dataclass(frozen=True)
    class Limits:
        ranges: dict[str, Range]

    data = {"ranges": {"forward": {"low": -1, "high": 1}}}
    built = from_mapping(Limits, data)
    assert built == Limits({"forward": Range(-1.0, 1.0)})
    assert from_mapping(Limits, to_mapping(built)) == built
    with pytest.raises(ValueError, match=r"ranges.forward.high is missing"):
        from_mapping(Limits, {"ranges": {"forward": {"low": -1}}})
    with pytest.raises(ValueError, match="ranges is 3: expected names with their values"):
        from_mapping(Limits, {"ranges": 3})
