"""The Open Inference Protocol over gRPC: a process of its own, which only starts where OPSIN_GRPC_PORT is set."""
