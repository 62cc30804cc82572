"""What is trained, a folder for each family. Nothing here reads params.yaml, opens a file or knows a stage."""
