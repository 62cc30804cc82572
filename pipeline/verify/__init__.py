"""make verify: does a recipe give here what was recorded elsewhere?

What was recorded lies in expected/, a folder for each recipe and in it a file for each kind of processor. Nothing
here trains: a recipe is run by the engines, in a clone of its own.
"""
