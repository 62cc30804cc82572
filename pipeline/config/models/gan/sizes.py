"""Which sizes of images the convolutional nets take, and what their maps are then."""

from pipeline.config.models.gan.nets import (
    DcganDiscriminator,
    DcganGenerator,
    DeconvGenerator,
    MaxoutConvDiscriminator,
    R3gan,
    ResnetDiscriminator,
    ResnetGenerator,
)

Shape = tuple[int, ...]  # of an image: channels, height, width

SMALLEST, LARGEST = 16, 256  # pixels a side, of images for nets whose maps halve
START = 7  # a generator's smallest map has at most so many pixels a side


class SizeError(ValueError):
    """The images are not of a size that the net takes; the message starts with the key below `train`."""


def check_net(key: str, net: object, image_shape: Shape) -> None:
    """SizeError unless `net`, under `key` of `train`, takes images of the shape."""
    match net:
        case DcganGenerator() | DcganDiscriminator():
            dcgan_maps(image_shape, key)
        case ResnetGenerator() | ResnetDiscriminator():
            resnet_maps(net, image_shape, key)
        case R3gan():
            r3gan_maps(image_shape, key)
        case DeconvGenerator():
            deconv_map(net, image_shape)
        case MaxoutConvDiscriminator():
            maxout_conv_features(net, image_shape, key)


def dcgan_maps(image_shape: Shape, key: str = "generator") -> list[tuple[int, int]]:
    """Height and width of DCGAN's maps, from the image down to at most START pixels a side."""
    return halved("dcgan", image_shape, START, key)


def resnet_maps(
    net: ResnetGenerator | ResnetDiscriminator, image_shape: Shape, key: str = "generator"
) -> list[tuple[int, int]]:
    """Height and width of a ResNet's maps, from the image down; of D's to `smallest_map` pixels a side."""
    most = START if isinstance(net, ResnetGenerator) else net.smallest_map
    return halved("resnet", image_shape, most, key)


def r3gan_maps(image_shape: Shape, key: str = "generator") -> list[tuple[int, int]]:
    """Height and width of R3GAN's maps, from the image down to at most START pixels a side."""
    return halved("r3gan", image_shape, START, key, smallest=START + 1)


def halved(
    name: str, image_shape: Shape, most: int, key: str, smallest: int = SMALLEST
) -> list[tuple[int, int]]:
    """Height and width of the maps of net `name`, each half of the one before, rounded up, until neither is
    above `most`. SizeError unless its images are of `smallest` to LARGEST pixels a side."""
    height, width = image_shape[1:]
    if not smallest <= min(height, width) <= max(height, width) <= LARGEST:
        raise SizeError(
            f"{key}: net {name} is for images of {smallest} to {LARGEST} pixels a side, these "
            f"have {height} x {width}. Take the net mlp, or bring the images to another size"
        )
    found = [(height, width)]
    while max(found[-1]) > most:
        found.append((-(-found[-1][0] // 2), -(-found[-1][1] // 2)))
    return found


def widened(filters: int, count: int, growth: int = 2, most: int = 8) -> list[int]:
    """Filters of `count` layers from the image on: `growth` times as many in each, at most `most` times the first."""
    return [filters * min(growth**i, most) for i in range(count)]


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
