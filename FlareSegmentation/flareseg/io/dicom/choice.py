"""Selection of the best CT of the abdomen among several stacks, with the reason, and of what to try after it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from flareseg.core.volume import FEWEST_SLICES
from flareseg.io.dicom.grid import is_even
from flareseg.io.dicom.stack import Stack

_LEAST_MM, _THINNEST_MM, _THICKEST_MM = 100.0, 0.5, 8.0
_AXIAL = 0.7  # cosine between the stack's normal and the body's axis: 45 degrees
_SHARP_SIEMENS, _SHARP_CANON = 50, 30  # kernel numbers from here on are for bone and lung
_SAME_PART = 0.8  # of a stack's height: what lies this much in another one shows the same part of the body
_LONGEST_TEXT = 40

_ABDOMEN = r"abd|bauch|buik|addome|liver|leber|foie|hepat|pan[ck]rea|kidney|niere|renal|spleen|milz|\bt?ap\b|\b[ct]ap\b"
_ELSEWHERE = (
    r"head|brain|skull|kopf|schädel|hirn|neck|hals|cervi|chest|thorax|lung|cardi|coron|heart|spine|leg\b|knee|foot|"
    r"ankle|hip\b|femur|extrem|shoulder|arm\b|elbow|wrist|hand\b|sinus|orbit|dental|temporal"
)
_PORTAL = r"portal|venous|venös|venoes|veineux|\bpv\b|\bpvp\b"
_WITHOUT_CONTRAST = r"\b(non?|without|w o|ohne|sans|sin) ?(contrast|km\b|c\+)"
_OTHER_CONTRAST = r"arteri|contrast|late\b|delay|\bkm\b|c\+"
_SHARP_WORDS = r"bone|lung|edge|sharp|detail"
_SHARP_PHILIPS = {"D", "E", "L", "YA", "YB", "YC", "YD"}
_NOT_SLICES = {"LOCALIZER", "SCOUT", "MIP", "MAX_IP", "MINIP", "MIN_IP", "PROJECTION IMAGE", "SECONDARY"}


@dataclass(frozen=True)
class Criterion:
    """``why`` completes "it was taken because ..."; more of ``of`` is better."""

    why: str
    of: Callable[[Stack], float]


def best(stacks: list[Stack]) -> tuple[Stack, str]:
    """The stack that fits best, and by what it is ahead of the next best ("" for a single one)."""
    ranked = sorted(stacks, key=_merits, reverse=True)
    if len(ranked) == 1:
        return ranked[0], ""
    ahead = (c.why for c in CRITERIA if c.of(ranked[0]) > c.of(ranked[1]))
    return ranked[0], next(ahead, "it comes first in the order of file names")


def others_to_try(tried: list[Stack], stacks: list[Stack]) -> list[Stack]:
    """The other CT slices that may show the abdomen where those ``tried`` do not, the best first.

    They show another part of the body: another reconstruction of the same part would show no abdomen either.
    """
    others = [stack for stack in stacks if stack not in tried and stack.header.modality == "CT"]
    ranked = sorted(filter(_is_readable, filter(is_original, others)), key=_merits, reverse=True)
    return [stack for stack in ranked if all(_share_inside(stack, other) < _SAME_PART for other in tried)]


def is_original(stack: Stack) -> bool:
    """Whether its images are slices, neither a scout nor a projection."""
    return _originality(stack) > 0


def is_axial(stack: Stack) -> bool:
    """Whether its slices lie across the body's axis, within 45 degrees."""
    return abs(float(stack.first.normal[2])) > _AXIAL


def name_of(stack: Stack) -> str:
    """Return number and description of a series, without data of the patient."""
    number, text = stack.header.text("SeriesNumber"), description(stack)
    return f"series {number or 'without a number'}" + (f" ({text})" if text else "")


def description(stack: Stack) -> str:
    """The series description on one line, not too long."""
    text = " ".join(part for part in re.split(r"[\s\x00-\x1f\x7f]+", stack.header.text("SeriesDescription")) if part)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


def _merits(stack: Stack) -> tuple[float, ...]:
    return tuple(criterion.of(stack) for criterion in CRITERIA)


def _share_inside(stack: Stack, other: Stack) -> float:
    """The share of a stack's height along the body that another one covers; 0 where their positions do not compare."""
    frames = [each.header.text("FrameOfReferenceUID") for each in (stack, other)]
    if not frames[0] or frames[0] != frames[1] or not all(map(is_axial, (stack, other))):
        return 0.0
    (low, high), (other_low, other_high) = (_reach_mm(each) for each in (stack, other))
    return max(0.0, min(high, other_high) - max(low, other_low)) / (high - low)


def _reach_mm(stack: Stack) -> list[float]:
    """The lowest and the highest position along the body's axis."""
    return sorted(float(stack.planes[k].position[2]) for k in (0, -1))


def _is_readable(stack: Stack) -> float:
    return len(stack) >= FEWEST_SLICES and is_even(stack)


def _originality(stack: Stack) -> float:
    kinds = set(stack.header.text("ImageType").upper().split("\\"))
    return 0 if kinds & _NOT_SLICES else 2 if "ORIGINAL" in kinds else 1


def _covers(stack: Stack) -> float:
    return is_axial(stack) and stack.step * len(stack) >= _LEAST_MM and _THINNEST_MM <= stack.step <= _THICKEST_MM


def _region(stack: Stack) -> float:
    words = _words(stack, "BodyPartExamined", "SeriesDescription", "ProtocolName")
    return 1 if re.search(_ABDOMEN, words) else -1 if re.search(_ELSEWHERE, words) else 0


def _softness(stack: Stack) -> float:
    kernel = stack.header.text("ConvolutionKernel").split("\\")[0]
    siemens, canon = re.match(r"[BHIJTUDQ][a-z]?(\d\d)", kernel), re.match(r"FC(\d\d)", kernel)
    sharp = (
        bool(re.search(_SHARP_WORDS, f"{kernel} {_words(stack, 'SeriesDescription')}", re.IGNORECASE))
        or kernel.upper() in _SHARP_PHILIPS
        or (siemens is not None and int(siemens[1]) >= _SHARP_SIEMENS)
        or (canon is not None and int(canon[1]) >= _SHARP_CANON)
    )
    return not sharp


def _phase(stack: Stack) -> float:
    words = re.sub(_WITHOUT_CONTRAST, "", _words(stack, "SeriesDescription", "ProtocolName"))
    contrast = re.search(_OTHER_CONTRAST, words) or stack.header.text("ContrastBolusAgent")
    return 2 if re.search(_PORTAL, words) else 1 if contrast else 0


def _words(stack: Stack, *keywords: str) -> str:
    """Tags in small letters, with blanks for what joins words."""
    return re.sub(r"[_^/,.-]+", " ", " ".join(stack.header.text(keyword) for keyword in keywords)).lower()


CRITERIA = (
    Criterion("it is CT", lambda stack: stack.header.modality == "CT"),
    Criterion("its slices can be put on one grid", _is_readable),
    Criterion("it consists of original slices (no scout, no projection, less processed)", _originality),
    Criterion("its axial slices cover at least 100 mm of the body", _covers),
    Criterion("its description fits the abdomen better", _region),
    Criterion("it was reconstructed for soft tissue", _softness),
    Criterion("its contrast phase fits better (portal venous, then others, then none)", _phase),
    Criterion("it has the most slices", len),
)
