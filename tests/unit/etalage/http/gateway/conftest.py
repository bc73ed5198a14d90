"""A door over an engine that notes whatever reaches it, for modules that have it `served`."""

from .....recording import door, engine

__all__ = ["door", "engine"]
