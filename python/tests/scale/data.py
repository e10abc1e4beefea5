"""Comments as Parquet, and what one process makes of them."""

from pathlib import Path

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet

import nimbert

COMMENTS = Path(__file__).resolve().parents[3] / "tests/data/comments.txt"
LONG = "很" * 600
FAILS = "longer than 512 tokens; truncation=True cuts it"


def write(folder: Path, rows: int, files: int) -> list[str | None]:
    """`rows` texts in so many files, with their ids: comments, among them nulls and some that are too long. Returns the texts."""
    comments = COMMENTS.read_text(encoding="utf-8").splitlines()
    # No two alike, so that a row in another's place is found.
    texts = [f"{comments[index % len(comments)]}{index}" for index in range(rows)]
    texts[7::101] = [None] * len(texts[7::101])
    texts[11::211] = [LONG] * len(texts[11::211])
    folder.mkdir()
    for number in range(files):
        ids = range(number * rows // files, (number + 1) * rows // files)
        table = pyarrow.table({"id": [*ids], "text": [texts[id] for id in ids], "film": [f"film {id % 9}" for id in ids]})
        pyarrow.parquet.write_table(table, folder / f"{number:03}.parquet")
    return texts


def read(folder: Path) -> pyarrow.Table:
    """All rows of a directory, in the order of their ids."""
    return pyarrow.parquet.read_table(folder).sort_by("id")


class Expected:
    """What one process makes of the same texts, without Ray and Spark."""

    def __init__(self, texts: list[str | None], model: Path | None = None) -> None:
        engine = nimbert.Engine(model, threads=1)
        self.good = [index for index, text in enumerate(texts) if text not in (None, LONG)]
        self.failed = [index for index, text in enumerate(texts) if text == LONG]
        self.rows, some = len(texts), [texts[index] for index in self.good]
        scores = engine.scores(some)
        self.labels = [engine.labels[index] for index in scores.argmax(1)]
        self.scores, self.all_scores, self.vectors = scores.max(1), scores, engine.embed(some[:400])

    def check(self, case, found: pyarrow.Table) -> None:
        """That `found` has each row once, and in label, score and error the same, to the bit."""
        case.assertEqual(found["id"].to_pylist(), [*range(self.rows)])
        case.assertEqual(found["film"].to_pylist(), [f"film {id % 9}" for id in range(self.rows)])
        good = found.take(self.good)
        case.assertEqual(good["label"].to_pylist(), self.labels)
        score = good["score"].to_numpy()
        case.assertEqual(score.dtype, numpy.float32)
        case.assertTrue((score.view(numpy.uint32) == self.scores.view(numpy.uint32)).all())
        for name in ("label", "score"):
            case.assertEqual(found[name].null_count, self.rows - len(self.good), name)
        case.assertEqual(found["error"].take(self.failed).to_pylist(), [FAILS] * len(self.failed))
        case.assertEqual(found["error"].null_count, self.rows - len(self.failed))
