"""The model card, in the form of those that the Trainer of transformers writes."""
import json
from dataclasses import dataclass, field

from dataset import Data
from folder import Settings
from served import FIGURES, Served

FIRST = ("Training Loss", "Epoch", "Step", "Validation Loss", "F1", "Roc Auc", "Accuracy")
UNKNOWN = "More information needed"


@dataclass(frozen=True)
class About:
    """What people say of a model."""

    name: str
    base: str
    description: str | None = None
    intended_use: str | None = None
    data_description: str | None = None
    license: str | None = None
    language: str | None = None
    tags: list[str] = field(default_factory=list)


def number(value: float) -> str:
    return f"{value:.4f}"


def table(heads: tuple[str, ...], rows: list[tuple]) -> str:
    """A table in Markdown, its columns as wide as they have to be."""
    cells = [list(map(str, row)) for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join(f":{'-' * width}:" for width in widths) + "|")
    return "\n".join(lines)


def front_matter(about: About) -> str:
    """YAML; values are quoted as JSON strings, which YAML reads as they are."""
    single = {"license": about.license, "language": about.language, "base_model": about.base}
    lists = {"tags": ["text-classification", "generated_from_trainer", *about.tags],
             "metrics": ["f1", "roc_auc", "accuracy"]}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in single.items() if value]
    for key, values in lists.items():
        lines += [f"{key}:", *(f"- {json.dumps(value, ensure_ascii=False)}" for value in values)]
    return "\n".join(["---", *lines, "---"])


def scoring(data: Data) -> str:
    if data.multi:
        return "any number of them for a text: each has a sigmoid of its own, and is given from a score of 0.5 on"
    return "exactly one of them for a text: a softmax over all, and the best is given"


def description(about: About, data: Data, trained: dict) -> str:
    names = ", ".join(f"`{name}`" for name in data.names)
    fresh = ", ".join(f"`{name}`" for name in trained["fresh"]) or "none"
    return (f"{about.description or UNKNOWN}\n\nLabels: {names}; {scoring(data)}. Weights that started from random "
            f"values: {fresh}.")


def uses(about: About, settings: Settings) -> str:
    return (f"{about.intended_use or UNKNOWN}\n\nTexts were cut at {settings.max_tokens} tokens. The model has the "
            "biases of its rows and of its base. Its scores are not calibrated.")


def data_section(about: About, data: Data, split: dict) -> str:
    """Rows, labels, and where the validation rows come from."""
    files = ", ".join(f"`{source.name}` (SHA-256 {source.sha256})" for source in data.sources)
    if split:
        origin = (f"one file, {files}, of which a share of {split['share']:g} was drawn for validation with the seed "
                  f"{split['seed']}")
    else:
        origin = f"two files, for training and for validation: {files}"
    parts = [about.data_description or UNKNOWN, "", f"The rows are those of {origin}."]
    if skipped := sum(source.skipped for source in data.sources):
        parts[-1] += f" {skipped} rows without a text were left out."
    if repeated := data.repeated():
        parts[-1] += f" {repeated} of the validation texts are also among the training texts."
    counts = zip(data.names, data.counts(data.train), data.counts(data.validation))
    rows = [*counts, ("all rows", len(data.train), len(data.validation))]
    return "\n".join([*parts, "", table(("label", "training", "validation"), rows)])


def hyperparameters(settings: Settings) -> str:
    values = {
        "learning_rate": f"{settings.learning_rate:g}", "train_batch_size": settings.batch,
        "eval_batch_size": settings.batch, "seed": settings.seed,
        "optimizer": f"Adam with betas=({settings.betas[0]:g},{settings.betas[1]:g}) and epsilon={settings.epsilon:g}",
        "lr_scheduler_type": settings.schedule, "lr_scheduler_warmup_steps": settings.warmup_steps,
        "num_epochs": settings.epochs, "max_tokens": settings.max_tokens,
    }
    return "\n".join(f"- {key}: {value}" for key, value in values.items())


def results(trained: dict) -> str:
    rows = [(number(row["training_loss"]), row["epoch"], row["step"], *(number(row[key]) for key in FIGURES))
            for row in trained["rows"]]
    return table(FIRST, rows)


def served_section(kept: dict, served: Served) -> str:
    """The row of the epoch that was kept, beside what nimbert measured on the same rows."""
    rows = [("training (PyTorch)", *(number(kept[key]) for key in FIGURES))]
    for evaluated, what in ((served.f32, "the checkpoint"), (served.packed, "the packed file")):
        if evaluated:
            figures = (number(evaluated["figures"][key]) for key in FIGURES.values())
            rows.append((f"nimbert {served.version}, {what}, {evaluated['precision']}", *figures))
    return table(("", "Loss", "F1", "Roc Auc", "Accuracy"), rows)


def render(about: About, settings: Settings, data: Data, split: dict, trained: dict, served: Served) -> str:
    """The whole card. Nothing is claimed that was not measured or said."""
    kept = trained["rows"][trained["kept"]]
    which = "" if trained["kept"] == len(trained["rows"]) - 1 and settings.keep == "last" else (
        f" The weights are those of epoch {kept['epoch']}, the best by {settings.keep}.")
    parts = [
        front_matter(about), f"# {about.name}",
        f"This model is a fine-tuned version of {about.base}. On the validation rows it has:\n\n"
        f"- Loss: {number(kept['validation_loss'])}\n- F1: {number(kept['f1'])}\n- Roc Auc: {number(kept['roc_auc'])}\n"
        f"- Accuracy: {number(kept['accuracy'])}",
        "F1 is micro F1, Roc Auc that of the decisions (not of the scores), over all labels; accuracy is the share of "
        "texts whose labels are all right.",
        "## Model description", description(about, data, trained),
        "## Intended uses & limitations", uses(about, settings),
        "## Training and evaluation data", data_section(about, data, split),
        "## Training procedure", "### Training hyperparameters",
        f"The following hyperparameters were used during training:\n\n{hyperparameters(settings)}",
        "### Training results", f"The training loss is the mean over the epoch.{which}", results(trained),
    ]
    if served.f32 or served.packed:
        parts += ["### Evaluation with nimbert", served_section(kept, served)]
    versions = "\n".join(f"- {name} {version}" for name, version in trained["versions"].items())
    return "\n\n".join([*parts, "### Framework versions", versions]) + "\n"
