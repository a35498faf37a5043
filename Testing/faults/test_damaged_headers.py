"""Damaged headers: each is read or refused in a message. ITK ends the process (SIGSEGV, SIGABRT) on some of them."""

from __future__ import annotations

import gzip
import random
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk
from flareseg.cli.app import app
from flareseg.cli.console import BAD_INPUT
from flareseg.core.errors import FlareError
from flareseg.io.reading import read_volume
from images import ct_like
from typer.testing import CliRunner

_TOKENS = [b"-1", b"0", b"99999999999999999999", b"nan", b"inf", b"4294967296", b"%d", b"%s%n", b"LIST", b"/dev/zero"]
_TOKENS += [b"1e308", b"999999 999999 999999", b"", b" " * 300, b"A" * 5000, b"LOCAL", b"(1,2", b"none", b"\0"]
_FILES = 250  # of each format


def bytes_flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 8])):
        damaged[chance.randrange(352)] = chance.choice([chance.randrange(256), 0, 255, 127, 128])
    return bytes(damaged)


def lines_spoilt(content: bytes, chance: random.Random) -> bytes:
    lines = content[:500].split(b"\n")
    place = chance.randrange(len(lines))
    name, mark, value = lines[place].partition(b"=" if b"=" in lines[place] else b":")
    parts = value.split() or [b""]
    parts[chance.randrange(len(parts))] = chance.choice(_TOKENS)
    lines[place] = chance.choice([name + mark + b" " + b" ".join(parts), name + mark + chance.choice(_TOKENS), name])
    return b"\n".join(lines) + content[500:]


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


CASES = [
    *((".nii", bytes_flipped), (".nii.gz", cut), (".nrrd", lines_spoilt), (".nrrd", bytes_flipped)),
    *((".mha", lines_spoilt), (".mha", bytes_flipped), (".mha", cut)),
]


@pytest.mark.parametrize(("suffix", "spoil"), CASES)
def test_damaged_headers_are_read_or_refused(
    suffix: str, spoil: Callable[[bytes, random.Random], bytes], tmp_path: Path
) -> None:
    path = tmp_path / f"scan{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(ct_like((12, 16, 16))), str(path))
    whole, chance = path.read_bytes(), random.Random(suffix)
    ends: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning of numpy on stderr is not a message
        for _ in range(_FILES):
            path.write_bytes(spoil(whole, chance))
            try:
                read_volume(path)
                ends["read"] += 1
            except FlareError as error:
                assert error.kind == "bad_scan"
                assert error.hint
                ends["refused"] += 1
    assert ends["refused"] > _FILES // 20
    assert ends.total() == _FILES


def test_a_bit_flipped_in_a_gzip_file_is_found(tmp_path: Path) -> None:
    """By gzip's checksum, even where the flipped voxels could be decompressed."""
    path = tmp_path / "scan.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(ct_like((12, 16, 16))), str(tmp_path / "scan.nii"))
    packed = bytearray(gzip.compress((tmp_path / "scan.nii").read_bytes(), compresslevel=0))
    packed[-1000] ^= 1
    path.write_bytes(packed)
    with pytest.raises(FlareError, match="damaged or cut short"):
        read_volume(path)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("scan.mha", b"NDims = 4294967296"),
        ("scan.mha", b"NDims = -1"),
        ("scan.nrrd", b"space directions: " + b"A" * 5000),
        ("scan.nrrd", b"space origin: " + b"A" * 5000),
    ],
    ids=["many dimensions", "negative dimensions", "long directions", "long origin"],
)
def test_a_header_on_which_itk_ends_the_process_does_not_end_the_batch(
    name: str, line: bytes, phantom_file: Path, tmp_path: Path
) -> None:
    image = sitk.GetImageFromArray(ct_like((12, 16, 16)))
    sitk.WriteImage(image, str(tmp_path / name), useCompression=name.endswith(".mha"))
    field = line[: line.index(b"=" if b"=" in line else b":")]
    lines = [line if old.startswith(field) else old for old in (tmp_path / name).read_bytes().split(b"\n")]
    (tmp_path / name).write_bytes(b"\n".join(lines))
    done = CliRunner().invoke(app, ["segment", str(tmp_path / name), str(phantom_file), "-o", str(tmp_path / "out")])
    assert done.exit_code == BAD_INPUT
    assert f"The header of {name} is damaged" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ct-organs.nii.gz"]
