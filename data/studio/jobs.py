"""Cars in parallel: a process a car, so that Blender starts afresh each time."""

import multiprocessing
import os
import time


def in_parallel(cars, options):
    """Photograph cars in `options.jobs` processes; yields (car, seconds) as each is done."""
    if not cars:
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(options.jobs, len(cars)), be_quiet, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(work, [(car, options) for car in cars])


def be_quiet():
    """Blender talks a lot on standard output: silence a worker's."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def work(job):
    """Photograph one car, in a process of its own."""
    car, options = job
    from .render import photograph

    start = time.time()
    photograph(car, options.out, options.views, options.size, options.samples)
    return car, time.time() - start
