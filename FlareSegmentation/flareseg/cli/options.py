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
WeightsOption = Annotated[Optional[Path], typer.Option(help="Folder with other network weights.")]
