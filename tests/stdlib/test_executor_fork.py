"""CPython's executor tests on poolmgr.PoolExecutor with the start method fork."""

import pytest

from tests.stdlib.executor_support import install

# CPython's tests warn on purpose here and there, and are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

install(globals(), "fork")
