"""No figure on the front page but from a committed row."""

from benchmarks import readme


def test_the_tables_are_those_of_the_newest_results():
    text = readme.README.read_text()
    assert readme.filled(text) == text


def test_the_floors_of_the_first_release_are_met():
    speed = readme.newest("planar", size="m", worlds=128)
    assert speed["ratio"] >= 1
    assert speed["compile_s"]["ours"] <= speed["compile_s"]["peer"]
    demo = readme.newest("demo")
    assert demo["trained"]["learned_level"]["mean"] >= 0.9
    assert demo["random"]["learned_level"]["mean"] < 0.1
    assert demo["seconds"] <= 360
    measured = [row for what in ("planar", "demo", "planar_parity") for row in readme.rows(what)]
    assert not any(row["commit"].endswith("+dirty") for row in measured)
