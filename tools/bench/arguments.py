"""What people type: the commands, their options, and what is said where one is wrong."""
import argparse
import difflib
import os
from pathlib import Path

import environment
import models
import needs
import pipelines
import service
import tasks
import workloads
from engines import ENGINES, select

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nimbert-bench"
RESULTS = "results.csv"
COMMANDS = ("run", "roofline", "serve", "pipelines", "table", "charts")


def positive(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")


def thread_counts(text: str) -> list[int]:
    """Each once, in the order given."""
    return list(dict.fromkeys(positive(part) for part in text.split(",")))


def seconds(text: str) -> float:
    try:
        if 0 <= float(text) <= 600:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 600")


def reason(parse):
    """A parser whose ValueError reaches the user as it is."""
    def parsed(text: str):
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return parsed


def absolute(text: str) -> Path:
    """A directory that programs with another working directory find, too."""
    return Path(text).absolute()


class Parser(argparse.ArgumentParser):
    """Errors in one line: --help has the rest."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}\n")


def installs(command: str, engines=()) -> str:
    """How much a command downloads where nothing is installed yet."""
    return needs.size(environment.download(environment.packages(command, engines)))


def description() -> str:
    charts, roofline, run = installs("charts"), installs("roofline"), installs("run", ENGINES)
    return f"""\
Measures nimbert beside other engines on this machine: one command from nothing to tables and charts.

    python3 tools/bench                     everything: some 35 minutes, after 10 of preparing the first time
    python3 tools/bench --quick             does it work? three minutes, no figures to quote
    python3 tools/bench --engines nimbert,openvino-int8
    python3 tools/bench --task classify,embed   logits and vectors in the same rounds, beside each other
    python3 tools/bench --task classify,tag,answer   beside them a classifier of tokens, and answers to a question
    python3 tools/bench --shape xlm-roberta-base --workloads 1x32,1x128,mixed    a model of another shape
    python3 tools/bench roofline            nimbert alone, beside what the machine allows
    python3 tools/bench serve               nimbert's service beside others, under load: 40 minutes
    python3 tools/bench table FILE.csv      the tables of a record
    python3 tools/bench charts FILE.csv     the tables and the charts of a record, drawn again

Options without a command are those of `run`. A command installs what it needs and does not find,
into an environment in the cache, and says so before: table nothing, charts {charts}, roofline {roofline},
and run {run} with all engines. Most of that is CUDA, which PyTorch brings on Linux.

README.md beside this file says what is measured, and how."""


def example(*commands: str) -> str:
    return "for example:\n" + "\n".join(f"  python3 tools/bench {command}" for command in commands)


def installing() -> argparse.ArgumentParser:
    """The options of commands that run or draw."""
    out = argparse.ArgumentParser(add_help=False)
    out.add_argument("--cache", metavar="DIR", type=absolute, default=CACHE,
                     help="where what is installed (6 GB with all engines) and the models' files (2.5 GB each) are "
                          "kept (default: nimbert-bench in the user's cache)")
    out.add_argument("--python", metavar="PROGRAM",
                     help="a Python that has the packages, used as it is: nothing is installed, and what it lacks is "
                          "left out")
    out.add_argument("--output", metavar="DIR", type=Path, default=environment.REPOSITORY / "target" / "bench",
                     help=f"where {RESULTS} and the charts go (default: target/bench)")
    return out


def timing() -> argparse.ArgumentParser:
    """The options of commands that measure."""
    out = argparse.ArgumentParser(add_help=False)
    model = out.add_mutually_exclusive_group()
    model.add_argument("--shape", metavar="NAME", choices=[*models.SHAPES], default=models.DEFAULT,
                       help=f"of the model: {', '.join(models.SHAPES)}, with weights from a seed (default: "
                            f"{models.DEFAULT})")
    model.add_argument("--checkpoint", metavar="DIR", type=Path,
                       help="a Hugging Face classifier of the BERT family instead")
    out.add_argument("--threads", metavar="N,...", type=thread_counts, default=[1],
                     help="threads of each engine, several counts one after the other (default: 1)")
    out.add_argument("--workloads", metavar="NAMES", type=reason(workloads.choose),
                     help="TEXTSxTOKENS, mixed and texts, with commas between them, - for none; load and memory are "
                          f"always measured (default: {workloads.USUAL})")
    out.add_argument("--batch", metavar="N", type=positive, default=workloads.PADDED_BATCH,
                     help="texts of mixed lengths that the others get at once, sorted and padded (default: "
                          f"{workloads.PADDED_BATCH}, their best)")
    out.add_argument("--seconds", metavar="S", type=seconds,
                     help="time for each workload in a round, at least (default: 1)")
    out.add_argument("--rounds", metavar="N", type=positive,
                     help="how often all engines take their turn (default: 3)")
    out.add_argument("--quick", action="store_true",
                     help=f"workloads {workloads.QUICK}, few texts, 0.2 seconds, 1 round unless said otherwise")
    return out


def parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    out = Parser(prog="tools/bench", description=description(), formatter_class=raw)
    commands = out.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, does: str, *examples: str, parents=()) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=parents, help=does, description=f"{does[0].upper()}{does[1:]}.",
                                   epilog=example(*examples), formatter_class=raw)

    run = command("run", "measure all engines (done without a command, too)", "run --quick",
                  "run --threads 1,2 --output target/threads",
                  "run --engines pytorch-f32,nimbert --workloads 1x128,mixed",
                  "run --shape xlm-roberta-base --workloads 1x32,1x128,mixed",
                  "run --task classify,embed --pooling mean,cls",
                  parents=[installing(), timing()])
    run.add_argument("--task", metavar="TASKS", type=reason(lambda text: tasks.choose(tasks.NAMES, text)),
                     default=["classify"],
                     help="classify, embed, tag, answer, several with commas: forwards to the logits of a text, to its "
                          "pooled vector, to the logits of each of its tokens, or from the windows of a question's long "
                          "context to the best answer (default: classify; with others the workloads are "
                          f"{workloads.USUAL_OF_TASKS} unless said otherwise, and answer has its own alone)")
    run.add_argument("--pooling", metavar="HOW", type=reason(lambda text: tasks.choose(tasks.POOLINGS, text)),
                     help="of --task embed: mean, cls or both with a comma (default: mean)")
    run.add_argument("--engines", metavar="NAMES", type=reason(select), default=list(ENGINES),
                     help="such as nimbert,openvino-int8: families or single precisions (default: all)")
    command("roofline", "measure nimbert beside the machine's limits", "roofline --seconds 0.5",
            parents=[installing(), timing()])
    serve = command("serve", "measure nimbert's service beside others, under load", "serve --quick",
                    "serve --servers nimbert", parents=[installing()])
    model = serve.add_mutually_exclusive_group()
    model.add_argument("--shape", metavar="NAME", choices=[*models.SHAPES], default=models.DEFAULT,
                       help=f"of the model: {', '.join(models.SHAPES)} (default: {models.DEFAULT})")
    model.add_argument("--checkpoint", metavar="DIR", type=Path, help="a Hugging Face classifier of the BERT family instead")
    serve.add_argument("--servers", metavar="NAMES", type=reason(service.choose), default=list(service.SERVERS),
                       help="such as nimbert-int8,pytorch (default: all)")
    serve.add_argument("--rounds", metavar="N", type=positive, help="how often all servers take their turn (default: 3)")
    serve.add_argument("--seconds", metavar="S", type=seconds, help="time for each load (default: 8)")
    serve.add_argument("--requests", metavar="N", type=int, help="requests after which memory is looked at, 0 for none "
                       "(default: 100000)")
    serve.add_argument("--quick", action="store_true", help="1 round of 2 seconds, 1000 requests, unless said otherwise")
    python = command("pipelines", "measure nimbert's package for Python beside others, from text to result", "pipelines --quick",
                     "pipelines --shape all-MiniLM-L6 --texts 10000", "pipelines --packages nimbert,fastembed", parents=[installing()])
    model = python.add_mutually_exclusive_group()
    model.add_argument("--shape", metavar="NAME", choices=[*models.SHAPES], default=models.DEFAULT,
                       help=f"of the model: {', '.join(models.SHAPES)} (default: {models.DEFAULT})")
    model.add_argument("--checkpoint", metavar="DIR", type=Path, help="a Hugging Face classifier of the BERT family instead")
    python.add_argument("--packages", metavar="NAMES", type=reason(pipelines.choose), default=pipelines.CONTENDERS,
                        help="such as nimbert,optimum-int8 (default: all)")
    python.add_argument("--threads", metavar="N", type=positive, default=1, help="of each package (default: 1)")
    python.add_argument("--rounds", metavar="N", type=positive, help="how often all packages take their turn (default: 3)")
    python.add_argument("--seconds", metavar="S", type=seconds, help="time for each workload in a round, at least (default: 2)")
    python.add_argument("--texts", metavar="N", type=int, default=0,
                        help="also so many comments at once, once a round; 10000 take minutes each (default: none)")
    python.add_argument("--quick", action="store_true", help="1 round of 0.5 seconds unless said otherwise")
    table = command("table", "print the tables of a record; needs nothing but Python",
                    "table benches/record/results.csv")
    charts = command("charts", "print the tables of a record and draw its charts again",
                     "charts benches/record/results.csv --output charts", parents=[installing()])
    for each in (table, charts):
        each.add_argument("record", metavar="FILE.csv", type=Path)
    return out


def unknown(word: str) -> str:
    """What to say of a word that is no command."""
    if Path(word).is_file():
        return f"{word!r} is no command; the tables of a record: python3 tools/bench table {word}"
    near = difflib.get_close_matches(word, COMMANDS, 1)
    meant = f": did you mean {near[0]}?" if near else "."
    return f"no command {word!r}{meant} There are {', '.join(COMMANDS)}; python3 tools/bench --help explains them"


def chosen_tasks(program: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.Namespace:
    """With `tasks`, what is measured; `roofline` measures logits."""
    names, poolings = getattr(args, "task", ["classify"]), getattr(args, "pooling", None)
    if poolings and "embed" not in names:
        program.error("--pooling is of vectors: it needs --task embed")
    args.tasks = tasks.select(names, poolings or ["mean"])
    return args


def parse(words: list[str]) -> argparse.Namespace:
    """The command and its options; options alone are those of `run`."""
    program = parser()
    if not words or words[0].startswith("-") and words[0] not in ("-h", "--help"):
        words = ["run", *words]
    elif words[0] not in (*COMMANDS, "-h", "--help"):
        program.error(unknown(words[0]))
    args, rest = program.parse_known_args(words)
    if not rest:
        return chosen_tasks(program, args)
    if rest[0] in COMMANDS:
        program.error(f"the command comes before its options: python3 tools/bench {rest[0]} ...")
    near = difflib.get_close_matches(rest[0].lstrip("-").split("=")[0], vars(args), 1)
    meant = f": did you mean --{near[0]}?" if near and rest[0].startswith("-") else "."
    program.error(f"{args.command} does not take {rest[0]!r}{meant} python3 tools/bench {args.command} --help has all")
