"""What every training stage shares: the optimiser, the schedule, checkpoints that resume, the log.

A stage is deterministic: the randomness of a step is drawn from (seed, step) alone, so a resumed run continues as the
uninterrupted one would have.
"""

import csv
import os
import time

import numpy as np
import torch


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix-shaped updates are orthogonalised by five Newton-Schulz steps (Jordan et al., 2024), scaled to the
    root mean square that AdamW has (Liu et al., 2025), so that both share one learning rate. Vectors are left to AdamW."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.01):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @staticmethod
    def _orthogonal(g):
        """g: (batch, rows, columns)"""
        tall = g.shape[1] > g.shape[2]
        x = g.transpose(1, 2) if tall else g
        x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
        for _ in range(5):
            a = x @ x.transpose(1, 2)
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        return x.transpose(1, 2) if tall else x

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(m, group["momentum"])
                by_shape.setdefault((p.shape[0], p[0].numel()), []).append((p, update))
            for (rows, columns), members in by_shape.items():
                flat = torch.stack([u.reshape(rows, columns) for _, u in members])
                flat = self._orthogonal(flat) * (0.2 * max(rows, columns) ** 0.5)
                for (p, _), u in zip(members, flat):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(u.reshape(p.shape), alpha=group["lr"])


class Optimiser:
    """Muon for the matrices inside a network, AdamW for everything else."""

    def __init__(self, named_parameters, lr, muon=True, outside=("conv_in", "conv_out", "embedding", "position", "class_embedding")):
        named = [(n, p) for n, p in named_parameters if p.requires_grad]
        inner = [p for n, p in named if muon and p.ndim >= 2 and min(p.shape[0], p[0].numel()) > 1 and not any(o in n for o in outside)]
        ids = {id(p) for p in inner}
        outer = [p for _, p in named if id(p) not in ids]
        self.lr = lr
        self.parameters = inner + outer
        self.parts = [torch.optim.AdamW(outer, lr=lr, betas=(0.9, 0.98), weight_decay=1e-3)] if outer else []
        if inner:
            self.parts.append(Muon(inner, lr))

    def step(self, factor, clip=1.0):
        torch.nn.utils.clip_grad_norm_(self.parameters, clip)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.lr * factor
            part.step()
        for p in self.parameters:
            p.grad = None

    def state_dict(self):
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states):
        for part, state in zip(self.parts, states):
            part.load_state_dict(state)


class Average:
    """Exponential moving average of a network's parameters, with a short memory at the start."""

    def __init__(self, named_parameters, decay):
        self.live = {n: p for n, p in named_parameters if p.requires_grad}
        self.mean = {n: p.detach().clone() for n, p in self.live.items()}
        self.decay = decay

    @torch.no_grad()
    def update(self, step):
        decay = min(self.decay, (1 + step) / (20 + step))
        torch._foreach_lerp_(list(self.mean.values()), [p.detach() for p in self.live.values()], 1 - decay)

    @torch.no_grad()
    def swap(self):
        """Exchanges the live parameters with their mean; twice restores them."""
        for n, p in self.live.items():
            kept = p.detach().clone()
            p.copy_(self.mean[n])
            self.mean[n].copy_(kept)


def schedule(step, steps, warm=50, hold=0.5, floor=0.02):
    """Linear warm-up, constant until `hold` of the run, then a cosine to `floor`."""
    p = step / steps
    return min(1, (step + 1) / warm) * (1 if p < hold else floor + (1 - floor) * 0.5 * (1 + np.cos(np.pi * (p - hold) / (1 - hold))))


class Run:
    """The loop of one stage: `for step, rng in run.steps(): …; run.log(loss=…)`."""

    def __init__(self, name, folder, steps, seed, objects, save_every=300):
        self.name, self.folder, self.total, self.seed = name, folder, steps, seed
        self.objects = objects  # name -> module, optimiser, Average or dict of tensors
        self.save_every = save_every
        self.path = os.path.join(folder, f"{name}.ckpt")
        self.step, self.cpu = 0, 0.0
        self.sums = {}
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(self.path):
            self._load()

    def _load(self):
        state = torch.load(self.path, weights_only=False)
        self.step, self.cpu = state["step"], state["cpu"]
        for key, value in state["objects"].items():
            target = self.objects[key]
            if isinstance(target, Average):
                for n in target.mean:
                    target.mean[n].copy_(value[n])
            else:
                target.load_state_dict(value)
        print(f"{self.name}: resumed at step {self.step}", flush=True)

    def save(self):
        pack = lambda o: o.mean if isinstance(o, Average) else o.state_dict()
        state = dict(step=self.step, cpu=self.cpu, objects={k: pack(o) for k, o in self.objects.items()})
        torch.save(state, self.path + ".part")
        os.replace(self.path + ".part", self.path)

    def steps(self):
        started, cpu = time.time(), time.process_time() - self.cpu
        while self.step < self.total:
            torch.manual_seed(self.seed * 1_000_003 + self.step)
            yield self.step, np.random.default_rng((self.seed, self.step))
            self.step += 1
            self.cpu = time.process_time() - cpu
            self.wall = time.time() - started
            if self.step % self.save_every == 0:
                self.save()
        self.save()

    def log(self, every=50, **values):
        """Adds to the running means; prints and writes them to NAME.csv every so many steps."""
        for key, value in values.items():
            self.sums.setdefault(key, []).append(float(value.detach() if torch.is_tensor(value) else value))
        if (self.step + 1) % every == 0:
            means = {key: float(np.mean(v)) for key, v in self.sums.items()}
            self.sums = {}
            self.row(**means)

    def row(self, **values):
        row = dict(step=self.step + 1, cpu=round(self.cpu), **{k: round(v, 5) for k, v in values.items()})
        print(self.name, *(f"{k} {v}" for k, v in row.items()), flush=True)
        with open(os.path.join(self.folder, f"{self.name}.csv"), "a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([f"{k}={v}" for k, v in row.items()])


def threads(n):
    torch.set_num_threads(n)
    torch.set_flush_denormal(True)


def images(pictures):
    """uint8 (n, h, w, 3) -> float (n, 3, h, w) in [-1, 1], channels last"""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return x.float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)


def pixels(x):
    """the inverse of images()"""
    return ((x.detach() + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
