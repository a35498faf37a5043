"""Options shared by several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

DeviceOption = Annotated[str, typer.Option(help="Device: auto, cuda or cpu.")]
PrecisionOption = Annotated[
    str,
    typer.Option(metavar="auto|float32|float16|bfloat16", help="Of the networks; auto follows from the device."),
]
NetworkOption = Annotated[
    str, typer.Option(metavar="cascade|full-size", help="full-size: the whole scan in one pass, by --weights.")
]
WeightsOption = Annotated[Optional[Path], typer.Option(help="Folder with other network weights.")]
