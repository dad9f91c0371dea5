"""The Open Inference Protocol, version 2, without its transport: requests and answers as documents and tensors."""
