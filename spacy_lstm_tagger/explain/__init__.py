"""Why a tagger decides as it does: the forward pass, the reasons and the page that shows them."""

from .explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
