"""A torch model: build it without values, plan it, fill it, look at it, and keep the plan."""

import fanin.torch
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


class Net(nn.Module):
    def __init__(self, width: int = 64, depth: int = 6) -> None:
        super().__init__()
        self.stem = nn.Linear(32, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)))


with fanin.torch.skip_init():
    model = Net()
plan = fanin.torch.plan(model, seed=0)
print(plan)
print(plan["blocks.0.down.weight"])

fanin.torch.init_(model, plan)
assert fanin.torch.verify(model, plan)

torch.manual_seed(0)
batch = torch.randn(64, 32), torch.randint(10, (64,))
print(fanin.torch.diagnose(model, batch, nn.functional.cross_entropy, plan=plan))
plan.save("plan.json")
