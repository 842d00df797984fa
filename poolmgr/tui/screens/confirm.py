"""Questions before something is destroyed. The harmless answer has the focus, so Enter takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

Answer = TypeVar("Answer")

#: What a question says; a callable says it anew with each picture, since numbers change while one thinks.
Text = str | Callable[[], str]


@dataclass(frozen=True, slots=True)
class Choice(Generic[Answer]):
    """One answer: its key, what the button says, and what it means."""

    key: str
    label: str
    answer: Answer
    #: ``default``, ``warning`` or ``error``, as Textual's buttons have it.
    variant: str = "default"


class QuestionScreen(ModalScreen[Answer]):
    """A question with a few answers; the first is the harmless one, and Esc gives it too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stay", "Back", id="dialog.back"),
        Binding("left,up", "app.focus_previous", show=False, id="dialog.previous"),
        Binding("right,down", "app.focus_next", show=False, id="dialog.next"),
    ]

    def __init__(self, title: str, text: Text, choices: Sequence[Choice[Answer]]) -> None:
        super().__init__()
        self._title, self._text, self._choices = title, text, tuple(choices)

    def compose(self) -> ComposeResult:
        """The title in the frame, the text, and one button for each answer."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            yield Static(id="question")
            with Horizontal(classes="buttons"):
                for place, choice in enumerate(self._choices):
                    # A button reads a plain string as markup.
                    yield Button(
                        Content(f"{choice.label} [{choice.key}]"),
                        id=f"choice-{place}",
                        variant=choice.variant,  # type: ignore[arg-type]
                        compact=True,
                    )

    def on_mount(self) -> None:
        """The harmless answer is the one that Enter takes; the text follows the pool."""
        self.query_one("#choice-0", Button).focus()
        self.watch(self.app, "snapshot", self._say)

    def _say(self) -> None:
        text = self._text if isinstance(self._text, str) else self._text()
        self.query_one("#question", Static).update(Content(text))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button was clicked, or Enter pressed on it."""
        self.dismiss(self._choices[int(str(event.button.id).removeprefix("choice-"))].answer)

    def on_key(self, event: events.Key) -> None:
        """Each answer has a key."""
        for choice in self._choices:
            if event.character == choice.key:
                event.stop()
                self.dismiss(choice.answer)
                return

    def action_stay(self) -> None:
        """The harmless answer."""
        self.dismiss(self._choices[0].answer)


class ConfirmScreen(QuestionScreen[bool]):
    """Yes or no, with no as the default."""

    def __init__(self, title: str, text: Text, *, yes: str, no: str) -> None:
        super().__init__(title, text, (Choice("n", no, False), Choice("y", yes, True, "error")))
