"""The screens: they see the model and the PoolControl Protocol, never an engine.

Textual reads its settings from the environment when it is first imported, so the one that we set is set here.
"""

from __future__ import annotations

import os

#: Redraws a second at the most. More burns CPU that the pool's workers could have, less shows in scrolling.
FRAMES = "20"


def _import_textual() -> None:
    if "TEXTUAL_FPS" in os.environ:
        return
    os.environ["TEXTUAL_FPS"] = FRAMES
    try:
        import textual.constants  # noqa: F401 - imported for its effect: it reads the setting now
    finally:
        # Not ours to hand down: a worker may run a Textual app of its own.
        del os.environ["TEXTUAL_FPS"]


_import_textual()
