"""What every story starts from."""

from collections.abc import AsyncIterator

import pytest

from tests.features.mesh import Mesh, documents, running


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    """An empty control plane, up and listening."""
    async with running() as made:
        yield made


@pytest.fixture
async def store(mesh: Mesh) -> Mesh:
    """A control plane with the shop in it."""
    await mesh.put(*documents())
    return mesh
