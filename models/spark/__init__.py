"""Classifies millions of pictures on Apache Spark: `python -m models.spark` is `models predict` past one machine.

The driver says what is to be done (`command`, `listing`, `output`); Python workers of the executors do it (`scoring`),
each with a process of `models.predict.pool` beside it, so that a picture that ends a process ends no task.
"""
