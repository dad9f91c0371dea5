"""Runs models in processes of their own: pixels in, probabilities out.

A request reserves one slot per image, has each image decoded straight into its slot, submits the slot while the next
image is decoded, and waits for the results::

    with engine.reserve(model, len(uploads), deadline=deadline) as slots:
        for upload, slot in zip(uploads, slots):
            preprocess(upload, model.pixels, out=slot.pixels)
            slot.submit()
        answers = [slot.result() for slot in slots]

The slots are memory shared with the engine's process (``server.engine.slot_table``), which is the engine's own affair.
Deadlines are seconds of the monotonic clock, which all processes of a machine share.
"""
