#!/usr/bin/env python3
"""Scores a directory of Parquet files with Spark: each worker of Python keeps the model, and all of a node share its file.

    python score_with_spark.py comments scored                                  the built-in demo, two workers of a CPU each
    python score_with_spark.py comments scored --model /models/stars.nimbert --master 'local[16,4]'
    spark-submit score_with_spark.py comments scored --model /models/stars.nimbert      on the cluster that spark-submit knows

Columns of the input stay; label, score and error come to them. A row without an answer has its reason in error, and a null text has
nulls. On a cluster all nodes need the model at the same path. Needs pyspark[sql], and Java 17 or later.
"""

import argparse
import os
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nimbert.spark import classify


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", help="a directory of Parquet files")
    parser.add_argument("output", help="a directory that is not there yet")
    parser.add_argument("--model", help="a packed file, which workers share, a directory, or a name on the hub (default: the built-in demo)")
    parser.add_argument("--text-column", default="text", help="the column of texts (default: text)")
    parser.add_argument("--truncation", action="store_true", help="cut texts of too many tokens, instead of an error in their rows")
    parser.add_argument("--master", help="where it runs, if spark-submit does not say so; local[N,M] is N workers here, which try a task M "
                        "times (default: local[2,4])")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    # Workers are the python3 of the PATH otherwise, which may have no nimbert.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("nimbert").config("spark.ui.showConsoleProgress", sys.stderr.isatty())
    # What spark-submit has been told stays, unless --master says otherwise.
    if args.master or "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = builder.master(args.master or "local[2,4]")
    spark = builder.getOrCreate()
    start = time.monotonic()
    comments = spark.read.parquet(args.input)
    answer = classify(args.model, truncation=args.truncation)
    scored = comments.withColumn("_answer", answer(args.text_column)).select("*", "_answer.*").drop("_answer")
    scored.write.parquet(args.output)
    seconds = time.monotonic() - start
    written = spark.read.parquet(args.output)
    rows, failed = written.agg(F.count("*"), F.count("error")).first()
    print(f"{args.output}: {rows:,} rows, {failed:,} with an error, {rows / seconds:,.0f} rows/s")
    for reason in written.where("error is not null").groupBy("error").count().orderBy(F.desc("count")).limit(5).collect():
        print(f"{reason['count']:>10,}  {reason['error']}", file=sys.stderr)
    spark.stop()


if __name__ == "__main__":
    main()
