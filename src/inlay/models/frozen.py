"""Networks that are used and never trained."""

from typing import Any, Self

from torch import nn


class Frozen(nn.Module):
    """Base of modules whose weights come from elsewhere: always in eval mode, without gradient, in no checkpoint.

    They move with ``.to()`` like any other, yet ``state_dict`` leaves them out and ``load_state_dict`` (strict, too)
    does not ask for them, so that a checkpoint holds what a run has learned and nothing else. Call :meth:`freeze` at
    the end of the constructor.
    """

    def freeze(self) -> None:
        """Take every parameter out of training."""
        self.requires_grad_(False)
        self.eval()
        self.register_load_state_dict_pre_hook(_offer_own_weights)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode whatever the parent does."""
        return super().train(False)

    def state_dict(  # type: ignore[override]  # the overloads of nn.Module name only older call forms
        self, *args: Any, destination: dict[str, Any] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Add nothing to a parent's state dict."""
        return {} if destination is None else destination


def _offer_own_weights(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before loading, put the module's present weights where the loader looks for them."""
    own = nn.Module.state_dict(module, prefix=prefix)
    state_dict.update(own)
