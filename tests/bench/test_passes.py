from bench.passes import passes


def test_a_small_mesh_is_measured() -> None:
    """The figures are not judged here; that the sessions settle is asserted on the way."""
    result = passes(clients=12, services=8, repeats=2)
    counts = {figure.name: len(figure.samples.values) for figure in result.figures}
    assert counts["cold start of a client"] == 2
    assert counts["weight change: converge"] == 2
    assert counts["endpoint change: send and ACK, each seat"] == 2
    assert all(value >= 0 for figure in result.figures for value in figure.samples.values)
