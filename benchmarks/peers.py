"""The networks that `benchmarks.time_to_dice` trains: the course's own, and those that people would use instead.

Each peer is written anew from its authors' description, or comes from its authors' package, without weights; and each
has the optimiser, batch, loss and augmentation that its authors published, for whatever hardware they had. Photos are
made as small as a CPU needs: 128 pixels, but for Keras' example, which was written for 160. In practice nobody starts
these encoders from chance: `PRETRAINED` holds the same networks with encoders trained on ImageNet, which are fetched.
"""

from collections import namedtuple
from contextlib import contextmanager

import keras
from keras import layers

from utils import CourseError, losses, models, training
from utils.augment import COMPETITION

FLIP = {"flip": 0.5}

# ``size`` of the input; ``hard`` masks of 0 and 1, or soft ones; ``cosine``: the learning rate falls to 0 at the end.
# ``build()`` returns a compiled Keras model, or for PyTorch network, optimiser and loss.
Network = namedtuple("Network", "framework size batch augment hard cosine build")


def course_unet_128():
    return _course(models.unet(128, base=8))


def course_unet_256():
    return _course(models.unet(256, base=16, stem=4))


def course_baseline():
    return _course(models.baseline_cnn(128))


def _course(model):
    training.compile_model(model, losses.bce_dice, keras.optimizers.Adam(2e-3))
    return model


def xception_unet(size=160, classes=2):
    """The U-Net of Keras' example on pets: separable convolutions down, transposed ones up, residuals all the way."""

    def twice(x, convolution, filters):
        for _ in range(2):
            x = layers.ReLU()(x)
            x = layers.BatchNormalization()(convolution(filters, 3, padding="same")(x))
        return x

    inputs = keras.Input((size, size, 3))
    x = layers.Conv2D(32, 3, strides=2, padding="same")(layers.Rescaling(1 / 255)(inputs))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for filters in (64, 128, 256):
        main = layers.MaxPooling2D(3, strides=2, padding="same")(twice(x, layers.SeparableConv2D, filters))
        x = layers.Add()([main, layers.Conv2D(filters, 1, strides=2, padding="same")(x)])
    for filters in (256, 128, 64, 32):
        main = layers.UpSampling2D()(twice(x, layers.Conv2DTranspose, filters))
        x = layers.Add()([main, layers.Conv2D(filters, 1, padding="same")(layers.UpSampling2D()(x))])
    outputs = layers.Conv2D(classes, 3, padding="same", activation="softmax")(x)
    return _classes(keras.Model(inputs, outputs), keras.optimizers.Adam(1e-4))


def wide_unet(size=128, base=64, levels=4):
    """petrosgk's U-Net of 2017: two convolutions a level on the way down, three on the way up."""

    def convolve(x, filters, times):
        for _ in range(times):
            x = layers.Conv2D(filters, 3, padding="same")(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return x

    inputs = keras.Input((size, size, 3))
    x, kept = layers.Rescaling(1 / 255)(inputs), []
    for level in range(levels):
        kept.append(convolve(x, base * 2**level, 2))
        x = layers.MaxPooling2D()(kept[-1])
    x = convolve(x, base * 2**levels, 2)
    for features in reversed(kept):
        x = convolve(layers.Concatenate()([features, layers.UpSampling2D()(x)]), features.shape[-1], 3)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    model.compile(keras.optimizers.RMSprop(1e-4), losses.bce_dice, jit_compile=False)
    return model


def segformer_b0(size=128):
    """SegFormer-B0. Its authors fine-tune with a rate of 6e-5, and ten times that for what is new: here, all of it."""
    from keras_hub.models import MiTBackbone, SegFormerBackbone, SegFormerImageSegmenter

    encoder = MiTBackbone(
        image_shape=(size, size, 3), num_layers=4, hidden_dims=[32, 64, 160, 256], layerwise_depths=[2, 2, 2, 2],
        layerwise_num_heads=[1, 2, 5, 8], layerwise_sr_ratios=[8, 4, 2, 1], layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2], max_drop_path_rate=0.1,
    )  # fmt: skip
    segmenter = SegFormerImageSegmenter(SegFormerBackbone(encoder, projection_filters=256), num_classes=2)
    return _classes(_normalised(segmenter, size), keras.optimizers.AdamW(6e-4, weight_decay=0.01))


def deeplab_v3_plus(encoder_weights=None, size=128, batch=4):
    """DeepLabV3+ on a ResNet-50, with the settings of KerasHub's guide."""
    from keras_hub.models import DeepLabV3Backbone, DeepLabV3ImageSegmenter, ResNetBackbone

    if encoder_weights:
        with fetching(encoder_weights):
            encoder = ResNetBackbone.from_preset(f"resnet_50_{encoder_weights}", image_shape=(size, size, 3))
    else:
        encoder = ResNetBackbone(
            input_conv_filters=[64], input_conv_kernel_sizes=[7], stackwise_num_filters=[64, 128, 256, 512],
            stackwise_num_blocks=[3, 4, 6, 3], stackwise_num_strides=[1, 2, 2, 2], block_type="bottleneck_block",
            image_shape=(size, size, 3),
        )  # fmt: skip
    backbone = DeepLabV3Backbone(
        image_encoder=encoder, spatial_pyramid_pooling_key="P5", upsampling_size=8, dilation_rates=[6, 12, 18],
        low_level_feature_key="P2", projection_filters=48, image_shape=(size, size, 3),
    )  # fmt: skip
    segmenter = DeepLabV3ImageSegmenter(backbone, num_classes=2)
    optimizer = keras.optimizers.SGD(0.007 * batch / 16, momentum=0.9, weight_decay=1e-4, clipnorm=10.0)
    return _classes(_normalised(segmenter, size), optimizer)


