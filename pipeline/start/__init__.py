"""python -m pipeline new: from a folder of pictures to a dataset and a run in params.yaml. A command of a person,
never part of a stage; what the pictures become is `pipeline/sources/folder.py`'s."""

PRESETS = ("dcgan", "paper", "quick", "resnet", "vae_gan")  # files in presets/
