"""What lives inside a program that was not written for poolmgr: how it gets in, and where it is.

    poolmgr/hook/site/            the folder that is put in front of PYTHONPATH; nothing else may lie in it
      sitecustomize.py            runs at the start of every interpreter; chains the one that it hides
      poolmgr_hook/               the hook: standard library only, Python 3.9 and newer, imports nothing of poolmgr

In the program the package is ``poolmgr_hook``, found by its folder: a poolmgr that the program itself has may be of
another version.  Here it is ``poolmgr.hook.site.poolmgr_hook``, the very same files, for whoever reads what it writes.

Runs in: whoever starts a program.  Never in the program itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

#: The folder that goes in front of PYTHONPATH.
SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")
#: Names the run's folder to the hook.  Without it the hook does nothing.
VARIABLE = "POOLMGR_RUN"
#: "poolmgr" has multiprocessing.Pool made by poolmgr's engine; all else, or nothing, leaves the program its own.
ENGINE_VARIABLE = "POOLMGR_RUN_ENGINE"
#: "0" leaves the program's locks untracked.
LOCKS_VARIABLE = "POOLMGR_RUN_LOCKS"


def environment(
    folder: str, base: Mapping[str, str] | None = None, *, engine: str = "stock", locks: bool = True
) -> dict[str, str]:
    """The environment of a program whose pools are to be seen.

    Args:
        folder: The run's folder, see ``poolmgr.runtime.run_folder``.
        base: What the program would have had; this process's own environment if None.
        engine: "stock" to watch the program's own pools, "poolmgr" to have them made by poolmgr's engine.
        locks: Whether its locks, queues, pipes and shared values are tracked.
    """
    found = dict(os.environ if base is None else base)
    # An empty entry would be the current folder, which a plain run does not have.
    found["PYTHONPATH"] = os.pathsep.join(filter(None, [SITE, found.get("PYTHONPATH", "")]))
    found[VARIABLE] = folder
    found[ENGINE_VARIABLE] = engine
    found[LOCKS_VARIABLE] = "1" if locks else "0"
    return found
