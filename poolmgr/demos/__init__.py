"""The demo scripts: in a wheel they lie here, in a checkout in the folder ``demos`` beside the package."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_CHECKOUT = _HERE.parent.parent / "demos"

# Workers that are spawned import a demo's functions by name: the name must be the same in a wheel and in a checkout.
if not (_HERE / "stdlib.py").exists() and _CHECKOUT.is_dir():
    __path__.append(str(_CHECKOUT))
