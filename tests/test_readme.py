"""No figure on the front page but from a committed row."""

import pytest

from benchmarks import readme

MADE_FROM = {
    "demo": lambda: [readme.demo(row) for row in readme.rows("demo")],
    "speed": lambda: [readme.speed([row]) for row in readme.rows("planar") if row["worlds"] == readme.WORLDS],
    "parity": lambda: [readme.parity(row) for row in readme.rows("planar_parity")],
}
"""By mark of the README, what each row of the results would say there. Newer rows than those quoted do no harm."""


@pytest.mark.parametrize("mark", MADE_FROM)
def test_every_line_comes_from_a_row(mark):
    (table,) = readme.marked(mark).findall(readme.README.read_text())
    lines = table.splitlines()
    assert lines
    assert set(lines) <= {line for text in MADE_FROM[mark]() for line in text.splitlines()}, (
        "figures that no row has: run python benchmarks/readme.py"
    )
