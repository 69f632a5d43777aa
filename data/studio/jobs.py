"""Cars in parallel: a process a car, so that Blender starts afresh each time."""

import multiprocessing
import os
import time


def in_parallel(shoots, options):
    """Photograph cars in `options.jobs` processes; yields (folder, car, views, seconds) as each is done."""
    if not shoots:
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(options.jobs, len(shoots)), be_quiet, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(work, [(shoot, options) for shoot in shoots])


def be_quiet():
    """Blender talks a lot on standard output: silence a worker's."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def work(job):
    """Photograph one car, in a process of its own."""
    (folder, car, views), options = job
    from .render import photograph

    start = time.time()
    photograph(car, folder, views, options.size, options.samples, alpha=options.alpha)
    return folder, car, views, time.time() - start
