"""What a state keeps in mind of the server that it belongs to."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.observer.scene import PLACE, Scene


def test_the_same_tree_at_another_address(scene: Scene) -> None:
    """A server that moved is no stop; from then on it is known, and told, at its new address."""
    arrival = scene.arrival()
    assert arrival.server is not None
    arrival.server = replace(arrival.server, url="https://new.example")
    before = scene.state.binding()
    assert before is not None
    arrival.arrive(PLACE)
    assert scene.state.binding() == replace(before, server_url="https://new.example")
