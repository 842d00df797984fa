"""A runtime folder of its own for each test: pools of other programs are not its business."""

from tests.monitor.conftest import runtime_folder  # noqa: F401 - a fixture
