"""One encoding per message, and one that every websocket client understands."""

from __future__ import annotations

import pytest
from csi_gateway.message import Message, text_frame
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader


def parse(data: bytes) -> Frame:
    """Parse one frame with the websockets library, as a client does."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    extensions: list[Extension] = []
    parsing = Frame.parse(reader.read_exact, mask=False, extensions=extensions)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    assert not reader.buffer, "nothing is left over"
    frame = done.value.value
    assert isinstance(frame, Frame)
    return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 1_000_000])
def test_frames_are_what_the_websockets_library_makes(size: int) -> None:
    """At each of RFC 6455's three length forms our frame is the library's own, byte for byte, and parses back."""
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    frame = parse(text_frame(payload))
    assert (frame.opcode, frame.data, frame.fin) == (Opcode.TEXT, payload, True)


def test_made_once() -> None:
    """However many clients take a message, it is worked out once, and not at all when nobody does."""
    calls = []

    def make() -> bytes:
        calls.append(1)
        return b"{}"

    message = Message("1", ("1", "1x64@6"), make)
    assert calls == []
    assert message.wire() is message.wire()
    assert calls == [1]
    assert Message("1", None, b"{}").wire() == message.wire() == b"\x81\x02{}"
