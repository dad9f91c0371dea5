"""`python -m models.spark`, and the program that `spark-submit` is given: classify pictures on Apache Spark."""

import sys

from models.spark.command import main

if __name__ == "__main__":
    sys.exit(main())
