"""Execute the notebooks in place: `make course`, or `python notebooks/run.py 05 solutions/05`.

A notebook follows one skeleton, which tests/test_notebooks.py checks::

    markdown        # Train a U-Net                              a title with a verb
                    [![Open in Colab](...)](...)                 this line is written by run.py
                    One sentence of promise, or a picture.
    markdown        **You will learn**
                    - three to five bullets

                    **You need**: what to know, what to have.

                    **Time**: 70 s on 2 CPU cores, 20 s on a GPU.
    code, tag       Its text is written by run.py (see `setup_cell`).
    `setup`
    code            imports
    code            settings, whose defaults suit the machine; the first line printed is `data.describe(...)`
    sections        ## A question?  a short text, a 3-8 line cell, its output, what the output shows
    markdown        ## What you saw
    markdown        ## Exercises, then ### Exercise 1, each with its self-check

A notebook of solutions, notebooks/solutions/NN_name.ipynb, starts with a title and the same `setup` cell.

The badge and the clone line come from the address in pyproject.toml. Cell ids, metadata and outputs are
brought to one form, so that running a notebook again changes what the run changed and nothing else.
Seconds and peak memory of the last run are kept in benchmarks/results/course.csv.
"""

import asyncio
import contextlib
import csv
import hashlib
import os
import re
import signal
import sys
import tempfile
import textwrap
import time
import tomllib
from pathlib import Path

import nbformat
import psutil
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
COLAB = "https://colab.research.google.com"
BADGE = re.compile(r"^\[!\[Open in Colab\].*$", re.M)
RECORD = "benchmarks/results/course.csv"

QUIET = {  # the kernel's environment: no start-up messages of TensorFlow among the outputs
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "PYTHONHASHSEED": "0",
    "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]),
}
SPAM = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:|To enable the following |"
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] ).*\n?",
    re.M,
)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(Exception):
    """A notebook that stopped: the message names the notebook, the cell and the error."""


# --- the generated lines --------------------------------------------------------------------------


def repository(root=ROOT):
    """Return the address of the project, from pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def badge(url, path):
    """Return the line that opens the notebook `path` (from the root, with slashes) on Colab."""
    name = url.removeprefix("https://github.com/").strip("/")
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({COLAB}/github/{name}/blob/main/{path})"


def setup_cell(url, path="notebooks/01.ipynb"):
    """Return the text of the set-up cell of the notebook `path`."""
    folder = path.rsplit("/", 1)[0]
    name = url.rstrip("/").rsplit("/", 1)[-1]
    return f'''import sys

if "google.colab" in sys.modules:  # Colab: fetch the course, add only what Colab lacks
    %cd -q /content
    ![ -d {name} ] || git clone -q --depth 1 {url}
    !pip install -q pycocotools
    %cd -q {name}/{folder}
sys.path.insert(0, "{"/".join([".."] * (folder.count("/") + 1))}")'''


def write_generated(notebook, url, path):
    """Put the badge under the title, and the set-up text into the cell tagged `setup`."""
    first = notebook.cells[0]
    line = badge(url, path)
    if BADGE.search(first.source):
        first.source = BADGE.sub(line, first.source)
    elif "/solutions/" not in path and first.cell_type == "markdown" and first.source.startswith("# "):
        title, _, rest = first.source.partition("\n")
        first.source = f"{title}\n\n{line}\n\n{rest.strip()}".strip()
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = setup_cell(url, path)


# --- running one notebook -------------------------------------------------------------------------


class ThisPython(AsyncKernelManager):
    """Starts kernels with the Python that runs this file, whatever kernels are registered on the machine."""

    @property
    def kernel_spec(self):
        """The kernel: this interpreter's ipykernel."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def tree_mb(pid):
    """Return in MB the memory of a process and its children, or its own peak if that is more."""
    try:
        process = psutil.Process(pid)
        now = sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) / 1e6
        status = Path(f"/proc/{pid}/status")
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return max(now, int(peak[1]) * 1024 / 1e6 if peak else 0)
    except (psutil.Error, OSError):
        return 0


