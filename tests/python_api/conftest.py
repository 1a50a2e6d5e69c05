"""What is ranked and reported here is so as where launches are tested."""

from tests.launching.conftest import quickly

__all__ = ["quickly"]
