"""Measures what a `.tflite` file costs: bytes, parameters, multiply-accumulates, time, memory."""
