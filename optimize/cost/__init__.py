"""What a `.tflite` file costs to keep and to run: bytes, parameters, multiply-accumulates, time, memory."""
