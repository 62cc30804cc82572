"""python -m gan_pipeline COMMAND: python -m pipeline, beside a folder `pipeline/` of your own."""

import sys

from gan_pipeline.cli import main  # type: ignore[import-not-found]

if __name__ == "__main__":
    sys.exit(main())
