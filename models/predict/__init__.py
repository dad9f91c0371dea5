"""Classifies many pictures with one command: `python -m models predict`.

`pictures` lists them, a `worker` on each core decodes and classifies some at a time, the `pool` hands them out and
puts the answers in order, `answer_file` keeps them so that a run that was killed goes on where it stopped.
"""
