"""The ONNX file of a model, run by OpenVINO: a peer for `engines`."""

import numpy as np
import openvino


class OpenVinoModel:
    """What predicting asks of a network: `utils.inference.Model`."""

    def __init__(self, path):
        settings = {"INFERENCE_PRECISION_HINT": "f32"}  # by itself it takes bfloat16 where the processor has it
        self.model = openvino.Core().compile_model(path, "CPU", settings)
        height, width, channels = (side.get_length() for side in list(self.model.input().partial_shape)[1:])
        self.input_shape = (None, height, width, channels)

    def predict_on_batch(self, images):
        return self.model(images.astype(np.float32, copy=False))[0]
