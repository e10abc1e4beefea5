"""Runs the notebooks of this folder, as they are, and fails where a cell does.

    pip install nimbert nbclient ipykernel matplotlib torch transformers
    python python/examples/run.py [--write]

--write keeps the outputs in the files.
"""

import argparse
import pathlib

import nbformat
from nbclient import NotebookClient

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--write", action="store_true")
args = parser.parse_args()
for path in sorted(pathlib.Path(__file__).parent.glob("*.ipynb")):
    notebook = nbformat.read(path, 4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    if args.write:
        # What libraries say of themselves is of this machine.
        for cell in notebook.cells:
            cell["outputs"] = [out for out in cell.get("outputs", []) if out.get("name") != "stderr"] if cell.cell_type == "code" else None
            if cell["outputs"] is None:
                del cell["outputs"]
        nbformat.write(notebook, path)
    print(f"{path.name}: {sum(cell.cell_type == 'code' for cell in notebook.cells)} cells")
