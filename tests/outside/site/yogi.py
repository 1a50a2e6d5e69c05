"""An optimiser: Yogi, whose mean of squares grows slowly (Zaheer and others 2018)."""

from pydantic import Field

from foldgrid.specs.base import Spec
from foldgrid.specs.optimizers import Optimizer


class Settings(Spec):
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.99, ge=0, lt=1)


class Yogi(Optimizer):
    title = "Yogi"
    num_states = 2
    settings = Settings

    def build(self, parameters, learning_rate, shared, own):
        import torch  # here: the analysis reads the words where there is no torch

        class YogiOptimizer(torch.optim.Optimizer):
            @torch.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    beta1, beta2 = group["betas"]
                    for weight in group["params"]:
                        if weight.grad is None:
                            continue
                        state, square = self.state[weight], weight.grad.square()
                        if not state:
                            state["mean"] = torch.zeros_like(weight)
                            state["square"] = torch.zeros_like(weight)
                        mean, squares = state["mean"], state["square"]
                        mean.lerp_(weight.grad, 1 - beta1)
                        squares.sub_((squares - square).sign_() * square, alpha=1 - beta2)
                        weight.mul_(1 - group["lr"] * group["weight_decay"])
                        weight.addcdiv_(mean, squares.sqrt() + 1e-3, value=-group["lr"])

        groups = {"betas": (own.beta1, own.beta2), "weight_decay": shared.weight_decay}
        return YogiOptimizer(parameters, {"lr": learning_rate, **groups})

    def words(self, shared, own):
        betas = f"decays of {own.beta1:g} and {own.beta2:g}"
        return f"{self.title} with {betas}, weight decay {shared.weight_decay:g}"


YOGI = Yogi()
