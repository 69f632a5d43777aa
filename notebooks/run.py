"""Execute the notebooks in place: `make course`, or `python notebooks/run.py 05 solutions/05`.

What a notebook must look like stands in CONTRIBUTING.md; the badge, the set-up cell, ids and metadata are written here.
Seconds and peak memory of the last run are kept in benchmarks/results/course.csv.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from utils import CourseError, machine, progress, replacing  # noqa: E402

RECORD = "benchmarks/results/course.csv"
COLAB_LACKS = {"12": "onnxruntime onnx tf2onnx"}  # what a chapter needs there; the others pycocotools
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
TENSORFLOW_LOG = re.compile(
    r"(?m)^(WARNING: All log messages before absl|To enable the following |[IWE]\d{4} |[\d-]{10} [\d:.]+: [IWE] ).*\n?"
)


class NotebookError(CourseError):
    """A notebook that stopped: the message names the cell and the error."""


def repository(root=ROOT):
    """The address of the project on GitHub: that of git's remote `origin`, or else the one in pyproject.toml."""
    if (root / ".git").exists() and shutil.which("git"):
        asked = subprocess.run(["git", "-C", root, "remote", "get-url", "origin"], capture_output=True, text=True)
        name = r"(?:\w+://)?(?:[^@/]+@)?github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
        if origin := re.fullmatch(name, asked.stdout.strip()):
            return f"https://github.com/{origin[1]}"
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]["Repository"].rstrip("/")


def badge(url, path):
    """The line that opens the notebook `path` (from the root, with slashes) on Colab."""
    colab, name = "https://colab.research.google.com", url.removeprefix("https://github.com/")
    return f"[![Open in Colab]({colab}/assets/colab-badge.svg)]({colab}/github/{name}/blob/main/{path})"


def setup_cell(url, path="notebooks/01.ipynb"):
    """The text of the set-up cell of the notebook `path`."""
    (folder, notebook), name = path.rsplit("/", 1), url.rsplit("/", 1)[-1]
    return f'''#@title Set-up: on Colab, fetch the course {{display-mode: "form"}}
import sys

if "google.colab" in sys.modules:  # Colab: fetch the course, add only what Colab lacks
    %cd -q /content
    ![ -d {name} ] || git clone -q --depth 1 {url}
    !pip install -q {COLAB_LACKS.get(notebook[:2], "pycocotools")}
    %cd -q {name}/{folder}
sys.path.insert(0, "{"/".join([".."] * (folder.count("/") + 1))}")'''


def write_generated(notebook, url, path):
    """Put the badge under a chapter's title, and the set-up text into the cell tagged `setup`."""
    first = notebook.cells[0]
    if first.cell_type == "markdown" and "/solutions/" not in path:
        title, _, rest = re.sub(r"(?m)^\[!\[Open in Colab\].*\n?", "", first.source).partition("\n")
        first.source = f"{title}\n\n{badge(url, path)}\n\n{rest.strip()}".strip()
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = setup_cell(url, path)
        if cell.cell_type == "code" and cell.source.startswith("#@title"):  # a folded form on Colab, and in JupyterLab
            cell.metadata["jupyter"] = {"source_hidden": True}


def execute(notebook, path):
    """Run the cells of the notebook at `path`, outputs into them; return the peak memory in MB."""
    client = NotebookClient(notebook, kernel_name="python3", coalesce_streams=True, shutdown_kernel="immediate")
    bar, peak = progress(notebook.cells, desc=path.stem, unit="cell", disable=None), 0
    with client.setup_kernel(env=environment(), cwd=str(path.parent), stderr=subprocess.DEVNULL), bar:
        for index, cell in enumerate(bar):
            bar.refresh()
            try:
                client.execute_cell(cell, index)
                peak = max(peak, memory_mb(client.km.provisioner.pid))
            except (CellExecutionError, DeadKernelError, psutil.NoSuchProcess) as error:
                where = f"{path.name} stopped in cell [{client.code_cells_executed}]; the file is as it was before:"
                raise NotebookError(f"{where}\n\n{cell.source}\n\n{reason(error)}") from error
    return peak


def reason(error):
    """What a reader needs of an error: the lines it passed through, its name and text; or why a kernel may be gone."""
    if not isinstance(error, CellExecutionError):
        return "The kernel died. Most often the memory ran out: close other programs, or lower the size or the batch."
    traceback = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)
    return "".join(re.findall(r"(?m)^(?:File .*:\d+|Cell In).*\n", traceback)) + f"{error.ename}: {error.evalue}"


