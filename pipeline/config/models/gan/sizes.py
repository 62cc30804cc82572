"""Which sizes of images the convolutional nets take, and what their maps are then."""

from pipeline.config.models.gan.nets import (
    DcganDiscriminator,
    DcganGenerator,
    DeconvGenerator,
    MaxoutConvDiscriminator,
)

Shape = tuple[int, ...]  # of an image: channels, height, width

DCGAN_SMALLEST, DCGAN_LARGEST = 16, 64  # pixels a side
DCGAN_START = 7  # DCGAN's smallest map has at most so many pixels a side


class SizeError(ValueError):
    """The images are not of a size that the net takes; the message starts with the key below `train`."""


def check_net(key: str, net: object, image_shape: Shape) -> None:
    """SizeError unless `net`, under `key` of `train`, takes images of the shape."""
    match net:
        case DcganGenerator() | DcganDiscriminator():
            dcgan_maps(image_shape, key)
        case DeconvGenerator():
            deconv_map(net, image_shape)
        case MaxoutConvDiscriminator():
            maxout_conv_features(net, image_shape, key)


def dcgan_maps(image_shape: Shape, key: str = "generator") -> list[tuple[int, int]]:
    """Height and width of DCGAN's maps, from the image down, each half of the one before, rounded up."""
    height, width = image_shape[1:]
    if not DCGAN_SMALLEST <= min(height, width) <= max(height, width) <= DCGAN_LARGEST:
        raise SizeError(
            f"{key}: net dcgan is for images of {DCGAN_SMALLEST} to {DCGAN_LARGEST} pixels a side, these "
            f"have {height} x {width}. Take the net mlp, or bring the images to another size"
        )
    found = [(height, width)]
    while max(found[-1]) > DCGAN_START:
        found.append((-(-found[-1][0] // 2), -(-found[-1][1] // 2)))
    return found


def deconv_map(net: DeconvGenerator, image_shape: Shape) -> tuple[int, int, int]:
    """Channels, height and width before the transposed convolution."""
    height, width = image_shape[1:]
    shape = (net.channels, _deconv_side(net, height), _deconv_side(net, width))
    units = shape[0] * shape[1] * shape[2]
    if units != net.hidden[-1]:
        raise SizeError(
            f"generator: images of {height} x {width} need {units:,} units in the last of hidden, which is "
            f"{net.hidden[-1]:,}: {shape[0]} channels of {shape[1]} x {shape[2]}"
        )
    return shape


def _deconv_side(net: DeconvGenerator, pixels: int) -> int:
    size, rest = divmod(pixels - net.kernel, net.stride)
    if size < 0 or rest:
        raise SizeError(
            f"generator: {pixels} pixels cannot be made with kernel {net.kernel} and stride "
            f"{net.stride}: pixels - kernel must be a multiple of stride"
        )
    return size + 1


def maxout_conv_features(
    net: MaxoutConvDiscriminator, image_shape: Shape, key: str = "discriminator"
) -> int:
    """Units after the convolutions."""
    channels, *size = image_shape
    for conv in net.convolutions:
        size = [pixels + 2 * conv.pad - conv.kernel + 1 for pixels in size]
        if min(size) < conv.pool:
            raise SizeError(
                f"{key}: images of {image_shape[1]} x {image_shape[2]} are too small for its convolutions: "
                f"{min(size)} pixels are left where {conv.pool} are pooled"
            )
        size = [-(-(pixels - conv.pool) // conv.pool_stride) + 1 for pixels in size]
        channels = conv.channels
    return channels * size[0] * size[1]
