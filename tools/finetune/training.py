"""Training with the Trainer of transformers. Its packages are imported here and nowhere else."""
import json
import math
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

import tokenizers
import torch
import transformers
from safetensors import SafetensorError
from tqdm import tqdm
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer,
                          TrainerCallback, TrainingArguments, set_seed)
from transformers.trainer_callback import PrinterCallback, ProgressCallback

import figures
from base import PROBLEMS, Base
from dataset import Data, Example
from folder import Settings

NEAR = 1e-4
"""How far apart nimbert's logits and PyTorch's may be before their tests fail."""
HEADS = ("classifier.", "pre_classifier.", "pooler.")
"""What a base that is no classifier lacks."""


class Bar(ProgressCallback):
    """Trainer's bar alone: its dictionaries of numbers are for programs."""

    def on_log(self, *args, **kwargs):
        pass


class Lines(TrainerCallback):
    """A line for each epoch."""

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "eval_loss" in (logs or {}):
            row = table(state.log_history)[-1]
            tqdm.write(f"epoch {row['epoch']}: training loss {row['training_loss']:.4f}, validation loss "
                       f"{row['validation_loss']:.4f}, F1 {row['f1']:.4f}", file=sys.stderr)


def table(history: list[dict]) -> list[dict]:
    """A row for each epoch that was evaluated, of what Trainer has logged."""
    losses = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
    return [{"epoch": round(entry["epoch"]), "step": entry["step"], "training_loss": losses[entry["step"]],
             "validation_loss": entry["eval_loss"], "f1": entry["eval_f1"], "roc_auc": entry["eval_roc_auc"],
             "accuracy": entry["eval_accuracy"], "smallest": entry["eval_smallest"],
             "near_ties": entry["eval_near_ties"]}
            for entry in history if "eval_loss" in entry]


def metrics_of(data: Data):
    """What Trainer asks after each epoch."""
    truth = [set(example.labels) for example in data.validation]

    def metrics(prediction) -> dict[str, float]:
        logits = torch.from_numpy(prediction.predictions)
        scores = torch.sigmoid(logits) if data.multi else torch.softmax(logits, dim=1)
        decided = [figures.given(row, data.multi) for row in scores.tolist()]
        found = figures.compute(decided, truth, len(data.names))
        return asdict(found) | {"near_ties": figures.near_ties(logits.tolist(), data.multi, NEAR)}
    return metrics


def encoded(examples: list[Example], tokenizer, settings: Settings, data: Data) -> list[dict]:
    """Token ids with labels: a 0 or 1 for each (multi-label), else the label's place."""
    out = tokenizer([example.text for example in examples], truncation=True, max_length=settings.max_tokens)
    rows = [dict(zip(out.keys(), values)) for values in zip(*out.values())]
    for row, example in zip(rows, examples, strict=True):
        places = range(len(data.names))
        row["labels"] = [float(place in example.labels) for place in places] if data.multi else example.labels[0]
    return rows


def load(path: Path, data: Data, fresh_head: bool):
    """The base with a head of these labels, in f32, and the names of the weights that start from random values."""
    ours = dict(enumerate(data.names))
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            path, local_files_only=True, dtype=torch.float32, num_labels=len(ours), id2label=ours,
            label2id={name: place for place, name in ours.items()},
            problem_type=PROBLEMS["multi-label" if data.multi else "single-label"],
            ignore_mismatched_sizes=fresh_head, output_loading_info=True)
    except SafetensorError as error:
        raise ValueError(f"{path}: {error}") from None
    fresh = sorted({*report["missing_keys"], *(entry[0] for entry in report["mismatched_keys"])})
    allowed = HEADS if fresh_head else ()
    if lacking := [name for name in fresh if not any(part in name for part in allowed)]:
        raise ValueError(f"{path}: the weights lack {', '.join(lacking[:3])}{' and more' if len(lacking) > 3 else ''}")
    return model, fresh


