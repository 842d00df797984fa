"""The demo scripts: in a wheel they lie here, in a checkout in the folder ``demos`` beside the package."""

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent.parent / "demos"
if not (Path(__file__).parent / "stdlib.py").exists() and _CHECKOUT.is_dir():
    __path__.append(str(_CHECKOUT))
