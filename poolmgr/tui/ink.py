"""Styles of component classes for widgets that draw line by line. In the app's thread.

Textual gives either a style with the widget's background in it, which paints over a cursor, or one in which muted
colours are not muted. Here the colour is mixed with what is behind it, and the background is only there if the
component has one of its own.
"""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


def ink(widget: Widget, component: str) -> Style:
    """What a component class adds to the widget's own style."""
    styles = widget.get_component_styles(component)
    whole = widget.get_component_rich_style(component)
    coloured = styles.has_rule("color") or styles.has_rule("auto_color")
    papered = styles.has_rule("background")
    style = Style(color=whole.color if coloured else None, bgcolor=whole.bgcolor if papered else None)
    return style + styles.text_style
