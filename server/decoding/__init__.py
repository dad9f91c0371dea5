"""Decodes images so that none takes more than its share: what one costs is known, waits its turn, and can be ended.

A `decoder.Decoder` is the HTTP worker's. It decodes what is plain and cheap itself and hands all else to a process
beside the worker (`process`), through a `task_channel`; images wait for their turn in a `decode_queue`. That process
has limits of its own, which the kernel enforces whatever native code it is in; the `supervisor`, in the master, starts
another where one has ended.
"""
