"""Runs models in processes of their own: pixels in, probabilities out.

A request reserves one slot per image, has each image decoded straight into its slot, submits the slot while the next
image is decoded, and waits for the results::

    with engine.reserve(model, len(uploads), deadline=deadline) as slots:
        for upload, slot in zip(uploads, slots):
            preprocess(upload, model.pixels, out=slot.pixels)
            slot.submit()
        probabilities = [slot.result() for slot in slots]

Here ``engine`` is the HTTP worker's `client.EngineClient`. A `slot.Slot` is memory that it shares with the engine's
process (`slot_table`), where the `batcher` gives batches of slots to the `runners`, which run a version that the
`registry` has `loaded`. The `supervisor` starts that process anew when it dies. Deadlines are seconds of the monotonic
clock, which all processes of a machine share.
"""
