"""The history in the board: whoever comes when, and however often, ends up with the picture that the owner has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.buckets import FINE, WIDTHS, History
from poolmgr.model.delta import pack, unpack
from poolmgr.model.recording import Recording
from poolmgr.monitor import past as past_module
from poolmgr.monitor.past import Past

QUARTER = WIDTHS[FINE]


@given(st.lists(st.sampled_from(["work", "send", "restart", "early", "late"]), max_size=60))
def test_every_viewer_has_the_owners_picture(acts: list[str]) -> None:
    """Viewers that ask at any time, seldom or with each piece, see what was sent last, across boards."""
    recording, now, past, sent = Recording(0, 0.0), 0, Past(), 0
    picture = recording.picture(now)
    viewers = {"early": History(), "late": History()}
    most = past_module.MOST_PIECES
    # Few, so that a run puts them together now and then.
    past_module.MOST_PIECES = 3
    try:
        for act in acts:
            now += QUARTER // 2
            if act == "work":
                recording.slot(0).run(recording.function("work"), now - QUARTER // 4, now, done=1)
            elif act == "send":
                picture = recording.picture(now)
                past.add(pack(picture, sent))
                sent = picture.until
            elif act == "restart":
                past, sent, picture = Past(), 0, recording.picture(now)
                past.add(pack(picture))
                sent = picture.until
            elif (packed := past.history(viewers[act].until)) is not None:
                viewers[act] = unpack(packed, viewers[act])
                assert viewers[act] == picture
    finally:
        past_module.MOST_PIECES = most


def test_board_without_a_history_says_so() -> None:
    """Before the owner has sent anything there is none."""
    assert Past().history(0) is None