def _normalised(segmenter, size):
    """KerasHub's networks want standardised photos, and answer with a number for each class."""
    inputs = keras.Input((size, size, 3))
    x = layers.Normalization(mean=[123.7, 116.3, 103.5], variance=[3408.0, 3263.0, 3291.0])(inputs)
    return keras.Model(inputs, layers.Softmax()(segmenter(x)))


def _classes(model, optimizer):
    """Two classes, the second one "car"."""
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    return model


def pytorch_unet(base=64, levels=4):
    """The U-Net of Pytorch-UNet, 31 million parameters, which trains on one photo at a time."""
    import torch
    from torch import nn

    def double(before, after):
        steps = []
        for channels in (before, after):
            steps += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*steps)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [base * 2**level for level in range(levels + 1)]
            pairs = list(zip(widths, widths[1:]))
            self.first, self.last = double(3, base), nn.Conv2d(base, 1, 1)
            self.down = nn.ModuleList(double(*pair) for pair in pairs)
            self.spread = nn.ModuleList(nn.ConvTranspose2d(deep, wide, 2, 2) for wide, deep in reversed(pairs))
            self.up = nn.ModuleList(double(deep, wide) for wide, deep in reversed(pairs))

        def forward(self, x):
            kept = [self.first(x / 255)]
            for block in self.down:
                kept.append(block(nn.functional.max_pool2d(kept[-1], 2)))
            x = kept.pop()
            for spread, block in zip(self.spread, self.up):
                x = block(torch.cat([kept.pop(), spread(x)], dim=1))
            return self.last(x)

    def loss(logits, masks):
        found = torch.sigmoid(logits)
        dice = (2 * (found * masks).sum() + 1e-6) / (found.sum() + masks.sum() + 1e-6)
        return nn.functional.binary_cross_entropy_with_logits(logits, masks) + 1 - dice

    model = UNet()
    return model, torch.optim.RMSprop(model.parameters(), 1e-5, weight_decay=1e-8, momentum=0.999), loss


def smp_unet(encoder, encoder_weights=None):
    """The U-Net of segmentation-models-pytorch, with the settings of its example."""
    import torch

    _declare_vision_operators()
    import segmentation_models_pytorch as smp

    class Normalised(torch.nn.Module):
        def __init__(self):
            super().__init__()
            with fetching(encoder_weights):
                self.unet = smp.Unet(encoder, encoder_weights=encoder_weights)

        def forward(self, x):
            mean, deviation = torch.tensor([[123.7, 116.3, 103.5], [58.4, 57.1, 57.4]])[:, None, :, None, None]
            return self.unet((x - mean) / deviation)

    model = Normalised()
    return model, torch.optim.Adam(model.parameters(), 2e-4), smp.losses.DiceLoss("binary", from_logits=True)


@contextmanager
def fetching(weights):
    """Say what is missing where weights cannot be fetched."""
    try:
        yield
    except Exception as error:  # each library has errors of its own for a network that is not there
        if not weights:
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CourseError(
            f"The {weights} weights of the encoder could not be fetched ({reason}). They come from huggingface.co or "
            "kaggle.com: run this where the network allows it, or leave --encoder-weights out."
        ) from error


def _declare_vision_operators():
    """Where torchvision's compiled part wants a GPU that torch was built without, its import stops at two operators
    of object detection: declared, they may go missing, since no segmentation network uses them."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")


COURSE_NETWORKS = ["U-Net 256", "U-Net 128", "conv2d"]
NETWORKS = {
    "U-Net 256": Network("tensorflow", 256, 8, FLIP, False, True, course_unet_256),
    "U-Net 128": Network("tensorflow", 128, 8, FLIP, False, True, course_unet_128),
    "conv2d": Network("tensorflow", 128, 8, FLIP, False, True, course_baseline),
    "Keras example": Network("tensorflow", 160, 32, {}, True, False, xception_unet),
    "SegFormer-B0": Network("tensorflow", 128, 16, FLIP, True, True, segformer_b0),
    "DeepLabV3+": Network("tensorflow", 128, 4, FLIP, True, True, deeplab_v3_plus),
    "smp ResNet-18": Network("torch", 128, 32, {}, True, True, lambda: smp_unet("resnet18")),
    "smp MobileNetV2": Network("torch", 128, 32, {}, True, True, lambda: smp_unet("mobilenet_v2")),
    "petrosgk": Network("tensorflow", 128, 16, COMPETITION, True, False, wide_unet),
    "Pytorch-UNet": Network("torch", 128, 1, {}, True, False, pytorch_unet),
}

# The same peers with pre-trained encoders, by the name of the weights.
PRETRAINED = {
    "imagenet": {
        "DeepLabV3+, ImageNet": Network("tensorflow", 128, 4, FLIP, True, True, lambda: deeplab_v3_plus("imagenet")),
        "smp ResNet-18, ImageNet": Network("torch", 128, 32, {}, True, True, lambda: smp_unet("resnet18", "imagenet")),
        "smp MobileNetV2, ImageNet": Network(
            "torch", 128, 32, {}, True, True, lambda: smp_unet("mobilenet_v2", "imagenet")
        ),
    }
}
