"""What an ONNX file of ours calls its tensors beside image and probabilities, and what it says of itself."""

FEATURES = "features"  # an output: the last feature maps, float32 [N, channels, height, width]
PRECISION = "opsin_precision"  # a key of its metadata: in which it computes, where not in that of the weights
