"""A runtime folder of its own for each test: pools of other programs are not its business.

The tests of the screen in a browser are collected where they can run: with the extra poolmgr[serve], which [dev] has,
and those in a real browser where there is one.
"""

import shutil
from importlib.util import find_spec

from tests.monitor.conftest import runtime_folder  # noqa: F401 - a fixture

_SERVES = find_spec("textual_serve") is not None

collect_ignore = [
    name
    for name, runs in (("test_serve.py", _SERVES), ("test_browser.py", _SERVES and shutil.which("chromium")))
    if not runs
]