def start_anew(model) -> list[str]:
    """Gives a classifier's own matrices random values, as a new one has them; the names of its weights."""
    for part in model.classifier.modules():
        if isinstance(part, torch.nn.Linear):
            torch.nn.init.normal_(part.weight, std=model.config.initializer_range)
            torch.nn.init.zeros_(part.bias)
    return [f"classifier.{name}" for name, _ in model.classifier.named_parameters()]


def arguments(settings: Settings, checkpoints: Path, keep_checkpoints: int) -> TrainingArguments:
    best = settings.keep != "last"
    return TrainingArguments(
        output_dir=str(checkpoints.resolve()), learning_rate=settings.learning_rate, num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch, per_device_eval_batch_size=settings.batch,
        optim="adamw_torch", adam_beta1=settings.betas[0], adam_beta2=settings.betas[1], adam_epsilon=settings.epsilon,
        weight_decay=0.0, lr_scheduler_type=settings.schedule, warmup_steps=settings.warmup_steps, seed=settings.seed,
        eval_strategy="epoch", save_strategy="epoch", logging_strategy="epoch", save_total_limit=keep_checkpoints,
        load_best_model_at_end=best, metric_for_best_model=f"eval_{settings.keep}" if best else None,
        greater_is_better=settings.keep != "loss" if best else None,
        report_to=[], dataloader_pin_memory=torch.cuda.is_available())


def complete_checkpoint(folder: Path) -> Path | None:
    """The last one that was written to its end: Trainer writes trainer_state.json after all other files."""
    found = {}
    for path in folder.glob("checkpoint-*/trainer_state.json"):
        try:
            found[json.loads(path.read_text(encoding="utf-8"))["global_step"]] = path.parent
        except (ValueError, KeyError):
            continue
    return found[max(found)] if found else None


def train(settings: Settings, base: Base, data: Data, checkpoints: Path, keep_checkpoints: int) -> tuple[Trainer, dict]:
    """Trains from the last complete checkpoint, if there is one; the trainer, and what the card says of its work."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    set_seed(settings.seed)
    tokenizer = AutoTokenizer.from_pretrained(base.path, local_files_only=True)
    model, fresh = load(base.path, data, settings.new_head)
    if settings.new_head and base.names:
        fresh = start_anew(model)
    trainer = Trainer(
        model, arguments(settings, checkpoints, keep_checkpoints), processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer), compute_metrics=metrics_of(data),
        train_dataset=encoded(data.train, tokenizer, settings, data),
        eval_dataset=encoded(data.validation, tokenizer, settings, data))
    for usual in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(usual)
    for ours in (Bar, Lines) if sys.stderr.isatty() else (Lines,):
        trainer.add_callback(ours)
    resumed, start = complete_checkpoint(checkpoints), time.monotonic()
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    rows = table(trainer.state.log_history)
    if not all(math.isfinite(row["validation_loss"]) for row in rows):
        raise ValueError(f"{checkpoints}: the loss is no longer a number: a lower --learning-rate may help")
    best = settings.keep != "last"
    if best and not Path(trainer.state.best_model_checkpoint).is_dir():
        raise ValueError(f"{trainer.state.best_model_checkpoint}: the best epoch's weights are no longer there")
    kept = trainer.state.best_global_step if best else rows[-1]["step"]
    return trainer, {"rows": rows, "kept": [row["step"] for row in rows].index(kept),
                     "fresh": fresh, "resumed": resumed is not None, "seconds": time.monotonic() - start,
                     "versions": versions()}


def versions() -> dict[str, str]:
    threads = torch.get_num_threads()
    processor = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return {"Transformers": transformers.__version__, "Pytorch": torch.__version__,
            "Tokenizers": tokenizers.__version__, "Python": platform.python_version(),
            "Device": torch.cuda.get_device_name() if torch.cuda.is_available() else processor}
