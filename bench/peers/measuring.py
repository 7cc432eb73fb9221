"""What the PyTorch peers share."""
import time

import torch


def load(cls, model, part, dtype):
    """A network of a folder, channels_last."""
    return cls.from_pretrained(model, subfolder=part, torch_dtype=dtype, local_files_only=True).eval().to(memory_format=torch.channels_last)


def best(run, repeats=4):
    """Seconds of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)