async def execute(notebook, folder, progress=lambda text: None):
    """Run the cells of `notebook` in `folder`, outputs into it. Return the peak memory of its kernel in MB.

    Raises NotebookError at the first cell that fails, KeyboardInterrupt when stopped from outside.
    """
    count = sum(is_code(cell) for cell in notebook.cells)
    at, source, peak, interrupted = 0, "", 0, False

    def cell_starts(cell, **_):
        nonlocal at, source
        if is_code(cell):
            at, source = at + 1, cell.source
            progress(f"cell {at} of {count}")

    def measure(**_):
        nonlocal peak
        if client.km and client.km.provisioner and client.km.provisioner.pid:
            peak = max(peak, tree_mb(client.km.provisioner.pid))

    async def watch():
        while True:
            measure()
            await asyncio.sleep(0.5)

    def interrupt():
        nonlocal interrupted
        interrupted = True
        task.cancel()

    def listen(**_):  # nbclient's own handlers end in a traceback
        with contextlib.suppress(RuntimeError, NotImplementedError):  # not the main thread, not Unix
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, interrupt)

    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        kernel_manager_class=ThisPython,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        shutdown_kernel="immediate",
        on_notebook_start=listen,
        on_cell_start=cell_starts,
        on_cell_executed=measure,
    )
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        task = asyncio.ensure_future(client.async_execute(env=environment(), stderr=log))
        watcher = asyncio.ensure_future(watch())
        try:
            await task
        except CellExecutionError as error:
            raise NotebookError(told(f"cell [{at}]:", source, error)) from error
        except (DeadKernelError, asyncio.CancelledError) as error:
            if interrupted:
                raise KeyboardInterrupt from error
            log.seek(0)
            last = [line for line in SPAM.sub("", log.read()).splitlines() if "[IPKernelApp]" not in line][-3:]
            raise NotebookError(
                "\n".join(
                    [
                        f"cell [{at}]:",
                        indented(source),
                        *last,
                        f"The kernel died; {peak:.0f} MB were in use when last seen. Most often the memory ran out: "
                        "close other programs, or lower the size or the batch in the settings cell.",
                    ]
                )
            ) from error
        finally:
            watcher.cancel()
    return peak


def environment():
    """Return the variables of the kernel: ours, quiet, and a CARVANA_DATA that holds in every folder."""
    ours = {**os.environ, **QUIET}
    if ours.get("CARVANA_DATA"):
        ours["CARVANA_DATA"] = os.path.abspath(os.path.expanduser(ours["CARVANA_DATA"]))
    return ours


def is_code(cell):
    """Tell whether a cell runs."""
    return cell.cell_type == "code" and bool(cell.source.strip())


def indented(source):
    """Return source code set off by four spaces."""
    return textwrap.indent(source, "    ")


def told(where, source, error):
    """Return what a reader needs of a CellExecutionError: the cell, the lines it passed through, the error."""
    lines = ANSI.sub("", error.traceback).splitlines()
    frames = [line for line in lines if re.match(r"(File .*:\d+|Cell In)", line)]
    return "\n".join([where, indented(source), *frames, f"{error.ename}: {error.evalue}"])


# --- one form for every notebook ------------------------------------------------------------------


def merged(outputs):
    """Return the outputs with neighbouring prints joined, and overwritten lines and TensorFlow's log gone."""
    result = []
    for output in outputs:
        if output.output_type == "stream" and result and result[-1].get("name") == output.name:
            result[-1]["text"] += output.text
        else:
            result.append(output)
    for output in result:
        if output.output_type == "stream":
            output["text"] = re.sub(r"[^\n]*\r(?=[^\n])", "", re.sub(r"[^\n]\x08", "", output.text))
        if output.get("name") == "stderr":
            output["text"] = SPAM.sub("", output.text)
    return [output for output in result if output.output_type != "stream" or output.text.strip()]