def memory_mb(pid):
    """The most memory a process has held so far in MB; what it holds now where only Linux would know."""
    status = Path(f"/proc/{pid}/status")
    if status.exists() and (peak := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(peak[1]) * 1024 / 1e6
    return psutil.Process(pid).memory_info().rss / 1e6


def environment():
    """The variables of the kernel: quiet, this Python first, and a CARVANA_DATA that holds in every folder."""
    variables = os.environ | {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "GRPC_VERBOSITY": "ERROR",
        "PYTHONHASHSEED": "0",
        "CHECK_FIGURES": "1",
    }
    variables["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    if data := os.environ.get("CARVANA_DATA"):
        variables["CARVANA_DATA"] = os.path.abspath(os.path.expanduser(data))
    return variables


def normalise(notebook):
    """Bring metadata, cell ids, counts and outputs to the one form in which notebooks are committed."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    language = {"name": "python", "pygments_lexer": "ipython3"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": language})
    seen, count = [], 0
    for cell in notebook.cells:
        kept = {"tags": cell.metadata.get("tags"), "jupyter": cell.metadata.get("jupyter", {})}
        kept["jupyter"] = {key: value for key, value in kept["jupyter"].items() if key == "source_hidden"}
        cell.metadata = nbformat.from_dict({key: value for key, value in kept.items() if value})
        digest = hashlib.sha1((cell.cell_type + cell.source).encode()).hexdigest()[:8]
        seen.append(digest)
        cell["id"] = digest if seen.count(digest) == 1 else f"{digest}-{seen.count(digest)}"
        if cell.cell_type == "code":
            count += bool(cell.source.strip())
            cell.execution_count = count if cell.source.strip() else None
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
                output.get("data", {}).pop(WIDGET_VIEW, None)  # dead without its kernel; the still picture stays
                if output.get("name") == "stderr":
                    output.text = TENSORFLOW_LOG.sub("", output.text)
            cell.outputs = [output for output in cell.outputs if output.get("text", "-").strip()]
    return notebook


def run(path, root=ROOT):
    """Execute one notebook in place, once every cell has run; print and record its seconds and peak memory."""
    name = path.relative_to(root / "notebooks").with_suffix("").as_posix()
    start = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    write_generated(notebook, repository(root), path.relative_to(root).as_posix())
    peak = execute(notebook, path)
    nbformat.validate(normalise(notebook))
    text = nbformat.writes(notebook) + "\n"
    with replacing(path, room=len(text.encode())) as temporary:
        temporary.write_text(text, encoding="utf-8")
    seconds = time.perf_counter() - start
    record(root / RECORD, name, seconds, peak)
    print(f"{name:<32} {seconds:6.0f} s {peak:7.0f} MB", flush=True)


def record(path, name, seconds, peak):
    """Set the row of one notebook in the table of last runs."""
    rows = path.read_text().splitlines()[1:] if path.exists() else []
    rows = [row for row in rows if not row.startswith(f"{name},")] + [f"{name},{seconds:.0f},{peak:.0f},{machine()}"]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(["name,seconds,peak_mb,machine", *sorted(rows), ""]))


def select(names, root=ROOT):
    """The notebooks to run: all chapters, or those that begin with a name (`05`, `solutions/05`)."""
    folder = root / "notebooks"
    chapters = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    everything = [*chapters, *sorted(folder.glob("solutions/*.ipynb"))]
    found = []
    for name in names:
        hits = [path for path in everything if str(path).startswith(str(folder / name.removeprefix("notebooks/")))]
        if not hits:
            raise CourseError(f"No notebook begins with {name!r}. There are: {', '.join(p.stem for p in chapters)}.")
        found += hits
    return list(dict.fromkeys(found)) or chapters


def main(names=(), root=ROOT):
    """Run the notebooks; return the exit code: 0 done, 1 a notebook failed, 2 no such notebook or a full disk."""
    start = time.perf_counter()
    try:
        for path in select(names, root):
            run(path, root)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, NotebookError) else 2
    except KeyboardInterrupt:
        print("\nInterrupted: the notebook that ran is as it was before.", file=sys.stderr)
        return 130
    print(f"{(time.perf_counter() - start) / 60:.1f} minutes in all; the figures are in figures/.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
