"""What two processes do together; `one_step` also alone. python pair.py FOLDER, started by torch.distributed.run."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from toy import Config, data, net, train

from sjedu.training import NonFiniteLoss, Run, batch_indices


def one_step():
    """The gradients of one step in float64, and a schedule of five."""
    x, y = (tensor.double() for tensor in data())
    with Run("toy", Config(), progress=False) as run:
        model = net(0.0).double()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        parameters = dict(model.named_parameters())
        model, optimizer, scheduler = run.prepare(model, optimizer, scheduler)
        for step in run.steps(5):
            indices = run.shard(batch_indices(step, len(x), 16, seed=0))
            run.backward(F.mse_loss(model(x[indices]), y[indices]))
            if step == 0:
                gradients = {name: parameter.grad.clone() for name, parameter in parameters.items()}
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            run.log(lr=scheduler.get_last_lr()[0])
        return gradients, [row["lr"] for row in run.history]


def main(folder):
    gradients, schedule = one_step()
    record, whole = train(Config(), folder / "whole")
    rank = torch.distributed.get_rank()
    seen = {}

    def watch(step):
        seen.setdefault("rng", hashlib.sha256(torch.get_rng_state().numpy()).hexdigest())
        return math.nan if (step, rank) == (30, 1) else None

    try:
        train(Config(), folder / "stopped", before_step=watch)
    except NonFiniteLoss as stop:
        seen["stopped"] = stop.step
    _, resumed = train(Config(), folder / "stopped", resume=True)
    seen |= {"whole": whole, "resumed": resumed, "schedule": schedule, "device": record.device}
    save_file(gradients, folder / f"gradients{rank}.safetensors")
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