def normalise(notebook):
    """Bring metadata, cell ids, counts and outputs to the one form in which notebooks are committed."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    seen, count = {}, 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        digest = hashlib.sha1((cell.cell_type + cell.source).encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        if cell.cell_type == "code":
            count += is_code(cell)
            cell["execution_count"] = count if is_code(cell) else None
            cell["outputs"] = merged(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output["execution_count"] = count
    return notebook


def write_atomically(path, text):
    """Write a text file so that a reader finds the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def run(path, root=ROOT, progress=lambda text: None):
    """Execute one notebook in place. Return its seconds and its peak memory in MB; record both.

    The file changes only when every cell has run; else NotebookError, and the file is as it was.
    """
    path = Path(path).resolve()
    name = path.relative_to(root).as_posix()
    start = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    write_generated(notebook, repository(root), name)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    peak = asyncio.run(execute(notebook, path.parent, progress))
    normalise(notebook)
    nbformat.validate(notebook)
    write_atomically(path, nbformat.writes(notebook) + "\n")
    seconds = time.perf_counter() - start
    record(root / RECORD, name.removeprefix("notebooks/").removesuffix(".ipynb"), seconds, peak)
    return seconds, peak


# --- the record -----------------------------------------------------------------------------------


def machine():
    """Return what the times were taken on, such as `2 CPU cores`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} CPU cores" + (" and a GPU" if Path("/dev/nvidia0").exists() else "")


def record(path, name, seconds, peak):
    """Set the row of one notebook in the csv file of last runs."""
    rows = {}
    if path.exists():
        with path.open(newline="") as file:
            rows = {row["name"]: row for row in csv.DictReader(file)}
    rows[name] = {"name": name, "seconds": round(seconds), "peak_mb": round(peak), "machine": machine()}
    lines = [",".join(map(str, rows[key].values())) for key in sorted(rows)]
    write_atomically(path, "\n".join(["name,seconds,peak_mb,machine", *lines]) + "\n")


# --- all of them ----------------------------------------------------------------------------------


def select(names, root=ROOT):
    """Return the notebooks to run: all chapters, or those that begin with a name (`05`, `solutions/05`)."""
    folder = root / "notebooks"
    chapters = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not names:
        return chapters
    everything = [*chapters, *sorted(folder.glob("solutions/*.ipynb"))]
    known = {path.relative_to(folder).as_posix(): path for path in everything}
    found = []
    for name in names:
        hits = [path for key, path in known.items() if key.startswith(name.removeprefix("notebooks/"))]
        if not hits:
            stems = ", ".join(path.stem for path in chapters) or "none yet"
            raise LookupError(f"No notebook begins with {name!r}. The chapters: {stems}.")
        found += [path for path in hits if path not in found]
    return found


def main(names=(), root=ROOT):
    """Run the notebooks; return the exit code: 0 done, 1 a notebook failed, 2 no such notebook."""
    try:
        paths = select(names, root)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    start = time.perf_counter()
    for path in paths:
        line = Progress(path.relative_to(root / "notebooks").with_suffix("").as_posix())
        try:
            seconds, peak = run(path, root, line.show)
        except NotebookError as error:
            line.end("failed")
            print(f"\n{path.relative_to(root)} stopped in {error}", file=sys.stderr)
            print("The file is as it was before.", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            line.end("interrupted")
            print("The file is as it was before.", file=sys.stderr)
            return 130
        line.end(f"{seconds:6.0f} s {peak:7.0f} MB")
    minutes, seconds = divmod(round(time.perf_counter() - start), 60)
    plural = "s" * (len(paths) != 1)
    print(f"{len(paths)} notebook{plural} in {minutes} min {seconds} s; the figures are in figures/.")
    return 0


class Progress:
    """One line a notebook: on a terminal the running cell is shown, in a file only the end."""

    def __init__(self, name):
        self.name, self.live = f"{name:<32}", sys.stdout.isatty()
        print(self.name, end="", flush=True)

    def show(self, text):
        """Show what runs now."""
        if self.live:
            print(f"\r{self.name} {text:<24}", end="", flush=True)

    def end(self, text):
        """Finish the line."""
        self.show("")
        print(f"{chr(13) + self.name if self.live else ''} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
