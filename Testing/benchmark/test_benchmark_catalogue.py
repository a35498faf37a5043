"""What can be compared."""

from __future__ import annotations

import pytest
from flareseg.benchmark.catalogue import METHODS, OURS, PROTOCOLS, Method, chosen
from flareseg.core.errors import FlareError


def test_all_is_every_one_in_order():
    assert chosen("all", METHODS, "method") == ["ours", "plain", "totalseg", "nnunet", "nnunet-mirror"]


def test_some_are_named_with_commas():
    assert chosen("warm, flare21", PROTOCOLS, "protocol") == ["warm", "flare21"]


def test_an_unknown_one_is_refused_with_those_there_are():
    with pytest.raises(FlareError, match="Choose from ours, plain, totalseg"):
        chosen("ours,magic", METHODS, "method")


def test_a_peer_whose_package_is_not_there_says_what_to_install():
    missing = Method("peer", "Peer", "", 1, needs="no_such_package").missing
    assert missing == 'no_such_package is not installed: pip install "flareseg[bench]"'


def test_ours_needs_nothing_more():
    assert OURS.missing == ""
