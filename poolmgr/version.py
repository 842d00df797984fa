"""The version, apart from the package's own module: what a floor imports must not lead to those above it."""

__version__ = "0.1.0"
