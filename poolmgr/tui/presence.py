"""Whether a screen or widget may still be written to, asked by whoever comes back to it with an answer.

Textual removes the children of a screen before the screen itself, and the app goes on with its messages meanwhile: a
screen that is attached may have nothing left to write the answer into.
"""

from __future__ import annotations

from textual.widget import Widget


def is_there(widget: Widget) -> bool:
    """Whether it is in the app, and is not being removed."""
    # Textual says of nothing that goes that it is displayed.
    return widget.is_attached and widget.display
