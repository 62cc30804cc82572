"""python -m pipeline new: from a folder or file of pictures to a dataset and a run in params.yaml. A command of a
person, never part of a stage; what the pictures become is their source's (pipeline/sources/)."""

PRESETS = ("dcgan", "paper", "quick", "resnet", "vae_gan")  # files in presets/
