#!/usr/bin/env python3
"""Scores a directory of Parquet files with Ray Data: each worker is a process that keeps the model, and all of a node share its file.

    python score_with_ray.py comments scored                                    the built-in demo, two workers of a CPU each
    python score_with_ray.py comments scored --model /models/stars.nimbert --workers 16

Columns of the input stay; label, score and error come to them. A row without an answer has its reason in error, and a null text has
nulls. With RAY_ADDRESS it runs on that cluster, whose nodes all need the model at the same path; otherwise Ray starts here.
Needs ray[data].
"""

import argparse
import os
import sys
import time
from pathlib import Path

import pyarrow.compute
import pyarrow.dataset
import ray

from nimbert.ray import Classifier


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", type=Path, help="a directory of Parquet files")
    parser.add_argument("output", type=Path, help="a directory that is not there yet, or is empty")
    parser.add_argument("--model", help="a packed file, which workers share, a directory, or a name on the hub (default: the built-in demo)")
    parser.add_argument("--text-column", default="text", help="the column of texts (default: text)")
    parser.add_argument("--truncation", action="store_true", help="cut texts of too many tokens, instead of an error in their rows")
    parser.add_argument("--workers", type=int, default=2, help="processes that keep a model (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="threads, and CPUs, of each (default: 1)")
    parser.add_argument("--block-rows", type=int, default=65_536, help="rows of a block: what a worker has at once, does again if it was "
                        "killed, and writes as a file (default: 65536)")
    args = parser.parse_args()
    # Files of an earlier run would be counted with those of this one.
    if args.output.is_dir() and any(args.output.iterdir()):
        parser.error(f"{args.output}: is not empty")
    return args


def main() -> None:
    args = arguments()
    if "RAY_ADDRESS" in os.environ:
        ray.init()
    else:
        # Workers keep their CPUs for as long as they live: one more is for the tasks that read and write.
        ray.init(num_cpus=args.workers * args.threads + 1, include_dashboard=False)
    start = time.monotonic()
    model = os.path.abspath(args.model) if args.model and os.path.exists(args.model) else args.model
    # As it comes, without a shuffle. Ray's own blocks have 128 MB: many minutes of a worker, or all of a small input.
    comments = ray.data.read_parquet(str(args.input.resolve())).repartition(target_num_rows_per_block=args.block_rows)
    scored = comments.map_batches(
        Classifier,
        fn_constructor_kwargs={"model": model, "text_column": args.text_column, "truncation": args.truncation},
        compute=ray.data.ActorPoolStrategy(size=args.workers),
        num_cpus=args.threads,
        batch_size=1024,
        batch_format="pyarrow",
    )
    scored.write_parquet(str(args.output.resolve()))
    seconds = time.monotonic() - start
    errors = pyarrow.dataset.dataset(args.output, format="parquet").to_table(["error"])["error"]
    failed = len(errors) - errors.null_count
    print(f"{args.output}: {len(errors):,} rows, {failed:,} with an error, {len(errors) / seconds:,.0f} rows/s")
    for reason in pyarrow.compute.value_counts(errors.drop_null()).to_pylist()[:5]:
        print(f"{reason['counts']:>10,}  {reason['values']}", file=sys.stderr)


if __name__ == "__main__":
    main()
