"""CPython's pool tests on poolmgr.Pool with the start method fork."""

import pytest

from tests.stdlib.support import install

# CPython's tests warn on purpose here and there, and are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

install(globals(), "fork")
