"""Lets poolmgr's hook into every interpreter of a program that was started with ``poolmgr run``.

Thread: the main one, while the interpreter starts.  Also runs on Pythons that the hook does not know, as old as 2.7, so
there is no new syntax here; on those it only runs the sitecustomize that it hides.
"""

import os
import sys


def _start():
    if sys.version_info < (3, 9) or not os.environ.get("POOLMGR_RUN"):
        return
    try:
        import poolmgr_hook

        poolmgr_hook.start()
    except Exception:  # the hook is a guest: whatever happens to it, the program starts as it would without
        pass


def _chain():
    """Run the sitecustomize that the program would have had, with the errors that it would have had."""
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [path for path in sys.path if os.path.abspath(path or os.curdir) != here]
    if sys.version_info < (3, 5):
        import imp

        try:
            found = imp.find_module("sitecustomize", rest)
        except ImportError:
            return
        imp.load_module("sitecustomize", *found)
        return
    # The import system's own modules, which every interpreter has loaded: importlib.util would take a while.
    import _frozen_importlib
    import _frozen_importlib_external

    spec = _frozen_importlib_external.PathFinder.find_spec("sitecustomize", rest)
    if spec is None or spec.loader is None:
        return
    module = _frozen_importlib.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_start()
_chain()
