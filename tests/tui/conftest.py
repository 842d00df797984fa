"""What tests of screens have: a fixture that takes pictures."""

from tests.helpers.looks import picture

__all__ = ["picture"]
