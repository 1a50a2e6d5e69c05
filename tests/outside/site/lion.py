"""An optimiser: Lion, which steps by the sign of its momentum (Chen and others 2023)."""

from pydantic import Field

from foldgrid.specs.base import Spec
from foldgrid.specs.optimizers import Optimizer


class Settings(Spec):
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.99, ge=0, lt=1)


class Lion(Optimizer):
    title = "Lion"
    settings = Settings

    def build(self, parameters, learning_rate, shared, own):
        import torch  # here: the analysis reads the words where there is no torch

        class LionOptimizer(torch.optim.Optimizer):
            @torch.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    beta1, beta2 = group["betas"]
                    for weight in group["params"]:
                        if weight.grad is None:
                            continue
                        state = self.state[weight]
                        if not state:
                            state["momentum"] = torch.zeros_like(weight)
                        momentum = state["momentum"]
                        weight.mul_(1 - group["lr"] * group["weight_decay"])
                        direction = (beta1 * momentum).add_(weight.grad, alpha=1 - beta1).sign_()
                        weight.sub_(direction, alpha=group["lr"])
                        momentum.mul_(beta2).add_(weight.grad, alpha=1 - beta2)

        groups = {"betas": (own.beta1, own.beta2), "weight_decay": shared.weight_decay}
        return LionOptimizer(parameters, {"lr": learning_rate, **groups})

    def words(self, shared, own):
        betas = f"decays of {own.beta1:g} and {own.beta2:g}"
        return f"{self.title} with {betas}, weight decay {shared.weight_decay:g}"


LION = Lion()
