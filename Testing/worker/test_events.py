"""The lines between a caller and the worker."""

from __future__ import annotations

import pytest
from flareseg.core.errors import FlareError
from flareseg.worker import events

JOBS = [
    events.SegmentJob(
        "1", "/tmp/Bäuche 腹部/scan.npy", {"shape": [1, 2, 3]}, "/tmp/labels.npy", roi=[0, 1, 2, 3, 4, 5]
    ),
    events.CancelJob("1"),
    events.DescribeJob("2", "cuda"),
]
EVENTS = [
    events.Ready(12, "0.1.0"),
    events.DeviceInfo("2", "cpu", "a processor", 1.0, 2.0, "Chosen by you."),
    events.StageProgress("1", "segment", 0.5, 600.0, None),
    events.JobResult("1", "/tmp/labels.npy", {"version": "0.1.0"}),
    events.Failure(None, "bad_job", "It is not JSON.", "Send JSON.", ""),
    events.Idle(600.0),
]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.type)
def test_a_job_survives_its_line(job: events.JobMessage) -> None:
    assert events.decode_job(events.encode(job)) == job


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_survives_its_line(event: events.Event) -> None:
    assert events.decode_event(events.encode(event)) == event


@pytest.mark.parametrize("message", JOBS + EVENTS, ids=lambda message: message.type)
def test_a_message_is_one_line_of_plain_ascii(message: events.JobMessage | events.Event) -> None:
    line = events.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.isascii()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[]", "type"),
        (b'{"type":"ready"}', "type"),
        (b'{"type":"cancel"}', "missing"),
        (b'{"type":"cancel","id":"1","now":true}', "unknown field now"),
    ],
)
def test_a_line_that_is_not_a_job_is_refused_with_the_reason(line: bytes, reason: str) -> None:
    with pytest.raises(FlareError, match=reason) as caught:
        events.decode_job(line)
    assert caught.value.kind == "bad_job"
