"""The whole way: arguments and data are checked, a model is trained, described, packed and measured."""
import os
import sys
from argparse import Namespace
from pathlib import Path

import arguments
import base
import card
import dataset
import labels
import needs
import served
from base import Base
from dataset import Data
from folder import Folder, Settings, as_dict, write_text
from tables import Columns

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# Only noted here: `training` imports them once arguments and data are known to be good.
with needs.packages(*needs.pins(REQUIREMENTS)):
    pass

USUAL_SPLIT = 0.1
USUAL_TOKENS = 128
NO_PROGRAM = 3


def complete(args: Namespace, start: Base) -> None:
    """Puts what the base says in place of what was not said; an error where the two are at odds."""
    keeps_head = bool(start.names) and not args.new_head
    if args.validation and args.split:
        raise ValueError("--split is for data without --validation")
    if args.max_tokens and args.max_tokens > start.most_tokens:
        raise ValueError(f"--max-tokens {args.max_tokens}: {start.path} takes at most {start.most_tokens}")
    args.max_tokens = args.max_tokens or min(USUAL_TOKENS, start.most_tokens)
    args.split = None if args.validation else args.split or USUAL_SPLIT
    args.name = args.name or args.output.resolve().name
    args.base_name = args.base_name or start.path.resolve().name
    if not args.label_separator:
        raise ValueError("--label-separator: empty")
    if not keeps_head:
        args.new_head = True
        if not args.problem:
            raise ValueError("--problem multi-label or --problem single-label? The base is no classifier that says so")
        return
    if args.problem not in (None, start.problem):
        raise ValueError(f"--problem {args.problem}: {start.path / 'config.json'} says {start.problem}: --new-head "
                         "starts anew")
    args.problem = start.problem
    if args.labels and args.labels != start.names:
        raise ValueError(f"--labels: {start.path / 'config.json'} has {', '.join(start.names)}: --new-head starts anew")
    args.labels = start.names


def read_data(args: Namespace) -> Data:
    """The examples. A label of a row that the model will not have is an error with row and column."""
    columns, multi = Columns(args.column, args.label_column), args.problem == "multi-label"
    if len(set(args.labels or [])) < len(args.labels or []):
        raise ValueError("--labels: a name twice")
    sources = [dataset.open_source(path, columns, args.missing, args.multiline)
               for path in (args.train, args.validation) if path]
    names = args.labels or labels.collect(sources[0].rows, multi, args.label_column, args.label_separator)
    if len(names) < 2:
        raise ValueError(f"{args.train}: a single label ({', '.join(names) or 'none'}): at least two are needed")
    reader = labels.Reader(names, multi, args.label_column, args.labels_as, args.label_separator, args.no_label_ok)
    read = [dataset.examples_of(source, reader) for source in sources]
    train, validation = read if args.validation else dataset.split(read[0], args.split, args.seed, str(args.train))
    dataset.refuse_one_kind(names, train, str(args.train))
    dataset.refuse_no_figures(len(names), validation, str(args.validation or args.train))
    return Data(names, multi, train, validation, sources)


def asked(args: Namespace, settings: Settings, start: Base, data: Data) -> dict:
    """What a run that is gone on with must have in common with the one that began."""
    return {"settings": as_dict(settings), "base": start.digest(), "data": [source.sha256 for source in data.sources],
            "column": args.column, "label column": args.label_column, "labels as": args.labels_as,
            "label separator": args.label_separator, "missing": args.missing, "split": args.split,
            "labels": data.names, "problem": args.problem, "rows": len(data.train)}


def train(folder: Folder, settings: Settings, start: Base, data: Data, args: Namespace) -> dict:
    """What training came to; nothing is computed that an earlier run has completed."""
    if (trained := folder.read_trained()) is not None:
        print(f"{folder.model}: trained already", file=sys.stderr)
        return trained
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    print(f"training on {len(data.train)} rows, {len(data.validation)} for validation", file=sys.stderr)
    import training

    if args.threads:
        training.torch.set_num_threads(args.threads)
    trainer, result = training.train(settings, start, data, folder.checkpoints, args.checkpoints)

    def write_model(path: Path) -> None:
        trainer.model.save_pretrained(path)
        trainer.processing_class.save_pretrained(path)

    folder.save(write_model, result)
    return result


def write_card(folder: Folder, settings: Settings, data: Data, trained: dict, args: Namespace,
               measured: served.Served) -> None:
    about = card.About(args.name, args.base_name, args.description, args.intended_use, args.data_description,
                       args.license, args.language, args.tags)
    split = {"share": args.split, "seed": args.seed} if args.split else {}
    write_text(folder.model / "README.md", card.render(about, settings, data, split, trained, measured))


def report(folder: Folder, data: Data, trained: dict, measured: served.Served, max_tokens: int) -> None:
    """What a stranger wants to see at the end."""
    kept = trained["rows"][trained["kept"]]
    print(f"\n{card.results(trained)}\n\nEpoch {kept['epoch']}, {len(data.validation)} validation rows:\n")
    print(card.served_section(kept, measured))
    print(f"\ncheckpoint  {folder.model}, with its card README.md")
    if measured.packed:
        print(f"page        {folder.report}\n\n{measured.said}\n\nNext:")
        print(f"  nimbert classify --model {folder.packed} --max-tokens {max_tokens} 'a text'")
        print(f"  nimbert serve --model {folder.packed}")


def finetune(args: Namespace) -> int:
    """The exit code. What can be wrong with arguments and data is found before anything is installed or computed."""
    start = base.read(args.base)
    complete(args, start)
    program, data, folder = served.find(args.nimbert), read_data(args), Folder(args.output)
    settings = Settings(args.learning_rate, args.batch, args.epochs, args.seed, tuple(args.betas), args.epsilon,
                        args.schedule, args.warmup_steps, args.max_tokens, args.keep, args.new_head)
    if folder.read_trained() is None:
        needs.check(REQUIREMENTS)
    folder.begin(asked(args, settings, start, data), args.resume)
    dataset.write(folder.validation, data)
    trained = train(folder, settings, start, data, args)
    measured = served.Served()
    write_card(folder, settings, data, trained, args, measured)
    if program:
        measured = served.serve(program, folder, trained["rows"][trained["kept"]], args)
        write_card(folder, settings, data, trained, args, measured)
    report(folder, data, trained, measured, args.max_tokens)
    if not program:
        commands = served.Commands("nimbert", folder, args.max_tokens)
        print("\nThere is no program nimbert (cargo build --release makes it, --nimbert names it). What remains:",
              *(f"  {served.printed(command)}" for command in commands.remaining(args)), sep="\n")
        return NO_PROGRAM
    for problem in measured.problems:
        print(f"finetune: {problem}", file=sys.stderr)
    return 1 if measured.problems else 0


def main(words: list[str] | None = None) -> int:
    """Runs what the command line says, or these words."""
    args = arguments.parser().parse_args(words)
    try:
        return finetune(args)
    except KeyboardInterrupt:
        code, what = 130, "interrupted"
    except (OSError, RuntimeError, ValueError) as error:
        code, what = 1, str(error)
    print(f"finetune: {what}", file=sys.stderr)
    if any(args.output.glob("checkpoints/checkpoint-*")):
        print(f"finetune: {args.output} keeps what was computed: the same command with --resume goes on",
              file=sys.stderr)
    return code
