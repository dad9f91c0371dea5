"""What a network is: architecture, layers, and the files that are made of it. All of it needs TensorFlow."""
