"""How much of an image is fine detail."""

import torch
from torch import Tensor

FINE = 0.25  # cycles per pixel, half of the highest frequency that pixels can show


def fine_energy(images_NCHW: Tensor) -> float:
    """Mean square of the part of the images with more than FINE cycles per pixel, in any direction.

    By Parseval's theorem, of the discrete Fourier transform, which continues images beyond their edges periodically. A sine
    of amplitude a above FINE has a^2 / 2, below it 0; white noise its variance times the share of frequencies above.
    """
    height, width = images_NCHW.shape[-2:]
    rows, columns = torch.fft.fftfreq(height), torch.fft.fftfreq(width)
    fine_HW = torch.hypot(rows[:, None], columns[None]) > FINE
    power_NCHW = torch.fft.fft2(images_NCHW.double()).abs().square() / (height * width) ** 2
    return power_NCHW[..., fine_HW].sum(dim=-1).mean().item()
