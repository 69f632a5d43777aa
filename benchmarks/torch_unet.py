"""`models.unet` written in PyTorch, channels last, with the weights of a Keras model: a peer for `throughput`."""

from itertools import islice

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class TorchUNet(nn.Module):
    """The twin of a `models.unet`; ``convs`` holds its convolutions in the order in which features pass them."""

    def __init__(self, model):
        super().__init__()
        kinds = [(type(layer).__name__, layer) for layer in model.layers]
        norms = iter([layer for kind, layer in kinds if kind == "BatchNormalization"])
        convs = [layer for kind, layer in kinds if kind.startswith("Conv2D")]
        self.convs = nn.ModuleList([Conv(layer, next(norms)) for layer in convs[:-1]])
        self.head = with_weights(convs[-1])
        self.stem = [conv.strides[0] for conv in convs].count(2) - (convs[-1].strides[0] == 2)
        self.levels = sum(kind == "MaxPooling2D" for kind, _ in kinds)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        convs, fine, kept = iter(self.convs), [], []

        def then(x, count=2):
            for conv in islice(convs, count):
                x = conv(x)
            return x

        x = x / 127.5 - 1
        for step in range(self.stem):
            x = then(x, 1)
            if step < self.stem - 1:
                fine.append(x)
        for _ in range(self.levels):
            kept.append(then(x))
            x = functional.max_pool2d(kept[-1], 2)
        x = then(x)
        for features in reversed(kept):
            x = then(join(then(x, 1), features))
        for features in fine:
            x = then(join(then(x, 1), features), 1)
        return torch.sigmoid(self.head(x))

    def count_params(self):
        """Weights and moving statistics."""
        counted = [*self.parameters(), *(each for each in self.buffers() if each.ndim)]
        return sum(each.numel() for each in counted)


class Conv(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, layer, norm):
        super().__init__()
        self.conv = with_weights(layer)
        self.norm = nn.BatchNorm2d(layer.filters, eps=norm.epsilon, momentum=1 - norm.momentum)
        names = ("weight", "bias", "running_mean", "running_var")
        copy_into(self.norm, names, norm.get_weights())

    def forward(self, x):
        if self.conv.stride == (2, 2):
            x = functional.pad(x, (0, 1, 0, 1))  # where Keras' "same" pads an even side
        return torch.relu(self.norm(self.conv(x)))


def with_weights(layer):
    """The convolution of PyTorch that does what a layer of Keras does."""
    kernel, *bias = layer.get_weights()
    size, stride, channels = layer.kernel_size[0], layer.strides[0], layer.input.shape[-1]
    if "Transpose" in type(layer).__name__:
        conv = nn.ConvTranspose2d(channels, layer.filters, size, stride)
    else:
        padding = size // 2 if stride == 1 else 0
        conv = nn.Conv2d(channels, layer.filters, size, stride, padding, bias=layer.use_bias)
    copy_into(conv, ("weight", "bias"), [kernel.transpose(3, 2, 0, 1), *bias])
    return conv


def copy_into(module, names, arrays):
    state = {name: torch.from_numpy(np.array(array)) for name, array in zip(names, arrays, strict=False)}
    module.load_state_dict(state, strict=False)


def join(x, features):
    x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.cat([x, features], 1)


def tensor(array):
    """An array of Keras' shape, which is PyTorch's "channels last" in memory, as float."""
    return torch.from_numpy(array).permute(0, 3, 1, 2).float()


def predict_on_batch(net, x):
    net.eval()
    with torch.inference_mode():
        return net(tensor(x)).permute(0, 2, 3, 1).numpy()


def train_on_batch(net):
    """A function that makes a step with Adam and `losses.bce_dice`, and returns the loss."""
    adam = torch.optim.Adam(net.parameters(), 1e-3, eps=1e-7)

    def step(x, y):
        net.train()
        adam.zero_grad()
        loss = bce_dice(tensor(y), net(tensor(x)))
        loss.backward()
        adam.step()
        return loss.item()

    return step


def bce_dice(y, p):
    p = p.clip(1e-7, 1 - 1e-7)
    overlap, total = (y * p).sum((1, 2, 3)), (y.square() + p.square()).sum((1, 2, 3))
    return functional.binary_cross_entropy(p, y) + (1 - (2 * overlap + 1) / (total + 1)).mean()
