"""The history in the board: whoever comes when, and however often, ends up with the picture that the owner has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.buckets import FINE, KEPT, MINUTES, WIDTHS, History
from poolmgr.model.delta import pack, unpack
from poolmgr.model.recording import Recording
from poolmgr.monitor.past import Past

QUARTER = WIDTHS[FINE]


@given(st.lists(st.sampled_from(["work", "send", "restart", "early", "late"]), max_size=60))
def test_every_viewer_has_the_owners_picture(acts: list[str]) -> None:
    """Viewers that ask at any time, seldom or with each piece, see what was sent last, across boards."""
    recording, now, past, sent = Recording(0, 0.0), 0, Past(), 0
    picture = recording.picture(now)
    viewers = {"early": History(), "late": History()}
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


def test_long_running_pool_takes_no_more_room() -> None:
    """After hours each ring is as long as it may be, and who comes late has all that the owner has."""
    recording, past, sent = Recording(0, 0.0), Past(), 0
    for step in range(1, 700):
        # Small steps, then a minute each, so that all rings are filled and hours go by.
        now = step * QUARTER + max(0, step - 300) * WIDTHS[MINUTES]
        recording.slot(0).run(recording.function("work"), now - QUARTER // 4, now, done=1)
        picture = recording.picture(now)
        past.add(pack(picture, sent))
        sent = picture.until
    whole = past.history(0)
    assert whole is not None
    assert [len(ring) for ring in whole["tracks"][0][:-1]] == list(KEPT)
    assert unpack(whole) == picture


def test_worker_that_is_gone_is_forgotten() -> None:
    """A slot that is in the owner's pieces no more is in no viewer's picture."""
    recording, past = Recording(0, 0.0), Past()
    for slot in (0, 1):
        recording.slot(slot).run(recording.function("work"), 0, QUARTER, done=1)
    packed = pack(recording.picture(QUARTER))
    past.add(packed)
    past.add({**packed, "tracks": {0: packed["tracks"][0]}})
    late = past.history(0)
    assert late is not None
    assert set(late["tracks"]) == {0}


def test_board_without_a_history_says_so() -> None:
    """Before the owner has sent anything there is none."""
    assert Past().history(0) is None
