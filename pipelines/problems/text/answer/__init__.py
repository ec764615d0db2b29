"""The packaged text model. Needs numpy, and tokenizers and ONNX Runtime where an encoder is in it."""
