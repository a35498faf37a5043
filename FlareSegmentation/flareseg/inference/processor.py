"""The name and the instruction sets of this computer's processor."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

import torch

_CPUINFO = Path("/proc/cpuinfo")
_BFLOAT16_FEATURES = ("amx_bf16", "avx512_bf16")
_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")  # the second is the older name
_LIMITS_WITH_BFLOAT16 = ("", "DEFAULT", "ALL", "AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX512_CORE_AMX", "AVX10_1_512")


def processor_name() -> str:
    """The model name that the operating system gives."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def has_bfloat16() -> bool:
    """Whether convolutions in bfloat16 run on instructions for it (AMX or AVX-512 BF16) rather than emulated.

    An instruction set that oneDNN was told to leave out by ``ONEDNN_MAX_CPU_ISA`` counts as missing.
    """
    return (
        torch.backends.mkldnn.is_available()
        and bool(processor_features().intersection(_BFLOAT16_FEATURES))
        and limit_allows_bfloat16(os.environ)
    )


def processor_features() -> frozenset[str]:
    """Names of instruction sets, in Linux's spelling: "avx2", "avx512_bf16", "amx_bf16".

    From PyTorch 2.11 or later, else from Linux; empty where neither tells.
    """
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is not None:
        return frozenset(name for name, there in capabilities().items() if there is True)
    return frozenset(_cpuinfo().get("flags", "").split())


def limit_allows_bfloat16(environment: Mapping[str, str]) -> bool:
    """Whether oneDNN's variable in ``environment``, if it is set, leaves bfloat16 instructions in.

    The values are those of oneDNN's "CPU dispatcher control". A value that oneDNN does not know does not limit it, but
    counts as one here: float32 runs everywhere.
    """
    limit = next((environment[name] for name in _LIMITS if environment.get(name)), "").upper()
    return limit.startswith(_LIMITS_WITH_BFLOAT16[3:]) or limit in _LIMITS_WITH_BFLOAT16


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; empty on other systems than Linux."""
    if not _CPUINFO.is_file():
        return {}
    first = _CPUINFO.read_text(errors="replace").split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}
